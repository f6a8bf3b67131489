"""The training loop of all designs: fast, and exact when it continues.

A step depends only on (variables, seed, step number). So the loop can run many steps in a compiled
call, stop after any step, and continue later with the same result, byte for byte.
`gan.training.plain` is the loop without all this; both compute the same.
"""

import math
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from gan.cli.commands import next_commands
from gan.cli.progress import Report, say, warn
from gan.data import Dataset, load_images
from gan.data.batches import Schedule
from gan.design import Design, Outcome
from gan.devices.workers import Workers, explain_lost_workers
from gan.evaluation.log import keep_evaluations
from gan.pictures.board import Board
from gan.pictures.curves import read_metrics
from gan.pictures.gallery import Gallery
from gan.runs.checkpoints import are_finite
from gan.runs.config import make_config
from gan.runs.run import CHECKPOINT_SECONDS, Run
from gan.runs.start import Beginning, build_exchanged_optimizers
from gan.runs.trained import Shipped
from gan.runs.weights import remember_source
from gan.support.errors import UserError
from gan.support.exact import determinism_errors, what_may_differ
from gan.support.memory import memory_errors
from gan.training.endings import check_finite, stop_signals, what_is_left
from gan.training.evaluations import Evaluations
from gan.training.steps import compile_steps, pace

LEAST_STEPS_KEPT = 1000  # about, between checkpoints that stay


class Training:
    """One training of `design` on `dataset`, in the folders of `run`; options: `Design.train`.

    Raises UserError if the run, the data and the design do not fit together.
    """

    def __init__(
        self,
        design: Design,
        run: Run | str | None = None,
        dataset: Dataset | None = None,
        *,
        fresh: bool = False,
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
        tensorboard: bool = False,
        evaluate_every: int | None = None,
        start_from: Run | Shipped | str | None = None,
        against: str | None = None,
    ) -> None:
        if dataset is None:
            dataset = load_images()
        if dataset.images.shape[1:] != design.image_shape:
            raise UserError(
                f"{dataset.name} holds images {dataset.images.shape[1:]}, "
                f"but the nets were built for {design.image_shape}; build a design for these images"
            )
        self.design = design
        self.run = run = Run.of(run or design.name)
        run.check_data(dataset.source)
        self.fresh, self.start_from, self.checkpoint_seconds = fresh, start_from, checkpoint_seconds
        self.board = Board(run) if tensorboard else None
        self.schedule = Schedule(design.recipe, len(dataset.images), design.seed)
        self.schedule.check_slices(design.distribute_strategy.num_replicas_in_sync)
        self.total = self.schedule.total_steps
        self.config = make_config(design, dataset)
        data, every = self.config["data"], evaluate_every
        self.evaluations = Evaluations(design, run, every, data, against) if every else None
        self.warning = dataset.warning
        self.workers = Workers(design.distribute_strategy)
        self.gallery = Gallery(design, run, self.schedule)
        self.run_steps = compile_steps(design, dataset.images, self.schedule)
        self.kept_every = (design.recipe.checkpoint_epochs or 0) * self.schedule.steps_per_epoch

    def train(self) -> Outcome:
        """Lock the run, load its newest checkpoint, and run the loop from there to the end.

        If there are several workers, only the chief reads and writes the run. Raises UserError,
        and RunError if the disk fails, a loss is NaN or infinite, or another worker is gone.
        """
        memory = memory_errors("use a smaller batch, or smaller images")
        with explain_lost_workers(), memory, determinism_errors():
            self.check()
            if self.warning:
                warn(self.warning)
            with self.run.locked() if self.workers.is_chief else nullcontext():
                self.done = first = self.resume()
                try:
                    if first >= self.total:
                        return Outcome(first, self.total, 0, 0.0, None)
                    return self.loop(first)
                finally:
                    remember_source(self.design, self.run.name, self.run.folder, self.done)

    def check(self) -> None:
        """Raise UserError unless the run can begin, or continue with these settings."""
        design, checkpoints = self.design, self.run.checkpoints
        strategy = design.distribute_strategy
        if not strategy.extended.variable_created_in_scope(design.generator.variables[0].value):
            raise UserError("this design was built outside of strategy.scope(); build it inside")
        build_exchanged_optimizers(design)
        if not self.workers.is_chief:
            return
        begins = self.fresh or not checkpoints.steps()
        self.beginning = Beginning(design, self.run, begins, self.start_from)
        self.config["start"] = self.beginning.start
        if not self.fresh:
            self.run.check(self.config)

    def resume(self) -> int:
        """Load the newest checkpoint in all workers, and say what changed. Returns its steps."""
        run, workers, first = self.run, self.workers, 0
        if workers.is_chief:
            first = 0 if self.fresh else run.resume(self.design, self.config, say)
            if first:  # a kill may have come before this was written
                self.write_board(run.checkpoints.path(first) / "metrics.csv", first)
            else:
                self.beginning.prepare(self.config, say)
        [first, starts] = workers.agree(first, self.config["start"] is not None)
        self.design.average_warms_up = not starts
        workers.copy_from_chief([*self.design.all_variables, *self.design.averages])
        if first >= self.total:
            return first
        for line in what_may_differ(self.design.device_kind):
            say(line)
        if first:
            say(f"going on after step {first:,}")
            if workers.is_chief:
                for line in self.beginning.changes(first, self.config):
                    say(line)
        return first

    def loop(self, first: int) -> Outcome:
        """Run some steps, record them, save when due, until the end or a signal."""
        started = time.monotonic()
        # A run that began with other weights than its seed's saves at once: they may be lost.
        last_checkpoint = started if first or not self.config["start"] else -math.inf
        done, saved, steps_per_call = first, first, 1
        report = Report(first, self.total) if self.workers.is_chief else nullcontext()
        with stop_signals() as stopped_by, report:
            while True:
                # All workers must decide the same, so they share what only one of them sees.
                stop, overdue, steps_per_call = self.workers.agree(
                    stopped_by() or 0,
                    time.monotonic() - last_checkpoint > self.checkpoint_seconds,
                    steps_per_call,
                )
                at_end = stop or done == self.total
                is_kept = self.is_kept(done)  # as the recipe asks
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
                self.done = done = end
                if self.workers.is_chief:
                    means = values.mean(axis=0)
                    report.update(done, dict(zip(self.design.loss_names, means, strict=True)))
            # Wait: to the others, a worker that ends early looks dead.
            _, came = self.workers.agree(done, stopped_by() or 0)
        seconds = time.monotonic() - started
        stopped_by = stop if done < self.total else None
        return Outcome(done, self.total, done - first, seconds, stopped_by, came or None)

    def is_kept(self, done: int) -> bool:
        """Whether the recipe asks for a checkpoint after `done` steps that is never deleted.

        The document's number of epochs is meant for MNIST. With few images, epochs have few steps,
        and so many checkpoints would fill the disk.
        """
        if not self.kept_every or done % self.kept_every:
            return False
        documents = type(self.design).recipe.checkpoint_epochs
        return (
            self.design.recipe.checkpoint_epochs != documents
            or done % LEAST_STEPS_KEPT < self.kept_every
        )

    def end_of_call(self, done: int, steps: int) -> int:
        """Where a call of at most `steps` steps ends: a picture needs the weights of its step."""
        end = min(self.total, done + steps, self.schedule.stretch_end(done))
        if self.evaluations:
            end = min(end, self.evaluations.next_after(done))
        for step in range(done, end):
            if self.design.grid_name(step, self.schedule.steps_per_epoch):
                return step + 1
        return end

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
