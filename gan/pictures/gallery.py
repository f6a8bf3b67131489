"""The pictures of one run: grids as in its document, its losses, its page."""

from collections.abc import Sequence
from pathlib import Path

from gan.data.batches import Schedule
from gan.design import Design
from gan.evaluation.log import comparable, read_evaluations
from gan.pictures.curves import as_means, draw_curves, read_metrics
from gan.pictures.grid import save_gif, save_grid
from gan.pictures.page import write_page
from gan.runs import Run
from gan.support.files import remove


def save_sample_grid(design: Design, path: Path, average: bool = False) -> None:
    """Draw the grid of the design's fixed noise as `path`."""
    images = design.sample(design.grid_noise(), average)
    save_grid(path, images[: design.grid_count])


class Gallery:
    """The pictures of `design`, trained by `schedule`, in the image folder of `run`."""

    def __init__(self, design: Design, run: Run, schedule: Schedule) -> None:
        self.design, self.run, self.schedule = design, run, schedule

    def draw(self, done: int) -> None:
        """Draw the grid that is due after `done` steps, if one is."""
        if name := self.design.grid_name(done - 1, self.schedule.steps_per_epoch):
            save_sample_grid(self.design, self.run.grid(name))

    def draw_final(self) -> None:
        """Draw the pictures of a finished run: final.png, final-average.png and training.gif."""
        save_sample_grid(self.design, self.run.grid("final"))
        average = self.run.grid("final-average")
        if self.design.averages:
            save_sample_grid(self.design, average, average=True)
        else:
            for old in (average, self.run.results(average=True)):  # from a training that kept one
                remove(old)
        grids = self.grids(0, self.schedule.total_steps)
        save_gif(self.run.images / "training.gif", list(grids.values()))

    def grids(self, first: int, done: int) -> dict[int, Path]:
        """The files of the grids from step `first` to step `done` - 1, by step, in order."""
        per_epoch = self.schedule.steps_per_epoch
        names = {step: self.design.grid_name(step, per_epoch) for step in range(first, done)}
        return {step: self.run.grid(name) for step, name in names.items() if name}

    def publish(
        self,
        done: int,
        commands: Sequence[tuple[str, str]],
        metrics: Path | None = None,
        training: bool = False,
    ) -> None:
        """Draw curves.png and index.html after `done` steps, from the log `metrics`.

        `metrics` is the run's own log by default. `commands` are the next commands on the page.
        `training`: whether the training goes on.
        Raises OSError, also if `metrics` is not the log of `done` steps.
        """
        metrics = metrics or self.run.metrics
        columns = read_metrics(metrics)
        if len(columns.get("step", ())) != done:
            raise OSError(None, "the file is damaged", str(metrics))
        means = as_means(columns, self.design.d_loss_terms)
        evaluations = comparable(read_evaluations(self.run.evaluations, done))
        smooth_labels = self.design.recipe.label_smoothing > 0
        draw_curves(means, self.run.grid("curves"), evaluations, smooth_labels)
        grids = list(self.grids(0, done).values())
        total = self.schedule.total_steps
        write_page(self.run, means, grids, done, total, commands, training)


def save_samples(design: Design, name: str, run: Run | str | None = None) -> None:
    """Draw the grid `name` of `run` (default: the run named after the design)."""
    path = Run.of(run or design.name).grid(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_sample_grid(design, path)
