"""The folders of a run: its settings, its progress and its output.

experiments/<run>/lock             held by the process that trains the run
experiments/<run>/config.json      design, recipe, seed, data, devices, versions
experiments/<run>/metrics.csv      one row for each step, in order
experiments/<run>/checkpoints/     the newest 3, and those the document keeps
experiments/<run>/evaluations.csv  figures of the images while it trains (--evaluate-every)
experiments/<run>/evaluation.json  results of gan.evaluate; -average: of the averaged generator
experiments/<run>/tensorboard/     the logs of --tensorboard
images/<run>/                      the grids, curves.png, index.html; at the end training.gif
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gan.runs.checkpoints import Checkpoints
from gan.runs.config import difference, is_config
from gan.runs.lock import holder, locked
from gan.support.errors import UserError
from gan.support.files import remove, replacing, sweep

if TYPE_CHECKING:
    from gan.design import Design

REPOSITORY = Path(__file__).resolve().parents[2]
CHECKPOINT_SECONDS = 60.0  # a crash loses at most this much training
RESERVED = r"reference|shipped-.*"  # folders of the project's own files, and of their pictures


class Run:
    """The folders of run `name` under `root`; nothing is created before `locked`.

    Raises UserError if a run may not have this name (see `is_name`), or `root` is not in UTF-8.
    """

    def __init__(self, name: str, root: Path | str = REPOSITORY) -> None:
        if not is_name(name):
            raise UserError(
                f"no run can be named {name!r}; use letters, digits, '.', '_' and '-', "
                "but not 'reference' or 'shipped-...'"
            )
        try:
            str(root).encode()
        except UnicodeEncodeError:
            raise UserError(
                f"TensorFlow cannot write to {root}, since its name is not in UTF-8 here; "
                "choose another --root"
            ) from None
        self.name = name
        self.root = Path(root)
        self.folder = self.root / "experiments" / name
        self.images = self.root / "images" / name
        self.checkpoints = Checkpoints(self.folder / "checkpoints")
        self.metrics = self.folder / "metrics.csv"
        self.evaluations = self.folder / "evaluations.csv"
        self.title = f"run {name!r}"

    @classmethod
    def of(cls, run: Run | str) -> Run:
        """`run`, or the run of that name in the repository."""
        return run if isinstance(run, cls) else cls(run)

    # -- settings --------------------------------------------------------------------------

    def config(self) -> dict | None:
        """The run's config, or None if there is no such run.

        If config.json is damaged or missing, it comes from the newest checkpoint with a copy.
        Raises UserError if no checkpoint has a copy.
        """
        path = self.folder / "config.json"
        try:
            if is_config(config := json.loads(path.read_bytes())):
                return config
        except NotADirectoryError:
            self.check_folders()
            raise UserError(
                f"{self.root} is not a folder that can hold runs; choose another --root"
            ) from None
        except (FileNotFoundError, IsADirectoryError, ValueError):
            pass
        except OSError as error:
            raise UserError(f"{path} cannot be read: {error.strerror}") from None
        for step in reversed(self.checkpoints.steps()):
            if (record := self.checkpoints.record(step)) and is_config(record["config"]):
                return record["config"]
        if os.path.exists(path) or self.checkpoints.steps():
            raise UserError(
                f"{path} is damaged or missing, and no checkpoint holds a copy; "
                "gan.train --fresh starts the run over, another --name keeps it"
            )
        return None

    def check_data(self, source: str) -> None:
        """Raise UserError if the data's `source` is in a folder that the run writes or deletes."""
        for folder in (self.folder, self.images):
            if Path(source).is_relative_to(folder.resolve()):
                raise UserError(
                    f"the data is in {folder}, where the run writes; choose another --name"
                )

    def check(self, config: dict) -> None:
        """Raise UserError if the run was started with a config that does not fit `config`.

        The length and `average_decay` may differ. Changes nothing.
        """
        if (old := self.config()) and (differing := difference(old, config)):
            raise UserError(
                f"run {self.name!r} was started with {differing}; "
                "continue with that, start over with --fresh, or choose another --name"
            )

    def check_folders(self) -> None:
        """Raise UserError if a link or a file is in the place of one of the run's folders."""
        for folder in (self.folder, self.images):
            if os.path.islink(folder):
                raise UserError(
                    f"{folder} is a link, and a run writes only to its own folders; "
                    "choose another --name"
                )
            if os.path.isfile(folder):
                raise UserError(f"{folder} is a file; choose another --name")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from training the run. Raises UserError if one already does."""
        self.check_folders()
        with locked(self.folder):
            yield

    def trained_by(self) -> str | None:
        """The number of the process that is training the run, or None if there is none."""
        return holder(self.folder)

    def begin(self, config: dict, step: int, metrics: Sequence[str], fresh: bool) -> None:
        """Prepare the run's folders and files for the steps after `step`.

        `metrics` are the columns of its log. `fresh` deletes the files of an earlier run.
        """
        text = json.dumps(config, indent=2) + "\n"  # raises before anything is deleted
        if fresh:
            endings = ("*.png", "*.gif", "*.html") if self.metrics.exists() else ()
            pictures = [path for ending in endings for path in self.images.glob(ending)]
            results = map(self.results, (False, True))
            board = self.folder / "tensorboard"
            for path in (*pictures, self.checkpoints.folder, self.metrics, board, *results):
                remove(path)
        self.checkpoints.folder.mkdir(parents=True, exist_ok=True)
        self.images.mkdir(parents=True, exist_ok=True)
        for folder in (self.folder, self.checkpoints.folder, self.images):
            sweep(folder)
        with replacing(self.folder / "config.json") as temporary:
            temporary.write_text(text, encoding="utf-8")
        with replacing(self.metrics) as temporary:
            if step:  # the log up to the checkpoint only: later steps will run again
                shutil.copyfile(self.checkpoints.path(step) / "metrics.csv", temporary)
            else:
                temporary.write_text(",".join(["step", *metrics]) + "\n", encoding="utf-8")

    # -- progress --------------------------------------------------------------------------

    def resume(
        self, design: Design, config: dict | None = None, say: Callable = print, step: int = 0
    ) -> int:
        """Set the variables of `design` to the newest usable checkpoint; return its steps, or 0.

        If the checkpoint has no averages, they start at G's variables. `say` prints which ones are
        skipped. With `step`, only the checkpoint of this step is used. Raises UserError if there
        are checkpoints, but none is usable.
        """
        config = config or self.config()
        skipped = []
        for each in [step] if step else reversed(self.checkpoints.steps()):
            try:
                self.checkpoints.restore(each, design, config)
            except UserError as error:
                skipped.append(f"the checkpoint of step {each:,} cannot be used: {error}")
                continue
            for line in skipped:
                say(line)
            return each
        if skipped:
            way_out = "choose another --step" if step else "gan.train --fresh starts the run over"
            raise UserError(f"run {self.name!r}: {skipped[0]}; {way_out}")
        return 0

    # -- output ----------------------------------------------------------------------------

    def log(self, first_step: int, values: np.ndarray) -> None:
        """Append a row to metrics.csv for each row of `values`, float32 [steps, metrics]."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        # str of a float32 is the shortest text that reads back as the same number.
        writer.writerows([step, *map(str, row)] for step, row in enumerate(values, first_step))
        try:
            with self.metrics.open("a", encoding="utf-8") as file:
                file.write(text.getvalue())
        except OSError as error:
            error.filename = str(self.metrics)
            raise

    def grid(self, name: str) -> Path:
        """Path of grid `name`."""
        return self.images / f"{name}.png"

    def results(self, average: bool) -> Path:
        """Path of the results of gan.evaluate for the last, or the averaged, generator."""
        return self.folder / f"evaluation{'-average' if average else ''}.json"


def is_name(name: str) -> bool:
    """Whether a run may have this name: a plain folder name that the project does not use."""
    allowed = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name)
    return bool(allowed) and not re.fullmatch(RESERVED, name, re.IGNORECASE)
