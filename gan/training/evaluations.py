"""`gan.train --evaluate-every`: measure the images of both generators while a design trains."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from gan.cli.progress import say
from gan.data import load_mnist
from gan.design import Design
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

    Raises UserError if the real MNIST cannot be found, or if the images are not of its size.
    """

    def __init__(self, design: Design, run: Run, every: int) -> None:
        self.design, self.run, self.every = design, run, every
        if design.image_shape != (28, 28, 1):
            size = "x".join(map(str, design.image_shape))
            raise UserError(f"evaluate_every compares with MNIST, but the images are {size}")
        self.mnist = load_mnist(say=say)
        if not self.mnist.is_real:
            raise UserError(
                f"evaluate_every compares with the real MNIST, but {self.mnist.path} is not it; "
                "set GAN_DATA to the path of mnist.npz, and name the training images with --data"
            )

    @cached_property
    def comparison(self) -> Comparison:
        from gan.evaluation.measure import Comparison

        return Comparison(self.mnist)

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
            rows.append({"step": done, "generator": generator} | {n: figures[n] for n in FIGURES})
            distance = figures["frechet_distance"]
            say(f"step {done:,}: Fréchet distance {distance:.2f}, {generator} generator")
        write_evaluations(self.run.evaluations, rows)
