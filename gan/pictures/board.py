"""Log a run's losses and grids for TensorBoard, if that package is installed."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from gan.pictures.curves import Columns
from gan.pictures.grid import read_picture
from gan.runs import Run
from gan.support.errors import UserError
from gan.support.tensorflow import tf

STEPS_PER_POINT = 10  # steps: each point of a curve is the mean of this many


class Board:
    """The TensorBoard log of `run`, experiments/<run>/tensorboard. It holds each point once.

    Raises UserError if TensorBoard is not installed, because tf.summary needs it.
    """

    def __init__(self, run: Run) -> None:
        if importlib.util.find_spec("tensorboard") is None:
            raise UserError(
                "--tensorboard needs the package: run .venv/bin/pip install tensorboard"
            )
        self.folder = run.folder / "tensorboard"
        self.written = None  # (name, step) of each point in the log

    def write(self, columns: Columns, grids: dict[int, Path], done: int, total: int) -> None:
        """Write the points of `done` of `total` steps that are missing. Raises OSError.

        It is called after each checkpoint, so the log is never ahead of the step from which the
        run continues. `columns` is the run's log, `grids` has its pictures by step.
        """
        try:
            if self.written is None:
                self.written = set(_points(self.folder))
            with tf.summary.create_file_writer(str(self.folder)).as_default():
                self._write(columns, grids, done, total)
        except tf.errors.OpError as error:
            raise OSError(None, error.message, str(self.folder)) from None

    def _write(self, columns: Columns, grids: dict[int, Path], done: int, total: int) -> None:
        end = done if done == total else done - done % STEPS_PER_POINT
        for row in range(0, end, STEPS_PER_POINT):
            for name in columns.keys() - {"step"}:
                if (name, row) not in self.written:
                    tf.summary.scalar(name, columns[name][row : row + STEPS_PER_POINT].mean(), row)
                    self.written.add((name, row))
        for step, grid in grids.items():
            if ("grid", step) not in self.written and (image := read_picture(grid)):
                tf.summary.image("grid", np.atleast_3d(np.asarray(image))[np.newaxis], step)
                self.written.add(("grid", step))


def _points(folder: Path) -> Iterator[tuple[str, int]]:
    """Yield the name and step of each point in the event files of `folder`."""
    for path in folder.glob("events.*"):
        try:
            for record in tf.data.TFRecordDataset(str(path)):
                event = tf.compat.v1.Event.FromString(record.numpy())
                yield from ((value.tag, event.step) for value in event.summary.value)
        except tf.errors.DataLossError:
            pass  # a process was killed while it wrote the last record
