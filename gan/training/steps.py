"""Run many steps in one compiled call."""

from collections.abc import Callable

import numpy as np

from gan.data.batches import Schedule, draw_step_noise
from gan.data.pixels import keep_on_device, scale_pixels
from gan.design import Design
from gan.layers.replicas import my_slice
from gan.support.tensorflow import set_xla_flags, tf
from gan.training.average import STEPS_PER_AVERAGE, compile_average

# At most; 20 if an average is kept, which is updated between two calls.
STEPS_PER_CALL = 100
SECONDS_PER_CALL = 0.25  # about; the live line and Ctrl-C wait this long


def compile_steps(design: Design, images: np.ndarray, schedule: Schedule) -> Callable:
    """Compile `run_steps(first, count) -> float32 [count, losses]`.

    `count` is at most STEPS_PER_CALL, and `first + count` at most `schedule.stretch_end(first)`.
    Each replica of the design's strategy takes its slice of a step.
    """
    strategy = design.distribute_strategy
    take = keep_on_device(images)

    def run_step(step: tf.Tensor, order: tf.Tensor, size: int) -> tf.Tensor:
        pixels = take(schedule.indices(step, order, size))
        noise = draw_step_noise(design.recipe, schedule.seed, step, design.noise_counts(size))
        values = strategy.run(replica_step, (pixels, *noise))
        return strategy.reduce(tf.distribute.ReduceOp.SUM, values, axis=None)

    def replica_step(pixels: tf.Tensor, *noise: tf.Tensor) -> tf.Tensor:
        values = design.step(scale_pixels(my_slice(pixels)), *map(my_slice, noise))
        return tf.stack([tf.cast(values[name], tf.float32) for name in design.loss_names])

    if design.uses_xla:
        set_xla_flags()

    @tf.function(jit_compile=design.uses_xla, autograph=False)
    def run(first: tf.Tensor, count: tf.Tensor, order: tf.Tensor, size: int) -> tf.Tensor:
        log = tf.TensorArray(tf.float32, STEPS_PER_CALL, element_shape=[len(design.loss_names)])
        _, log = tf.while_loop(
            lambda done, _: done < count,
            lambda done, log: (done + 1, log.write(done, run_step(first + done, order, size))),
            (tf.constant(0), log),
            parallel_iterations=1,  # each step needs the variables of the step before
        )
        return log.stack()

    update_average = compile_average(design) if design.averages else None
    epoch, order = None, None  # of the newest step

    def run_steps(first: int, count: int) -> np.ndarray:
        nonlocal epoch, order
        if epoch != first // schedule.steps_per_epoch:
            epoch = first // schedule.steps_per_epoch
            order = tf.constant(schedule.order(first))
        size, end, logs = schedule.size(first), first + count, []
        while first < end:
            part = end
            if update_average:
                part = min(end, first + STEPS_PER_AVERAGE - first % STEPS_PER_AVERAGE)
            log = run(tf.constant(first), tf.constant(part - first), order, size)
            logs.append(log.numpy()[: part - first])
            if update_average and part % STEPS_PER_AVERAGE == 0:
                update_average(part)
            first = part
        return np.concatenate(logs)

    return run_steps


def pace(steps_per_call: int, count: int, seconds: float) -> int:
    """How many steps the next call may run, when `count` steps took `seconds`.

    At most twice as many as before: the first call is slow only because it compiles.
    """
    steps = max(1, int(count / seconds * SECONDS_PER_CALL))
    return min(steps, 2 * steps_per_call, STEPS_PER_CALL)
