"""A run's losses and grids for TensorBoard, where that package is installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from gan.pictures.curves import Columns
from gan.pictures.grid import read_picture
from gan.runs import Run
from gan.support.errors import UserError

EVERY = 10  # steps that one point of a curve is the mean of


class Board:
    """The log of `run` for TensorBoard, experiments/<run>/tensorboard. Every point is there once.

    Raises UserError where TensorBoard is not installed: tf.summary cannot write without it.
    """

    def __init__(self, run: Run) -> None:
        if importlib.util.find_spec("tensorboard") is None:
            raise UserError("--tensorboard takes the package: .venv/bin/pip install tensorboard")
        self.folder = run.folder / "tensorboard"
        self.written = None  # names and steps

    def write(self, columns: Columns, grids: dict[int, Path], done: int, total: int) -> None:
        """Write the points that are missing of `done` of `total` steps. Raises OSError.

        It is called after each checkpoint, so what is there is not ahead of what a run goes on
        from. `columns` are the run's log, `grids` the pictures by their steps.
        """
        try:
            if self.written is None:
                self.written = set(_points(self.folder))
            with tf.summary.create_file_writer(str(self.folder)).as_default():
                self._write(columns, grids, done, total)
        except tf.errors.OpError as error:
            raise OSError(None, error.message, str(self.folder)) from None

    def _write(self, columns: Columns, grids: dict[int, Path], done: int, total: int) -> None:
        end = done if done == total else done - done % EVERY
        for row in range(0, end, EVERY):
            for name in columns.keys() - {"step"}:
                stretch = {(name, step) for step in range(row, row + EVERY)}
                if not stretch & self.written:  # an older version began at other steps
                    tf.summary.scalar(name, columns[name][row : row + EVERY].mean(), row)
                    self.written.add((name, row))
        for step, grid in grids.items():
            if ("grid", step) not in self.written and (image := read_picture(grid)):
                tf.summary.image("grid", np.atleast_3d(np.asarray(image))[np.newaxis], step)
                self.written.add(("grid", step))


def _points(folder: Path) -> Iterator[tuple[str, int]]:
    """Name and step of all that is in the event files of `folder`."""
    for path in folder.glob("events.*"):
        try:
            for record in tf.data.TFRecordDataset(str(path)):
                event = tf.compat.v1.Event.FromString(record.numpy())
                yield from ((value.tag, event.step) for value in event.summary.value)
        except tf.errors.DataLossError:
            pass  # a process was killed while it wrote the last one
