"""`gan.train --evaluate-every`: measure the images of both generators while a design trains."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from gan.cli.progress import say
from gan.data import load_real
from gan.data.download import PUBLISHED
from gan.design import Design
from gan.evaluation.against import choose_against, opening_line
from gan.evaluation.log import GENERATORS, read_evaluations, write_evaluations
from gan.evaluation.metrics import FIGURES
from gan.evaluation.sampling import collect, draw_samples
from gan.runs import Run
from gan.support.errors import UserError

if TYPE_CHECKING:
    from gan.evaluation.measure import Comparison

IMAGES_PER_EVALUATION = 5000  # their Fréchet distance is a little larger than that of 10,000


class Evaluations:
    """Measures 5,000 images of `design` every `every` steps, as `gan.evaluate --count 5000` does.

    `data` is that of the run's config. `against`: the real images to compare with, "mnist" or
    "fashion" (default: those that fit the data). Raises UserError if they cannot be found, if none
    fit the data, or if the images are not of their size.
    """

    def __init__(
        self, design: Design, run: Run, every: int, data: dict, against: str | None = None
    ) -> None:
        self.design, self.run, self.every = design, run, every
        if against not in (None, *PUBLISHED):
            raise UserError(f"against must be {' or '.join(PUBLISHED)}, not {against!r}")
        name = choose_against(against, data, run.title)
        say(f"{opening_line(name, data)}, every {every:,} steps")
        self.real = load_real(name, say=say, beside=data["source"])

    @cached_property
    def comparison(self) -> Comparison:
        from gan.evaluation.measure import Comparison

        return Comparison(self.real)

    def next_after(self, done: int) -> int:
        """The first step after `done` steps that is evaluated."""
        return done - done % self.every + self.every

    def measure(self, done: int) -> None:
        """Add the figures after `done` steps to the run, if they are due. Raises OSError."""
        if done % self.every:
            return
        rows = read_evaluations(self.run.evaluations, done - 1)
        for average in (False, True) if self.design.averages else (False,):
            images = collect(draw_samples(self.design, 0, IMAGES_PER_EVALUATION, average)).images
            generator, figures = GENERATORS[average], self.comparison.figures(images)
            row = {"step": done, "generator": generator} | {name: figures[name] for name in FIGURES}
            rows.append(row | {"compared_with": PUBLISHED[self.real.name].title})
            distance = figures["frechet_distance"]
            say(f"step {done:,}: Fréchet distance {distance:.2f}, {generator} generator")
        write_evaluations(self.run.evaluations, rows)
