"""The one training loop, for any design.

A step is a function of (variables, seed, step number), so the loop may run as many steps in one
compiled call as it likes, stop after any of them, and go on later to the same bytes.
"""

from __future__ import annotations

import dataclasses
import platform
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, Protocol

import keras
import numpy as np
import tensorflow as tf

from gan import batches
from gan.data import Dataset, load_images
from gan.errors import UserError
from gan.grid import save_grid
from gan.progress import Report
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
    grid_shape: tuple[int, int]  # rows and columns of its document's grid
    compile_with_xla: bool

    def train_step(self, real_images, *noise) -> dict[str, tf.Tensor]: ...

    def sample(self, noise: tf.Tensor) -> tf.Tensor: ...

    def grid_name(self, step: int) -> str | None: ...


def all_variables(design: Design) -> list[keras.Variable]:
    """Everything a step changes: both nets and both optimizers, each variable once."""
    owners = (design.generator, design.discriminator, design.d_optimizer, design.g_optimizer)
    variables = [variable for owner in owners for variable in owner.variables]
    return list({id(variable): variable for variable in variables}.values())


def compile_steps(design: Design, images: np.ndarray, seed: int) -> Callable:
    """Compile `run_steps(first, count) -> float32 [count, metrics]`, count <= STEPS_PER_CALL."""
    recipe = design.recipe
    images = tf.constant(images)  # uint8: a quarter of the memory of float32
    noise_shape = (recipe.batch_size, recipe.latent_dim)

    def run_step(step: tf.Tensor) -> tf.Tensor:
        indices = batches.draw_indices(seed, step, recipe.batch_size, len(images))
        real_images = batches.scale_pixels(tf.gather(images, indices))
        d_noise = batches.draw_noise(seed, step, batches.D_NOISE, noise_shape)
        g_noise = batches.draw_noise(seed, step, batches.G_NOISE, noise_shape)
        values = design.train_step(real_images, d_noise, g_noise)
        return tf.stack([values[name] for name in design.metrics])

    @tf.function(jit_compile=design.compile_with_xla, autograph=False)
    def run(first: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
        log = tf.TensorArray(tf.float32, STEPS_PER_CALL, element_shape=[len(design.metrics)])
        _, log = tf.while_loop(
            lambda done, _: done < count,
            lambda done, log: (done + 1, log.write(done, run_step(first + done))),
            (tf.constant(0), log),
        )
        return log.stack()

    def run_steps(first: int, count: int) -> np.ndarray:
        return run(tf.constant(first), tf.constant(count)).numpy()[:count]

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
    Raises UserError where the run, the data and the design do not fit together.
    """
    run = run or Run(design.name)
    dataset = dataset or load_images()
    if dataset.images.shape[1:] != design.image_shape:
        raise UserError(
            f"{dataset.name} holds images {dataset.images.shape[1:]}, "
            f"but the nets were built for {design.image_shape}"
        )
    total = design.recipe.total_steps(len(dataset.images) // design.recipe.batch_size)
    first = done = run.begin(describe(design, dataset, seed), design.metrics, fresh)
    variables = all_variables(design)
    if done:
        run.restore_checkpoint(done, variables)

    noise = grid_noise(design, seed)
    run_steps = compile_steps(design, dataset.images, seed)
    steps_per_call = 1
    started = last_checkpoint = time.monotonic()
    with stop_signals() as stopped_by, Report(run.name, done, total) as report:
        if done:
            report.say(f"going on after step {done:,}")
        while done < total and not stopped_by():
            # A call ends where a grid is due, as the grid shows the weights after that step.
            end = min(total, done + steps_per_call)
            end = next((step + 1 for step in range(done, end) if design.grid_name(step)), end)
            call_started = time.monotonic()
            values = run_steps(done, end - done)
            rate = (end - done) / (time.monotonic() - call_started)
            # Never more than twice the last: the first call is slow only because it compiles.
            steps_per_call = int(min(max(1, rate * SECONDS_PER_CALL), 2 * steps_per_call))
            steps_per_call = min(steps_per_call, STEPS_PER_CALL)

            run.log(done, values)
            done = end
            if name := design.grid_name(done - 1):
                save_grid(run.grid(name), design.sample(noise))
            if time.monotonic() - last_checkpoint > checkpoint_seconds and done < total:
                run.save_checkpoint(done, variables)
                last_checkpoint = time.monotonic()
            report.update(done, dict(zip(design.metrics, values.mean(axis=0), strict=True)))

        if done > first:
            if done == total:
                save_grid(run.grid("final"), design.sample(noise))
            run.save_checkpoint(done, variables)
    seconds = time.monotonic() - started
    return Outcome(done, total, done - first, seconds, stopped_by() if done < total else None)


def save_samples(design: Design, name: str, run: Run | None = None, seed: int = 0) -> None:
    """Draw the grid `name` of `run` from the design as it is now."""
    path = (run or Run(design.name)).grid(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_grid(path, design.sample(grid_noise(design, seed)))


def grid_noise(design: Design, seed: int) -> tf.Tensor:
    """The one noise [rows * columns, latent_dim] that all grids of a run show."""
    rows, columns = design.grid_shape
    shape = (rows * columns, design.recipe.latent_dim)
    return batches.draw_noise(seed, 0, batches.GRID_NOISE, shape)


def describe(design: Design, dataset: Dataset, seed: int) -> dict:
    """What a run's config.json holds: all that its bytes depend on."""
    return {
        "design": design.name,
        "recipe": dataclasses.asdict(design.recipe),
        "seed": seed,
        "data": {
            "source": dataset.source,
            "name": dataset.name,
            "digest": dataset.digest,
            "images": list(dataset.images.shape),
        },
        "versions": {
            "python": platform.python_version(),
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "numpy": np.__version__,
        },
    }


@contextmanager
def stop_signals() -> Iterator[Callable[[], int | None]]:
    """Yield a function that tells which of SIGINT and SIGTERM came; a second one ends at once."""
    came = []

    def remember(number: int, frame) -> None:
        came.append(number)
        signal.signal(number, before[number])

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    if threading.current_thread() is not threading.main_thread():
        before = {}  # only the main thread may handle signals
    for number in before:
        signal.signal(number, remember)
    try:
        yield lambda: came[0] if came else None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
