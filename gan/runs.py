"""A run's folders: what it was started with, how far it came, what it wrote.

experiments/<run>/config.json    design, recipe, seed, data, versions
experiments/<run>/metrics.csv    one row a step, in order, each once
experiments/<run>/checkpoints/   step-<N>/ after N steps, the newest 3 and the document's own
images/<run>/                    the grids
"""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from gan.errors import UserError
from gan.files import remove, replacing, sync
from gan.recipe import LENGTH

REPOSITORY = Path(__file__).resolve().parent.parent
KEEP_CHECKPOINTS = 3
CHECKPOINT_SECONDS = 60.0  # what a crash costs at the most
RESERVED = {"reference"}  # what the project ships lies in folders of that name


class Run:
    """The folders of run `name` under `root`; nothing is made before `begin`.

    Raises UserError for a name that is no plain folder name.
    """

    def __init__(self, name: str, root: Path | str = REPOSITORY) -> None:
        if not is_name(name):
            raise UserError(f"no run can be called {name!r}; use letters, digits, '.', '_' and '-'")
        self.name = name
        self.root = Path(root)
        self.folder = self.root / "experiments" / name
        self.images = self.root / "images" / name
        self.checkpoints = self.folder / "checkpoints"
        self.metrics = self.folder / "metrics.csv"

    # -- what it was started with ----------------------------------------------------------

    def config(self) -> dict | None:
        """The run's config, or None when there is no such run. Raises UserError if damaged."""
        path = self.folder / "config.json"
        try:
            config = json.loads(path.read_text())
            recipe, data = config["recipe"], config["data"]
            wanted = ((config["design"], str), (config["seed"], int), (config["versions"], dict))
            shape = data["images"]
            wanted += ((recipe, dict), (data["source"], str), (data["digest"], str), (shape, list))
            if all(isinstance(value, kind) for value, kind in wanted) and len(shape) == 4:
                return config
        except FileNotFoundError:
            return None
        except NotADirectoryError:
            raise UserError(f"{self.root} is no folder that runs can lie in") from None
        except OSError as error:
            raise UserError(f"{path} cannot be read: {error.strerror}") from None
        except (ValueError, KeyError, TypeError):
            pass
        raise UserError(f"{path} is damaged; --fresh starts the run over, another --name leaves it")

    def check(self, config: dict, fresh: bool) -> None:
        """Raise UserError when the run was started with another config than this.

        Its length may change. With `fresh` there is nothing to compare. Changes nothing.
        """
        if fresh:
            return
        old = self.config()
        if old is None:
            if self.checkpointed_steps():
                raise UserError(
                    f"{self.folder} has checkpoints but no config.json; "
                    "--fresh starts the run over, another --name leaves it"
                )
            return
        pairs = [(name, old[name], config[name]) for name in ("design", "seed")]
        for name in sorted(old["recipe"].keys() | config["recipe"].keys()):
            if name not in LENGTH:
                pairs.append((name, old["recipe"].get(name), config["recipe"].get(name)))
        for what, was, now in pairs:
            if was != now:
                self._refuse(f"{what} {was}", now)
        if old["data"]["digest"] != config["data"]["digest"]:
            was, now = (
                f"{each['data'].get('name')} (digest {each['data']['digest'][:8]})"
                for each in (old, config)
            )
            self._refuse(f"the data {was}", now)

    def _refuse(self, was: str, now: object) -> None:
        raise UserError(
            f"run {self.name!r} was started with {was}, not {now}; "
            "say that again, or --fresh to start over, or another --name"
        )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from training the run. Raises UserError when one does already.

        The lock dies with the process that holds it, however that ends.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / "lock").open("a+")
        except OSError as error:
            raise UserError(
                f"{error.filename} cannot be written: {error.strerror}; choose another --root"
            ) from None
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise UserError(
                    f"run {self.name!r} is being trained by process {lock.read().strip()}; "
                    "wait for it, stop it, or choose another --name"
                ) from None
            lock.truncate(0)
            lock.write(f"{os.getpid()}\n")
            lock.flush()
            yield

    def begin(self, config: dict, step: int, metrics: Sequence[str], fresh: bool) -> None:
        """Make the run's folders and files ready to go on after `step` steps.

        `metrics` are the columns of its log. `fresh` clears what an earlier run left.
        """
        if fresh:
            for path in (self.checkpoints, self.metrics, self.images):
                remove(path)
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        self.images.mkdir(parents=True, exist_ok=True)
        with replacing(self.folder / "config.json") as temporary:
            temporary.write_text(json.dumps(config, indent=2) + "\n")
        # The rows of the steps after `step` go: those will be run again.
        rows = self._rows()[: 1 + step] if step else [",".join(["step", *metrics])]
        with replacing(self.metrics) as temporary:
            temporary.write_text("\n".join(rows) + "\n")

    # -- how far it came -------------------------------------------------------------------

    def checkpointed_steps(self) -> list[int]:
        """Step counts of the checkpoints there are, the newest last."""
        names = (path.name for path in self.checkpoints.glob("step-*"))
        return sorted(int(name[5:]) for name in names if name[5:].isdecimal())

    def save_checkpoint(self, step: int, variables: Sequence, kept_every: int = 0) -> None:
        """Write all `variables` (Keras') as they are after `step` steps, and prune older ones.

        The newest 3 stay, and those of every `kept_every` steps, if that is not 0.
        """
        sync(self.metrics)  # or the disk might have a checkpoint and not the rows before it
        remove(self._checkpoint(step))  # one that could not be read
        with replacing(self._checkpoint(step)) as temporary:
            _checkpoint_of(variables).write(str(temporary / "variables"))
        for old in self.checkpointed_steps()[:-KEEP_CHECKPOINTS]:
            if not kept_every or old % kept_every:
                remove(self._checkpoint(old))

    def resume(self, variables: Sequence, say: Callable[[str], None] = print) -> int:
        """Set `variables` to the newest checkpoint that can be read; return its steps, or 0.

        What is skipped is said. Raises UserError when there are checkpoints, but none will do.
        """
        skipped = []
        for step in reversed(self.checkpointed_steps()):
            try:
                self.restore_checkpoint(step, variables)
                if [row.split(",")[0] for row in self._rows()[1 : 1 + step]] != [
                    str(done) for done in range(step)
                ]:
                    raise UserError(f"{self.metrics.name} lacks rows before it")
            except (UserError, OSError) as error:
                skipped.append(f"the checkpoint of step {step:,} cannot be used: {error}")
                continue
            for line in skipped:
                say(line)
            return step
        if skipped:
            raise UserError(f"{skipped[0]}; --fresh starts the run over")
        return 0

    def restore_checkpoint(self, step: int, variables: Sequence) -> None:
        """Set `variables`, the same as were saved, to the checkpoint of `step` steps.

        Raises UserError when it is damaged, or of other variables.
        """
        import tensorflow as tf

        prefix = str(self._checkpoint(step) / "variables")
        try:
            # All of them must be there, or one that is missing would stay as it was in silence.
            _checkpoint_of(variables).read(prefix).assert_consumed()
        except (tf.errors.OpError, AssertionError, ValueError, IndexError) as error:
            reason = str(error).strip().splitlines()[0][:200]
            raise UserError(f"{prefix} is damaged or of other nets ({reason})") from None

    def _checkpoint(self, step: int) -> Path:
        return self.checkpoints / f"step-{step:08d}"

    # -- what it wrote ---------------------------------------------------------------------

    def log(self, first_step: int, values: np.ndarray) -> None:
        """Append a row to metrics.csv for each row of `values`, float32 [steps, metrics]."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        # str of a float32 is the shortest text that reads back as the same number.
        writer.writerows([step, *map(str, row)] for step, row in enumerate(values, first_step))
        with self.metrics.open("a") as file:
            file.write(text.getvalue())

    def _rows(self) -> list[str]:
        """The lines of metrics.csv that are whole, the header first; none when it is missing."""
        try:
            return self.metrics.read_text().split("\n")[:-1]
        except (FileNotFoundError, UnicodeDecodeError):
            return []

    def grid(self, name: str) -> Path:
        """Path of grid `name`."""
        return self.images / f"{name}.png"


def is_name(name: str) -> bool:
    """Whether a run may be called so: as a folder, and not as one of the project's own."""
    return bool(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name)) and name not in RESERVED


def find_runs(root: Path | str) -> list[Run]:
    """The runs under `root` that have a checkpoint, the last trained one last."""
    paths = (Path(root) / "experiments").glob("*/checkpoints/step-*")
    newest = {path.parts[-3]: path for path in sorted(paths, key=lambda path: path.stat().st_mtime)}
    by_age = sorted(newest, key=lambda name: newest[name].stat().st_mtime)
    runs = [Run(name, root) for name in by_age if is_name(name)]
    return [run for run in runs if run.checkpointed_steps() and run.config()]


def _checkpoint_of(variables: Sequence):
    """A tf.train.Checkpoint over Keras variables, told apart by their order."""
    import tensorflow as tf  # here, so that a run can be looked at without it

    return tf.train.Checkpoint(variables=[variable.value for variable in variables])
