"""How a training ends, also early: by a signal, a disk error, a loss that is NaN or infinite."""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from gan.support.errors import RunError


@contextmanager
def stop_signals() -> Iterator[Callable[[], int | None]]:
    """Yield a function that returns the SIGINT or SIGTERM that came, or None.

    A second signal ends the process at once.
    """
    came = []

    def remember(number: int, frame: object) -> None:
        came.append(number)
        restore()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    if threading.current_thread() is not threading.main_thread():
        before = {}  # only the main thread may handle signals
    for number in before:
        signal.signal(number, remember)
    try:
        yield lambda: came[0] if came else None
    finally:
        restore()


def check_finite(first: int, values: np.ndarray, metrics: Sequence[str]) -> None:
    """Raise FloatingPointError with the step number if a loss is NaN or infinite."""
    for row, column in np.argwhere(~np.isfinite(values)):
        value = values[row, column]
        raise FloatingPointError(f"{metrics[column]} of step {first + row:,} is {value}")


@contextmanager
def what_is_left(done: int, saved: int) -> Iterator[None]:
    """Turn an error that ends a run into a RunError that names the last checkpoint."""
    left = (
        f"the checkpoint of step {saved:,} is complete" if saved else "no checkpoint was saved yet"
    )
    try:
        yield
    except FloatingPointError as error:
        raise RunError(
            f"the training diverged: {error}; {left}; "
            "try --fresh with a smaller --learning-rate or another --seed"
        ) from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise RunError(
            f"stopped at step {done:,}: {where}{error.strerror or error}; {left}; "
            "fix this, then repeat the command (without --fresh) to continue"
        ) from None
