"""What a run prints while it trains: one live line, or plain lines without a terminal."""

from __future__ import annotations

import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column

if TYPE_CHECKING:
    from gan.evaluation.sampling import Samples

SECONDS_BETWEEN_PLAIN_LINES = 10


class _Console(Console):
    """A console that ignores a closed output (`| head`), so that the training goes on."""

    def on_broken_pipe(self) -> None:
        with suppress(SystemExit):
            super().on_broken_pipe()  # discards all later output


CONSOLE = _Console(highlight=False, emoji=False)


def say(line: str) -> None:
    """Print a line on stdout, above the live line if there is one.

    A training goes on if the line cannot be printed, because its terminal is gone.
    """
    with suppress(OSError):
        CONSOLE.print(line, markup=False, soft_wrap=True)


def warn(message: str) -> None:
    """Print a warning on stderr that stands out from the lines around it."""
    bar = "!" * 80
    lines = textwrap.wrap(message, 80, break_long_words=False, break_on_hyphens=False)
    print("\n".join(["", bar, *lines, bar, ""]), file=sys.stderr)


class Report:
    """Progress of one run: `total` steps, `done` of them made earlier. A context manager.

    `rate` is in steps per second since the first call of `update`, so it leaves out compiling.
    """

    def __init__(self, done: int, total: int) -> None:
        self.done, self.total = done, total
        self.first_step, self.first_time = None, time.monotonic()
        self.last_line = time.monotonic()
        text = Column(no_wrap=True)
        self.live = Progress(
            BarColumn(bar_width=None, table_column=Column(ratio=1, min_width=4)),
            MofNCompleteColumn(table_column=text),
            TextColumn("{task.fields[rate]}", table_column=text),
            TimeRemainingColumn(compact=True, table_column=text),
            TextColumn("{task.fields[values]}", table_column=text),
            console=CONSOLE,
            expand=True,
        )

    def __enter__(self) -> Report:
        if CONSOLE.is_terminal:
            self.task = self.live.add_task(
                "", completed=self.done, total=self.total, rate="compiling", values=""
            )
            self.live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if CONSOLE.is_terminal:
            self.live.stop()

    def update(self, done: int, values: dict[str, float]) -> None:
        """Show that `done` steps are made, and the current `values` of the metrics."""
        now = time.monotonic()
        if self.first_step is None:
            self.first_step, self.first_time = done, now
        self.done = done
        text = " ".join(f"{name} {value:.3f}" for name, value in values.items())
        rate, left = "", ""  # unknown in the first call
        if self.rate:
            rate = f"{self.rate:.3g} it/s"
            left = f"{duration((self.total - done) / self.rate)} left"
        if CONSOLE.is_terminal:
            self.live.update(self.task, completed=done, rate=rate, values=text)
        elif now - self.last_line > SECONDS_BETWEEN_PLAIN_LINES or done == self.total:
            self.last_line = now
            parts = f"step {done:,}/{self.total:,}", rate, left, text
            say("  ".join(filter(None, parts)))

    @property
    def rate(self) -> float:
        seconds = time.monotonic() - self.first_time
        return (self.done - (self.first_step or 0)) / seconds if seconds > 0 else 0.0


def with_progress(
    chunks: Iterator[Samples], total: int, is_limit: bool = False
) -> Iterator[Samples]:
    """Yield `chunks` of `total` samples, and print the progress every few seconds.

    `is_limit`: most often fewer are taken.
    """
    drawn, last_line, most = 0, time.monotonic(), "at most " if is_limit else ""
    for chunk in chunks:
        drawn += len(chunk.scores)
        if time.monotonic() - last_line > SECONDS_BETWEEN_PLAIN_LINES:
            last_line = time.monotonic()
            say(f"{drawn:,} of {most}{total:,} images drawn")
        yield chunk


def duration(seconds: float) -> str:
    """12 s, 3 min 05 s, 2 h 03 min."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"
