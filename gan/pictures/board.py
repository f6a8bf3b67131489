"""A run's losses and grids for TensorBoard, where that package is installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import tensorflow as tf

from gan.pictures.curves import Columns
from gan.pictures.grid import read_picture
from gan.runs import Run
from gan.support.errors import UserError

EVERY = 10  # steps from one point of a curve to the next


def check_board() -> None:
    """Raise UserError where TensorBoard is not installed: tf.summary cannot write without it."""
    if importlib.util.find_spec("tensorboard") is None:
        raise UserError("--tensorboard takes the package: .venv/bin/pip install tensorboard")


def write_board(run: Run, columns: Columns, grids: dict[int, Path], saved: int, done: int) -> None:
    """Add what came from `saved` to `done` steps to experiments/<run>/tensorboard.

    It is called after each checkpoint, so what is there is not ahead of what a run goes on from.
    `columns` are the run's log, `grids` the pictures of steps among them. Raises OSError.
    """
    try:
        _write(run, columns, grids, saved, done)
    except tf.errors.OpError as error:
        raise OSError(None, error.message, str(run.folder / "tensorboard")) from None


def _write(run: Run, columns: Columns, grids: dict[int, Path], saved: int, done: int) -> None:
    steps = columns["step"].astype(int)
    names = [name for name in columns if name != "step"]
    with tf.summary.create_file_writer(str(run.folder / "tensorboard")).as_default():
        for row in range(saved, done, EVERY):
            for name in names:
                mean = columns[name][row : row + EVERY].mean()
                tf.summary.scalar(name, mean, int(steps[row]))
        for step, grid in grids.items():
            if image := read_picture(grid):
                tf.summary.image("grid", np.atleast_3d(np.asarray(image))[np.newaxis], step)
