"""The averaged generator: an exponential moving average of G's variables over the steps.

No step depends on it. Its images are better than those of the last weights, which the two nets
push to and fro.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import tensorflow as tf

if TYPE_CHECKING:
    from gan.design import Design

EVERY = 20  # steps from one update to the next: each reads and writes all of G


def compile_average(design: Design) -> Callable[[int], None]:
    """Compile `update_average(done)`, to be called after every EVERY steps with their number.

    It moves `design.averages` towards G's variables. The decay of a step is `average_decay`, but at
    most (1 + t) / (10 + t) after t steps, as in tf.train.ExponentialMovingAverage, so that G's
    first weights soon count for nothing.
    """
    pairs = [
        (average.value, variable.value)
        for average, variable in zip(design.averages, design.generator.variables, strict=True)
    ]

    # Not in the graph of the steps: with other operations beside them, dcgan's give other bytes.
    @tf.function(autograph=False)
    def move(decay: tf.Tensor) -> None:
        for average, variable in pairs:
            if average.dtype.is_floating:
                kept = tf.cast(decay, average.dtype)
                average.assign(kept * average + (1 - kept) * variable)
            else:  # the state of a random generator
                average.assign(variable)

    def update_average(done: int) -> None:
        decay = min(design.recipe.average_decay, (1 + done) / (10 + done)) ** EVERY
        move(tf.constant(decay, tf.float64))

    return update_average
