"""A run's losses and grids for TensorBoard, where that package is installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from gan.curves import read_metrics
from gan.errors import UserError
from gan.runs import Run

EVERY = 10  # steps from one point of a curve to the next


def check_board() -> None:
    """Raise UserError where TensorBoard is not installed: tf.summary cannot write without it."""
    if importlib.util.find_spec("tensorboard") is None:
        raise UserError("--tensorboard takes the package: .venv/bin/pip install tensorboard")


def write_board(run: Run, grids: dict[int, Path], saved: int, done: int) -> None:
    """Add what came from `saved` to `done` steps to experiments/<run>/tensorboard.

    It is called after each checkpoint, so what is there is not ahead of what a run goes on from.
    `grids` are the pictures of steps among them. Raises OSError.
    """
    try:
        _write(run, grids, saved, done)
    except tf.errors.OpError as error:
        raise OSError(None, error.message, str(run.folder / "tensorboard")) from None


def _write(run: Run, grids: dict[int, Path], saved: int, done: int) -> None:
    columns = read_metrics(run.metrics)
    steps = columns.pop("step").astype(int)
    with tf.summary.create_file_writer(str(run.folder / "tensorboard")).as_default():
        for row in range(saved, done, EVERY):
            for name, values in columns.items():
                tf.summary.scalar(name, values[row : row + EVERY].mean(), int(steps[row]))
        for step, grid in grids.items():
            with Image.open(grid) as image:
                pixels = np.atleast_3d(np.asarray(image))
            tf.summary.image("grid", pixels[np.newaxis], step)
