"""The exceptions that the commands print as one line."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BAD_INPUT = 2  # a command's exit code


class UserError(ValueError, argparse.ArgumentTypeError):
    """Bad input, with a message of one line that says what is wrong and what to do.

    The commands print it on stderr and exit with code 2; argparse adds the option's name. All
    exceptions but these two are faults of the program and keep their traceback.
    """


class RunError(Exception):
    """A run that cannot go on, with a message of one line: where it stopped, what is left of it.

    The disk is full or gone, or the losses are no numbers. The commands exit with code 1.
    """


@contextmanager
def disk_errors(done: str, path: Path) -> Iterator[None]:
    """Turn an OSError in the block into a UserError: `path` cannot be `done` (read, written)."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"{error.filename or path} cannot be {done}: {reason}") from None
