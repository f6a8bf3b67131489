"""The pictures of one run: grids as its document draws them, its losses, its page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gan.data.batches import Schedule
from gan.pictures.curves import Columns, as_means, draw_curves, read_metrics
from gan.pictures.grid import save_gif, save_grid
from gan.pictures.page import write_page
from gan.runs import Run

if TYPE_CHECKING:
    from gan.design import Design


class Gallery:
    """What `design`, trained by `schedule`, shows in the folder of images of `run`."""

    def __init__(self, design: Design, run: Run, schedule: Schedule) -> None:
        self.design, self.run, self.schedule = design, run, schedule
        self.noise = design.grid_noise(schedule.seed)

    def draw(self, done: int) -> None:
        """Draw what is due after `done` steps: a grid; at the end final.png and the GIF."""
        if name := self.design.grid_name(done - 1, self.schedule.steps_per_epoch):
            save_grid(self.run.grid(name), self.design.sample(self.noise))
        if done == self.schedule.total_steps:
            save_grid(self.run.grid("final"), self.design.sample(self.noise))
            save_gif(self.run.images / "training.gif", list(self.grids(0, done).values()))

    def grids(self, first: int, done: int) -> dict[int, Path]:
        """The grids of the steps from `first` to before `done`, by step, in order."""
        per_epoch = self.schedule.steps_per_epoch
        names = {step: self.design.grid_name(step, per_epoch) for step in range(first, done)}
        return {step: self.run.grid(name) for step, name in names.items() if name}

    def publish(
        self, done: int, commands: Sequence[tuple[str, str]], metrics: Path | None = None
    ) -> Columns:
        """Draw curves.png and index.html after `done` steps, from the log `metrics`.

        `metrics` is the run's own by default, `commands` is what the page says can be done next.
        Returns the log's columns. Raises OSError, also if it is not the log of `done` steps.
        """
        metrics = metrics or self.run.metrics
        columns = read_metrics(metrics)
        if len(columns.get("step", ())) != done:
            raise OSError(None, "it is not as it was written", str(metrics))
        means = as_means(columns, self.design.d_loss_terms)
        draw_curves(means, self.run.grid("curves"))
        grids = list(self.grids(0, done).values())
        write_page(self.run, means, grids, done, self.schedule.total_steps, commands)
        return columns


def save_samples(design: Design, name: str, run: Run | str | None = None, seed: int = 0) -> None:
    """Draw the grid `name` of `run` (default: the run named after the design)."""
    path = Run.of(run or design.name).grid(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_grid(path, design.sample(design.grid_noise(seed)))
