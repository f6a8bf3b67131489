"""The one training loop, for all designs.

A step depends only on (variables, seed, step number). So the loop can run any number of steps in
one compiled call, stop after any step, and continue later with the same result, byte for byte.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from gan.cli.commands import next_commands
from gan.cli.progress import Report, say, warn
from gan.data import Dataset, load_images
from gan.data.batches import Schedule
from gan.devices.workers import Workers, worker_losses
from gan.evaluation.log import keep_evaluations
from gan.pictures.board import Board
from gan.pictures.curves import read_metrics
from gan.pictures.gallery import Gallery
from gan.runs.checkpoints import are_finite
from gan.runs.config import changes, describe
from gan.runs.run import CHECKPOINT_SECONDS, Run
from gan.support.errors import UserError
from gan.support.quiet import is_exact
from gan.training.endings import Outcome, check_finite, stop_signals, what_is_left
from gan.training.evaluations import Evaluations
from gan.training.steps import compile_steps, pace

if TYPE_CHECKING:
    from gan.design import Design


def train(
    design: Design,
    run: Run | str | None = None,
    dataset: Dataset | None = None,
    *,
    fresh: bool = False,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    strategy: tf.distribute.Strategy | None = None,
    tensorboard: bool = False,
    evaluate_every: int | None = None,
) -> Outcome:
    """Train `design` to the length in its recipe. A stopped run continues.

    It computes the same as this loop, but runs many steps per call and can be stopped:

        for t in range(schedule.total_steps):
            chosen = schedule.indices(t, schedule.order(t), schedule.size(t))
            noise = draw_step_noise(recipe, design.seed, t, design.noise_counts(len(chosen)))
            losses = design.step(scale_pixels(images[chosen]), *noise)
            run.log(t, losses)
            if (t + 1) % EVERY == 0:
                update_average(t + 1)
            if name := design.grid_name(t, schedule.steps_per_epoch):
                save_grid(run.grid(name), design.sample(grid_noise))
            if a minute has passed:
                run.checkpoints.save(t + 1, design)

    `run`: the run or its name (default: the design's name). `dataset`: default `load_images()`.
    `strategy`: the one in which the design was built (default: the current one). `fresh`: start
    over. `tensorboard`: also log for TensorBoard. `evaluate_every`: every so many steps, measure
    images of both generators against the real MNIST. SIGINT and SIGTERM save a checkpoint and end
    the training early. If there are several workers, only the chief reads and writes the run.

    Raises UserError if the run, the data and the design do not fit together. Raises RunError if the
    disk fails, a loss is NaN or infinite, or another worker is gone.
    """
    if dataset is None:
        dataset = load_images()
        if dataset.warning:
            warn(dataset.warning)
    run = Run.of(run or design.name)
    strategy = strategy or tf.distribute.get_strategy()
    job = Training(design, run, dataset, strategy, fresh, tensorboard, evaluate_every)
    with worker_losses(), ExitStack() as held:
        first = job.begin_or_resume(held)
        if first >= job.total:
            return Outcome(first, job.total, 0, 0.0, None)
        return job.train_from(first, checkpoint_seconds)


class Training:
    """The parts of `train`, and what they share. Raises UserError if data and design do not fit."""

    def __init__(
        self,
        design: Design,
        run: Run,
        dataset: Dataset,
        strategy: tf.distribute.Strategy,
        fresh: bool,
        tensorboard: bool,
        evaluate_every: int | None,
    ) -> None:
        if dataset.images.shape[1:] != design.image_shape:
            raise UserError(
                f"{dataset.name} holds images {dataset.images.shape[1:]}, "
                f"but the nets were built for {design.image_shape}; build a design for these images"
            )
        run.check_data(dataset.source)
        self.design, self.run = design, run
        self.fresh = fresh
        self.board = Board(run) if tensorboard else None
        self.evaluations = Evaluations(design, run, evaluate_every) if evaluate_every else None
        self.schedule = Schedule(design.recipe, len(dataset.images), design.seed)
        self.schedule.check_slices(strategy.num_replicas_in_sync)
        self.total = self.schedule.total_steps
        self.config = describe(design, dataset)
        self.workers = Workers(strategy)
        self.gallery = Gallery(design, run, self.schedule)
        self.run_steps = compile_steps(design, dataset.images, self.schedule, strategy)
        self.kept_every = (design.recipe.checkpoint_epochs or 0) * self.schedule.steps_per_epoch

    def begin_or_resume(self, held: ExitStack) -> int:
        """Lock the run in `held` and load its newest checkpoint. Returns its steps, or 0."""
        run, workers, first = self.run, self.workers, 0
        if workers.is_chief:
            if not self.fresh:
                run.check(self.config)
            begins = self.fresh or not run.checkpoints.steps()
            if begins and self.design.g_optimizer.iterations.numpy() > 0:
                raise UserError(
                    "this design was trained before; build a new one, because a new run "
                    "starts from the weights of its seed"
                )
            held.enter_context(run.locked())
            first = 0 if self.fresh else run.resume(self.design, self.config, say)
            if first:  # a kill may have come before this was written
                self.write_board(run.checkpoints.path(first) / "metrics.csv", first)
            else:
                self.design.start_average()
        [first] = workers.agree(first)
        workers.copy_from_chief([*self.design.all_variables, *self.design.averages])
        if workers.is_chief and not first and run.metrics.exists():
            had = run.checkpoints.steps()
            say(f"starting over; the run had {f'{had[-1]:,} steps' if had else 'no checkpoint'}")
        if first >= self.total:
            return first
        if not is_exact():
            say(
                "TensorFlow was started before gan, with several inter-op threads, so a resumed "
                "run may end with other bytes than an undisturbed one; import gan first to avoid it"
            )
        if first:
            say(f"going on after step {first:,}")
            if workers.is_chief:
                has_average = run.checkpoints.has_average(first)
                for line in changes(run.config(), self.config, has_average):
                    say(line)
        return first

    def train_from(self, first: int, checkpoint_seconds: float) -> Outcome:
        """The loop: run some steps, record them, save when due, until the end or a signal."""
        started = last_checkpoint = time.monotonic()
        done, saved, steps_per_call = first, first, 1
        report = Report(first, self.total) if self.workers.is_chief else nullcontext()
        with stop_signals() as stopped_by, report:
            while True:
                # All workers must decide the same, so they share what only one of them sees.
                stop, overdue, steps_per_call = self.workers.agree(
                    stopped_by() or 0,
                    time.monotonic() - last_checkpoint > checkpoint_seconds,
                    steps_per_call,
                )
                at_end = stop or done == self.total
                is_kept = self.kept_every and done % self.kept_every == 0  # as the recipe asks
                if done > saved and (at_end or overdue or is_kept):
                    if stop:
                        say(f"stopping: saving step {done:,} (Ctrl-C again stops without saving)")
                    self.save(done, saved, at_end)
                    saved, last_checkpoint = done, time.monotonic()
                if at_end:
                    break
                end = self.end_of_call(done, steps_per_call)
                call_started = time.monotonic()
                values = self.run_steps(done, end - done)
                steps_per_call = pace(steps_per_call, end - done, time.monotonic() - call_started)
                with what_is_left(done, saved):
                    self.record(done, end, values, begins=done == first)
                done = end
                if self.workers.is_chief:
                    means = values.mean(axis=0)
                    report.update(done, dict(zip(self.design.loss_names, means, strict=True)))
            self.workers.agree(done)  # wait: to the others, a worker that ends early looks dead
        seconds = time.monotonic() - started
        return Outcome(done, self.total, done - first, seconds, stop if done < self.total else None)

    def end_of_call(self, done: int, steps: int) -> int:
        """Where a call of at most `steps` steps ends: a picture needs the weights of its step."""
        end = min(self.total, done + steps, self.schedule.run_end(done))
        if self.evaluations:
            end = min(end, self.evaluations.next_after(done))
        per_epoch = self.schedule.steps_per_epoch
        grids = (step for step in range(done, end) if self.design.grid_name(step, per_epoch))
        return next(grids, end - 1) + 1

    def record(self, done: int, end: int, values: np.ndarray, begins: bool) -> None:
        """Log the losses of the steps from `done` to `end`, and draw what is due.

        Raises FloatingPointError, OSError.
        """
        if self.workers.is_chief:
            if begins:  # the steps work: the old run can be deleted
                self.run.begin(self.config, done, self.design.loss_names, self.fresh)
                keep_evaluations(self.run.evaluations, done)
            self.run.log(done, values)
        check_finite(done, values, self.design.loss_names)
        if self.workers.is_chief:
            self.gallery.draw(end)
            if self.evaluations:
                self.evaluations.measure(end)
            if not done:  # so that a new run has a page early
                self.publish(end, training=True)

    def save(self, done: int, saved: int, at_end: bool) -> None:
        """Save everything after `done` steps. The last checkpoint was after `saved` steps."""
        design, run = self.design, self.run
        with what_is_left(done, saved):
            # A loss is computed before the update, so it may not show a NaN made by the update.
            if not are_finite(design.all_variables):
                raise FloatingPointError(f"after step {done:,} a variable is NaN or infinite")
            if not self.workers.is_chief:
                return
            # Pictures first: a run that has its last checkpoint must have all pictures.
            if done == self.total:
                self.gallery.draw_final()
            self.publish(done, training=not at_end)
            run.checkpoints.save(done, design, self.config, run.metrics, self.kept_every)
        self.write_board(run.metrics, done)

    def write_board(self, metrics: Path, done: int) -> None:
        """Write the log `metrics` of `done` steps for TensorBoard, if the user asked for it."""
        if self.board:
            with what_is_left(done, done):
                grids = self.gallery.grids(0, done)
                self.board.write(read_metrics(metrics), grids, done, self.total)

    def publish(self, done: int, training: bool) -> None:
        """Draw the curves and the page after `done` steps."""
        commands = next_commands(self.run, self.config, done, self.total)
        self.gallery.publish(done, commands, training=training)
