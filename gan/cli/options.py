"""What the commands share: their common options, their errors, a quiet TensorFlow."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from gan.recipe import seed_number
from gan.runs.run import REPOSITORY
from gan.support.errors import RunError, UserError

BAD_INPUT = 2


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line."""

    def error(self, message: str) -> None:
        self.exit(BAD_INPUT, f"{self.prog}: {message} (--help lists the options)\n")


def make_parser(module: str, description: str, which_run: str, **options: object) -> Parser:
    """A parser for `python -m gan.<module>` with the options common to all commands.

    `which_run` says which run is meant where none is named.
    """
    parser = Parser(
        prog=f"python -m gan.{module}", description=description, allow_abbrev=False, **options
    )
    parser.add_argument(
        "--name", metavar="RUN", type=not_empty, help=f"the run (default: {which_run})"
    )
    parser.add_argument(
        "--root",
        metavar="DIR",
        type=a_path,
        default=REPOSITORY,
        help="folder that holds experiments/ and images/ (default: the repository)",
    )
    parser.add_argument(
        "--seed", type=checked(seed_number), default=0, help="where randomness starts (default: 0)"
    )
    return parser


def checked(check: Callable) -> Callable:
    """`check`, as argparse wants a type: its UserError becomes the option's message."""

    def convert(text: str) -> object:
        try:
            return check(text)
        except UserError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


def not_empty(text: str) -> str:
    """Text as an option's value, which an unset shell variable would leave empty."""
    if not text:
        raise argparse.ArgumentTypeError("must not be empty")
    return text


def a_path(text: str) -> Path:
    return Path(not_empty(text))


def make_folder(folder: Path) -> None:
    """Make a folder for the output before the work begins. Raises UserError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be made or is no folder: {error.strerror}") from None


def run_command(main: Callable[[], int]) -> None:
    """Run `main` and exit with its code; what the user must know is one line on stderr."""
    try:
        code = main()
        sys.stdout.flush()
    except (UserError, RunError) as error:
        message = " ".join(str(error).split())
        print(f"error: {message}", file=sys.stderr)
        code = BAD_INPUT if isinstance(error, UserError) else 1
    except KeyboardInterrupt:
        code = 130  # as a shell reports a command that SIGINT ended
    except BrokenPipeError:  # whoever read our output has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    sys.exit(code)


def load_tensorflow() -> None:
    """Start TensorFlow and Keras, which takes seconds: after all cheap checks."""
    import gan.support.quiet  # noqa: F401


def command_line(module: str, *arguments: str) -> str:
    """A command as the user can type it here: with the Python that runs now."""
    python = "python" if shutil.which("python") == sys.executable else sys.executable
    return shlex.join([shown_path(Path(python)), "-m", f"gan.{module}", *arguments])


def shown_path(path: Path) -> str:
    """A path as short as it can be said from here."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
