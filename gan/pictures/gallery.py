"""What a run shows of itself: grids as its document draws them, its losses, its page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import tensorflow as tf

from gan.data import batches
from gan.data.batches import Schedule
from gan.pictures.curves import Columns, draw_curves, read_metrics
from gan.pictures.grid import save_gif, save_grid
from gan.pictures.page import write_page
from gan.runs.run import Run

if TYPE_CHECKING:
    from gan.training.loop import Design


def draw_grids(design: Design, run: Run, noise: tf.Tensor, done: int, schedule: Schedule) -> None:
    """Draw what is due after `done` steps: the document's grid; at the end the last, and a GIF."""
    if name := design.grid_name(done - 1, schedule.steps_per_epoch):
        save_grid(run.grid(name), design.sample(noise))
    if done == schedule.total_steps:
        save_grid(run.grid("final"), design.sample(noise))
        grids = grids_until(design, run, done, schedule)
        save_gif(run.images / "training.gif", list(grids.values()))


def grids_until(
    design: Design, run: Run, done: int, schedule: Schedule, first: int = 0
) -> dict[int, Path]:
    """The document's grids of the steps from `first` to before `done`, in order."""
    names = {step: design.grid_name(step, schedule.steps_per_epoch) for step in range(first, done)}
    return {step: run.grid(name) for step, name in names.items() if name}


def publish(design: Design, run: Run, metrics: Path, done: int, schedule: Schedule) -> Columns:
    """Draw what shows how far the run is: its losses, and the page to look through it.

    Returns the columns of the log `metrics`, which it is drawn from. Raises OSError, also where
    that is not the log of `done` steps any more.
    """
    columns = read_metrics(metrics)
    if len(columns.get("step", ())) != done:
        raise OSError(None, "it is not as it was written", str(metrics))
    draw_curves(columns, run.grid("curves"), design.d_loss_terms)
    grids = grids_until(design, run, done, schedule)
    total, terms = schedule.total_steps, design.d_loss_terms
    write_page(run, columns, list(grids.values()), done, total, terms)
    return columns


def save_samples(design: Design, name: str, run: Run | None = None, seed: int = 0) -> None:
    """Draw the grid `name` of `run` from the design as it is now."""
    path = (run or Run(design.name)).grid(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_grid(path, design.sample(grid_noise(design, seed)))


def grid_noise(design: Design, seed: int) -> tf.Tensor:
    """The one noise [grid_count, latent_dim] that all grids of a run show."""
    return batches.draw_noise(design.recipe, seed, 0, batches.GRID_NOISE, design.grid_count)
