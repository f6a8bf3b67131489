"""The exceptions that the commands print as one line."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BAD_INPUT = 2  # a command's exit code


class UserError(ValueError, argparse.ArgumentTypeError):
    """Bad input; the message is one line that says what is wrong and what to do.

    The commands print it on stderr and exit with code 2; argparse adds the option's name. Any
    exception other than UserError and RunError is a bug and keeps its traceback.
    """


class RunError(Exception):
    """A run cannot continue; the message is one line that says where it stopped and what is saved.

    The disk is full or gone, a loss or a variable is NaN or infinite, or another worker is gone.
    The commands exit with code 1.
    """


@contextmanager
def disk_errors(done: str, path: Path) -> Iterator[None]:
    """Turn an OSError in the block into a UserError: `path` cannot be `done` (read, written)."""
    try:
        yield
    except BrokenPipeError:  # the reader of our output is gone
        raise
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"{error.filename or path} cannot be {done}: {reason}") from None
