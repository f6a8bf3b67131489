"""A run's folders: what it was started with, how far it came, what it wrote.

experiments/<run>/config.json    design, recipe, seed, data, versions
experiments/<run>/metrics.csv    one row a step, in order, each once
experiments/<run>/checkpoints/   step-<N>/ after N steps, the newest 3 and the document's own
images/<run>/                    the grids
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
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
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name) or name in RESERVED:
            raise UserError(f"no run can be called {name!r}; use letters, digits, '.', '_' and '-'")
        self.name = name
        self.root = Path(root).expanduser()
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
            return {key: config[key] for key in ("design", "recipe", "seed", "data", "versions")}
        except FileNotFoundError:
            return None
        except NotADirectoryError:
            raise UserError(f"{self.root} is no folder that runs can lie in") from None
        except (ValueError, KeyError, TypeError):
            raise UserError(
                f"{path} is damaged; --fresh starts the run over, another --name leaves it"
            ) from None
        except OSError as error:
            raise UserError(f"{path} cannot be read: {error.strerror}") from None

    def begin(self, config: dict, metrics: Sequence[str], fresh: bool) -> int:
        """Make the run, or take it up again; return how many steps it has a checkpoint of.

        `metrics` are the columns of its log. `fresh` clears what an earlier run of that name left.
        Raises UserError when the run was started with another config (its length apart, which
        may change), or when its folders cannot be written to.
        """
        if not fresh and (old := self.config()) is not None:
            self._check_same(old, config)
        try:
            if fresh:
                remove(self.folder)
                remove(self.images)
            self.checkpoints.mkdir(parents=True, exist_ok=True)
            self.images.mkdir(parents=True, exist_ok=True)
            with replacing(self.folder / "config.json") as temporary:
                temporary.write_text(json.dumps(config, indent=2) + "\n")
        except OSError as error:
            raise UserError(
                f"the run cannot be written to {self.folder}: {error.strerror}; choose a --root"
            ) from None
        steps = self.checkpointed_steps()
        step = steps[-1] if steps else 0
        self._rewind_metrics(step, metrics)
        return step

    def _check_same(self, old: dict, new: dict) -> None:
        """Raise UserError naming the first thing in which `new` differs from the run's config."""
        pairs = [("design", old["design"], new["design"]), ("seed", old["seed"], new["seed"])]
        for name in sorted(old["recipe"].keys() | new["recipe"].keys()):
            if name not in LENGTH:
                pairs.append((name, old["recipe"].get(name), new["recipe"].get(name)))
        pairs.append(("data", old["data"]["name"], new["data"]["name"]))
        pairs.append(("data's digest", old["data"]["digest"][:8], new["data"]["digest"][:8]))
        for what, was, now in pairs:
            if was != now:
                raise UserError(
                    f"run {self.name!r} was started with {what} {was}, not {now}; "
                    "say that again, or --fresh to start over, or another --name"
                )

    # -- how far it came -------------------------------------------------------------------

    def checkpointed_steps(self) -> list[int]:
        """Step counts of the checkpoints there are, the newest last."""
        return sorted(int(path.name[5:]) for path in self.checkpoints.glob("step-*"))

    def save_checkpoint(self, step: int, variables: Sequence, kept_every: int = 0) -> None:
        """Write all `variables` (Keras') as they are after `step` steps, and prune older ones.

        The newest 3 stay, and those of every `kept_every` steps, if that is not 0.
        """
        with replacing(self._checkpoint(step)) as temporary:
            _checkpoint_of(variables).write(str(temporary / "variables"))
        for old in self.checkpointed_steps()[:-KEEP_CHECKPOINTS]:
            if not kept_every or old % kept_every:
                remove(self._checkpoint(old))

    def restore_checkpoint(self, step: int, variables: Sequence) -> None:
        """Set `variables`, the same as were saved, to the checkpoint of `step` steps."""
        status = _checkpoint_of(variables).read(str(self._checkpoint(step) / "variables"))
        status.assert_consumed()  # or a variable that is missing would be left as it was

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

    def _rewind_metrics(self, step: int, metrics: Sequence[str]) -> None:
        """Keep the rows of the steps before `step`: those after it will be run again."""
        header = ",".join(["step", *metrics])
        rows = self.metrics.read_text().splitlines()[: 1 + step] if step else [header]
        if rows[:1] != [header] or len(rows) != 1 + step:
            raise UserError(f"{self.metrics} lacks rows; --fresh starts the run over")
        with replacing(self.metrics) as temporary:
            temporary.write_text("\n".join(rows) + "\n")

    def sync_metrics(self) -> None:
        """Have the disk hold the log before a checkpoint says that it is there."""
        sync(self.metrics)

    def grid(self, name: str) -> Path:
        """Path of grid `name`."""
        return self.images / f"{name}.png"


def find_runs(root: Path | str) -> list[Run]:
    """The runs under `root` that have a checkpoint, the last trained one last."""
    paths = (Path(root).expanduser() / "experiments").glob("*/checkpoints/step-*")
    newest = {path.parts[-3]: path for path in sorted(paths, key=lambda path: path.stat().st_mtime)}
    by_age = sorted(newest, key=lambda name: newest[name].stat().st_mtime)
    return [Run(name, root) for name in by_age if name not in RESERVED]


def _checkpoint_of(variables: Sequence):
    """A tf.train.Checkpoint over Keras variables, told apart by their order."""
    import tensorflow as tf  # here, so that a run can be looked at without it

    return tf.train.Checkpoint(variables=[variable.value for variable in variables])
