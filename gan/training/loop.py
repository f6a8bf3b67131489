"""The one training loop, for any design.

A step is a function of (variables, seed, step number), so the loop may run as many steps in one
compiled call as it likes, stop after any of them, and go on later to the same bytes.
"""

from __future__ import annotations

import dataclasses
import functools
import platform
import time
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from typing import NamedTuple, Protocol

import keras
import numpy as np
import tensorflow as tf

from gan.cli.progress import Report, say
from gan.data import batches
from gan.data.batches import Schedule
from gan.data.images import Dataset, load_images
from gan.devices.strategy import Workers, worker_losses
from gan.layers.replicas import my_slice
from gan.pictures.board import check_board, write_board
from gan.pictures.gallery import draw_grids, grid_noise, grids_until, publish
from gan.recipe import Recipe
from gan.runs.run import CHECKPOINT_SECONDS, Run
from gan.support.errors import UserError
from gan.support.quiet import is_exact
from gan.training.endings import check_finite, stop_signals, what_is_left

STEPS_PER_CALL = 100  # at most; enough that the cost of a call vanishes
SECONDS_PER_CALL = 0.25  # about; the live line and Ctrl-C wait for no longer


class Design(Protocol):
    """What the loop asks of a design; `gan.dense.GAN` is one."""

    name: str
    recipe: Recipe
    image_shape: tuple[int, int, int]
    generator: keras.Model
    discriminator: keras.Model
    d_optimizer: keras.optimizers.Optimizer
    g_optimizer: keras.optimizers.Optimizer
    metrics: tuple[str, ...]  # the keys of what train_step returns
    d_loss_terms: int  # 2 where d_loss is the sum of its halves, 1 where it is their mean
    grid_count: int  # images in its document's grid
    compile_with_xla: bool

    def train_step(self, real_images: tf.Tensor, *noise: tf.Tensor) -> dict[str, tf.Tensor]: ...

    def sample(self, noise: tf.Tensor) -> tf.Tensor: ...

    def noise_counts(self, real_count: int) -> tuple[int, ...]: ...

    def grid_name(self, step: int, steps_per_epoch: int) -> str | None: ...


def all_variables(design: Design) -> list[keras.Variable]:
    """Everything a step changes: both nets and both optimizers, each variable once."""
    owners = (design.generator, design.discriminator, design.d_optimizer, design.g_optimizer)
    variables = [variable for owner in owners for variable in owner.variables]
    return list({id(variable): variable for variable in variables}.values())


def compile_steps(
    design: Design,
    images: np.ndarray,
    schedule: Schedule,
    strategy: tf.distribute.Strategy | None = None,
) -> Callable:
    """Compile `run_steps(first, count) -> float32 [count, metrics]`.

    `count` is at most STEPS_PER_CALL, and `first + count` at most `schedule.run_end(first)`.
    Under `strategy`, in which the design was built, each replica takes its slice of a step.
    """
    strategy = strategy or tf.distribute.get_strategy()
    # This pass fails on the gradient of dcgan's convolutions, says so, and changes nothing.
    tf.config.optimizer.set_experimental_options({"remapping": False})
    recipe, seed = design.recipe, schedule.seed
    images = tf.constant(images)  # uint8: a quarter of the memory of float32
    order_of_step = functools.lru_cache(1)(lambda first: tf.constant(schedule.order(first)))

    def run_step(step: tf.Tensor, order: tf.Tensor, size: int) -> tf.Tensor:
        pixels = tf.gather(images, schedule.indices(step, order, size))
        noise = [
            batches.draw_noise(recipe, seed, step, stream, count)
            for stream, count in enumerate(design.noise_counts(size), batches.D_NOISE)
        ]
        values = strategy.run(replica_step, (pixels, *noise))
        return strategy.reduce(tf.distribute.ReduceOp.SUM, values, axis=None)

    def replica_step(pixels: tf.Tensor, *noise: tf.Tensor) -> tf.Tensor:
        values = design.train_step(batches.scale_pixels(my_slice(pixels)), *map(my_slice, noise))
        return tf.stack([tf.cast(values[name], tf.float32) for name in design.metrics])

    # XLA with several replicas hangs or fails.
    @tf.function(
        jit_compile=design.compile_with_xla and strategy.num_replicas_in_sync == 1, autograph=False
    )
    def run(first: tf.Tensor, count: tf.Tensor, order: tf.Tensor, size: int) -> tf.Tensor:
        log = tf.TensorArray(tf.float32, STEPS_PER_CALL, element_shape=[len(design.metrics)])
        _, log = tf.while_loop(
            lambda done, _: done < count,
            lambda done, log: (done + 1, log.write(done, run_step(first + done, order, size))),
            (tf.constant(0), log),
            parallel_iterations=1,  # each step starts from what the last one left
        )
        return log.stack()

    def run_steps(first: int, count: int) -> np.ndarray:
        epoch_first = first - first % schedule.steps_per_epoch
        order = order_of_step(epoch_first)
        log = run(tf.constant(first), tf.constant(count), order, schedule.size(first))
        return log.numpy()[:count]

    return run_steps


class Outcome(NamedTuple):
    """How a training ended: `done` of `total` steps, `trained` of them now, in `seconds`.

    `stopped_by` is the signal that ended it early, or None.
    """

    done: int
    total: int
    trained: int
    seconds: float
    stopped_by: int | None


def train(
    design: Design,
    run: Run | None = None,
    dataset: Dataset | None = None,
    *,
    seed: int = 0,
    fresh: bool = False,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    strategy: tf.distribute.Strategy | None = None,
    tensorboard: bool = False,
) -> Outcome:
    """Train `design` up to its recipe's length, going on where `run` stopped before.

    `run` defaults to the one called as the design is, `dataset` to `load_images()`, `strategy` to
    the present one, in which the design was built; `fresh` starts over. SIGINT and SIGTERM save a
    checkpoint and end it early. `tensorboard` logs for TensorBoard, too. Of several workers the
    chief alone reads and writes the run.
    Raises UserError where the run, the data and the design do not fit together, RunError when the
    disk fails, the losses are no numbers any more, or another worker is gone.
    """
    strategy = strategy or tf.distribute.get_strategy()
    workers = Workers(strategy)
    run = run or Run(design.name)
    if dataset is None:
        dataset = load_images()
        if dataset.warning:
            warnings.warn(dataset.warning, stacklevel=3)
    if dataset.images.shape[1:] != design.image_shape:
        raise UserError(
            f"{dataset.name} holds images {dataset.images.shape[1:]}, "
            f"but the nets were built for {design.image_shape}"
        )
    if tensorboard:
        check_board()
    run.check_data(dataset.source)
    schedule = Schedule(design.recipe, len(dataset.images), seed)
    schedule.check_slices(strategy.num_replicas_in_sync)
    total, steps_per_epoch = schedule.total_steps, schedule.steps_per_epoch
    kept_every = (design.recipe.checkpoint_epochs or 0) * steps_per_epoch
    config = describe(design, dataset, seed)
    variables = all_variables(design)
    noise = grid_noise(design, seed)
    run_steps = compile_steps(design, dataset.images, schedule, strategy)
    steps_per_call, stop = 1, 0

    with worker_losses(), ExitStack() as held:
        first = 0
        if workers.is_chief:
            if not fresh:
                run.check(config)
            held.enter_context(run.locked())
            first = 0 if fresh else run.resume(variables, config, say)
        [first] = workers.agree(first)
        workers.copy_from_chief(variables)
        if workers.is_chief and not first and run.metrics.exists():
            had = run.checkpoints.steps()
            say(f"starting over; the run had {f'{had[-1]:,} steps' if had else 'no checkpoint'}")
        if first >= total:
            return Outcome(first, total, 0, 0.0, None)
        if not is_exact():
            say(
                "TensorFlow was started before gan, with several inter-op threads: "
                "a resumed run may end with other bytes. Import gan first for equal bytes"
            )
        if first:
            say(f"going on after step {first:,}")
            if workers.is_chief and (begun_with := run.config()["versions"]) != config["versions"]:
                say(f"begun with {begun_with}: from here on the bytes may differ")
        stopped_by = held.enter_context(stop_signals())
        report = held.enter_context(Report(first, total)) if workers.is_chief else None
        started = last_checkpoint = time.monotonic()
        done = saved = first
        while True:
            # All workers must take the same turn here, so whatever one sees alone is agreed upon.
            stop, overdue, steps_per_call = workers.agree(
                stopped_by() or 0,
                time.monotonic() - last_checkpoint > checkpoint_seconds,
                steps_per_call,
            )
            at_end = stop or done == total
            if stop and done > saved:
                say(f"stopping: saving step {done:,} (a second signal ends it at once, without)")
            kept = kept_every and done % kept_every == 0
            # After the pictures, so that a run with its last checkpoint has them all.
            if done > saved and (at_end or overdue or kept):
                if workers.is_chief:
                    with what_is_left(done, saved):
                        columns = publish(design, run, run.metrics, done, schedule)
                        run.checkpoints.save(done, variables, config, run.metrics, kept_every)
                    if tensorboard:
                        with what_is_left(done, done):
                            grids = grids_until(design, run, done, schedule, saved)
                            write_board(run, columns, grids, saved, done)
                saved, last_checkpoint = done, time.monotonic()
            if at_end:
                break

            end = min(total, done + steps_per_call, schedule.run_end(done))
            # A call ends where a grid is due: the grid shows the weights after that step.
            grids = (t for t in range(done, end) if design.grid_name(t, steps_per_epoch))
            end = next(grids, end - 1) + 1
            call_started = time.monotonic()
            values = run_steps(done, end - done)
            rate = (end - done) / (time.monotonic() - call_started)
            # At most doubled: the first call is slow only because it compiles.
            steps_per_call = min(
                max(1, int(rate * SECONDS_PER_CALL)), 2 * steps_per_call, STEPS_PER_CALL
            )

            with what_is_left(done, saved):
                begins = done == first
                if workers.is_chief:
                    if begins:  # the step works: what an old run left may go
                        run.begin(config, done, design.metrics, fresh)
                    run.log(done, values)
                check_finite(done, values, design.metrics)
                done = end
                if workers.is_chief:
                    draw_grids(design, run, noise, done, schedule)
                    if begins and not first:  # so that the page is there to be looked at
                        publish(design, run, run.metrics, done, schedule)
            if report:
                report.update(done, dict(zip(design.metrics, values.mean(axis=0), strict=True)))
        workers.agree(done)  # they leave together: who leaves early looks dead to the others
        seconds = time.monotonic() - started
        return Outcome(done, total, done - first, seconds, stop if done < total else None)


def describe(design: Design, dataset: Dataset, seed: int) -> dict:
    """What a run's config.json holds: all that its bytes depend on, but for the first weights."""
    return {
        "design": design.name,
        "recipe": dataclasses.asdict(design.recipe),
        "seed": seed,
        "data": {
            "source": dataset.source,
            "name": dataset.name,
            "digest": dataset.digest,
            "images": list(dataset.images.shape),
            "resized_to": dataset.resized_to,
        },
        "versions": {
            "python": platform.python_version(),
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "numpy": np.__version__,
        },
    }
