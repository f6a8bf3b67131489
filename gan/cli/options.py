"""The options that the commands share, and checks of their values."""

from __future__ import annotations

import argparse
from pathlib import Path

from gan.designs import DESIGNS
from gan.recipe import is_side, positive_int, seed_number
from gan.runs.run import REPOSITORY
from gan.support.errors import BAD_INPUT, UserError


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line."""

    def error(self, message: str) -> None:
        line = " ".join(message.split())
        self.exit(BAD_INPUT, f"{self.prog}: {line} (--help lists the options)\n")


def make_parser(module: str, description: str, which_run: str, **options: object) -> Parser:
    """A parser for `python -m gan.<module>` with the options common to all commands.

    `which_run` says in the help which run is the default.
    """
    parser = Parser(
        prog=f"python -m gan.{module}", description=description, allow_abbrev=False, **options
    )
    parser.add_argument(
        "--name", metavar="RUN", type=not_empty, help=f"name of the run (default: {which_run})"
    )
    parser.add_argument(
        "--root",
        metavar="DIR",
        type=a_path,
        default=REPOSITORY,
        help="folder that holds experiments/ and images/ (default: the repository)",
    )
    parser.add_argument("--seed", type=seed_number, default=0, help="random seed (default: 0)")
    return parser


def not_empty(text: str) -> str:
    """Check that a value is not empty, as it is if the user passes an unset shell variable."""
    if not text:
        raise UserError("must not be empty")
    return text


def a_path(text: str) -> Path:
    return Path(not_empty(text))


def side_lengths(value: str) -> tuple[int, int]:
    """The text HEIGHTxWIDTH, or one number for both, as (height, width)."""
    try:
        sides = [positive_int(side) for side in str(value).lower().split("x")]
        height, width = sides * 2 if len(sides) == 1 else sides
        if not all(map(is_side, sides)):
            raise ValueError
    except ValueError:
        raise UserError(
            "must be a size like 28 or 32x48 (height x width), in multiples of 4 from 12 to 1024, "
            f"not {value!r}"
        ) from None
    return height, width


def rows_and_columns(value: str) -> tuple[int, int]:
    """The text ROWSxCOLS as (rows, columns)."""
    try:
        rows, columns = (positive_int(count) for count in str(value).lower().split("x"))
    except ValueError:
        raise UserError(f"must be a grid like 5x8 (rows x columns), not {value!r}") from None
    return rows, columns


def add_choice(parser: argparse.ArgumentParser) -> None:
    """Add --design and --shipped, which `choose_trained` reads, and --average."""
    parser.add_argument(
        "--design",
        choices=DESIGNS,
        help="use the newest run of this design, or its shipped weights if it has no run",
    )
    parser.add_argument(
        "--shipped",
        action="store_true",
        help="use the weights that come with the project, even if there are runs",
    )
    parser.add_argument(
        "--average",
        action="store_true",
        help="use the averaged generator: each training keeps a moving average of G's weights",
    )
