"""The one training loop, for any design.

A step is a function of (variables, seed, step number), so the loop may run as many steps in one
compiled call as it likes, stop after any of them, and go on later to the same bytes.
"""

from __future__ import annotations

import dataclasses
import functools
import platform
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

import keras
import numpy as np
import tensorflow as tf

from gan import batches
from gan.batches import Schedule
from gan.data import Dataset, load_images
from gan.endings import check_finite, stop_signals, what_is_left
from gan.errors import UserError
from gan.grid import save_gif, save_grid
from gan.progress import Report, say
from gan.recipe import Recipe
from gan.runs import CHECKPOINT_SECONDS, Run

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
    grid_count: int  # images in its document's grid
    compile_with_xla: bool

    def train_step(self, real_images, *noise) -> dict[str, tf.Tensor]: ...

    def sample(self, noise: tf.Tensor) -> tf.Tensor: ...

    def noise_counts(self, real_count: int) -> tuple[int, ...]: ...

    def grid_name(self, step: int, steps_per_epoch: int) -> str | None: ...


def all_variables(design: Design) -> list[keras.Variable]:
    """Everything a step changes: both nets and both optimizers, each variable once."""
    owners = (design.generator, design.discriminator, design.d_optimizer, design.g_optimizer)
    variables = [variable for owner in owners for variable in owner.variables]
    return list({id(variable): variable for variable in variables}.values())


def compile_steps(design: Design, images: np.ndarray, schedule: Schedule) -> Callable:
    """Compile `run_steps(first, count) -> float32 [count, metrics]`.

    `count` is at most STEPS_PER_CALL, and `first + count` at most `schedule.run_end(first)`.
    """
    # This pass fails on the gradient of dcgan's convolutions, says so, and changes nothing.
    tf.config.optimizer.set_experimental_options({"remapping": False})
    recipe, seed = design.recipe, schedule.seed
    images = tf.constant(images)  # uint8: a quarter of the memory of float32
    order_of_step = functools.lru_cache(1)(lambda first: tf.constant(schedule.order(first)))

    def run_step(step: tf.Tensor, order: tf.Tensor, size: int) -> tf.Tensor:
        real_images = batches.scale_pixels(tf.gather(images, schedule.indices(step, order, size)))
        noise = [
            batches.draw_noise(recipe, seed, step, stream, count)
            for stream, count in enumerate(design.noise_counts(size), batches.D_NOISE)
        ]
        values = design.train_step(real_images, *noise)
        return tf.stack([values[name] for name in design.metrics])

    @tf.function(jit_compile=design.compile_with_xla, autograph=False)
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
) -> Outcome:
    """Train `design` up to its recipe's length, going on where `run` stopped before.

    `run` defaults to the one called as the design is, `dataset` to `load_images()`; `fresh`
    starts over. SIGINT and SIGTERM save a checkpoint and end it early.
    Raises UserError where the run, the data and the design do not fit together, RunError when the
    disk fails or the losses are no numbers any more.
    """
    run = run or Run(design.name)
    dataset = dataset or load_images()
    if dataset.images.shape[1:] != design.image_shape:
        raise UserError(
            f"{dataset.name} holds images {dataset.images.shape[1:]}, "
            f"but the nets were built for {design.image_shape}"
        )
    schedule = Schedule(design.recipe, len(dataset.images), seed)
    total, steps_per_epoch = schedule.total_steps, schedule.steps_per_epoch
    kept_every = (design.recipe.checkpoint_epochs or 0) * steps_per_epoch
    config = describe(design, dataset, seed)
    if not fresh:
        run.check(config)
    variables = all_variables(design)
    noise = grid_noise(design, seed)
    run_steps = compile_steps(design, dataset.images, schedule)
    steps_per_call = 1
    with run.locked(), stop_signals() as stopped_by:
        started = last_checkpoint = time.monotonic()
        first = done = saved = 0 if fresh else run.resume(variables, config, say)
        if done >= total:
            return Outcome(done, total, 0, 0.0, None)
        with Report(done, total) as report:
            if done:
                say(f"going on after step {done:,}")
                if (begun_with := run.config()["versions"]) != config["versions"]:
                    say(f"begun with {begun_with}: from here on the bytes may differ")
            while done < total and not stopped_by():
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
                    if done == first:  # the step works: what an old run left may go
                        run.begin(config, done, design.metrics, fresh)
                    run.log(done, values)
                    check_finite(done, values, design.metrics)
                    done = end
                    if name := design.grid_name(done - 1, steps_per_epoch):
                        save_grid(run.grid(name), design.sample(noise))
                    if done == total:
                        save_grid(run.grid("final"), design.sample(noise))
                        names = (design.grid_name(t, steps_per_epoch) for t in range(total))
                        grids = [run.grid(name) for name in names if name]
                        save_gif(run.images / "training.gif", grids)
                    # After the pictures, so that a run with its last checkpoint has them all.
                    overdue = time.monotonic() - last_checkpoint > checkpoint_seconds
                    if overdue or done == total or (kept_every and done % kept_every == 0):
                        run.checkpoints.save(done, variables, config, run.metrics, kept_every)
                        saved, last_checkpoint = done, time.monotonic()
                report.update(done, dict(zip(design.metrics, values.mean(axis=0), strict=True)))
        if done > saved:
            with what_is_left(done, saved):
                run.checkpoints.save(done, variables, config, run.metrics, kept_every)
        seconds = time.monotonic() - started
        return Outcome(done, total, done - first, seconds, stopped_by() if done < total else None)


def save_samples(design: Design, name: str, run: Run | None = None, seed: int = 0) -> None:
    """Draw the grid `name` of `run` from the design as it is now."""
    path = (run or Run(design.name)).grid(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_grid(path, design.sample(grid_noise(design, seed)))


def grid_noise(design: Design, seed: int) -> tf.Tensor:
    """The one noise [grid_count, latent_dim] that all grids of a run show."""
    return batches.draw_noise(design.recipe, seed, 0, batches.GRID_NOISE, design.grid_count)


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
