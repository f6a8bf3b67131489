"""The options that the commands share, and checks of their values."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from gan.cli.progress import say
from gan.designs import DESIGNS
from gan.recipe import is_side, positive_int, seed_number, whole_number
from gan.runs import Run, Shipped, choose_trained
from gan.runs.run import REPOSITORY
from gan.runs.trained import check_step
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
    return parser


def add_seed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=seed_number, default=0, help="random seed (default: 0)")


def check_excluded(options: argparse.Namespace, excludes: dict[str, list[str]]) -> None:
    """Raise UserError if an option is given together with one of those that it `excludes`."""
    for option, others in excludes.items():
        given = [f"--{name}" for name in others if getattr(options, name)]
        if getattr(options, option) and given:
            raise UserError(f"--{option} cannot be combined with {' or '.join(given)}")


def not_empty(text: str) -> str:
    """Check that a value is not empty, as it is if the user passes an unset shell variable."""
    if not text:
        raise UserError("must not be empty")
    return text


def a_path(text: str) -> Path:
    return Path(not_empty(text))


def a_file(ending: str | None = None) -> Callable[[str], Path]:
    """A check that a value is the path of a file, with this ending if any; no folder or device."""

    def check(text: str) -> Path:
        path = a_path(text)
        if ending and not path.name.lower().endswith(ending):
            raise UserError(f"must be a {ending} file, not {text!r}")
        if os.path.exists(path) and not os.path.isfile(path):
            kind = "folder" if os.path.isdir(path) else "device or a pipe"
            raise UserError(f"must be a file, but {path} is a {kind}")
        return path

    return check


def devices(text: str) -> int | str:
    """The text "cpu", or a number of devices."""
    try:
        return "cpu" if text.lower() == "cpu" else whole_number(1, 64)(text)
    except UserError:
        raise UserError(f"must be cpu, or a whole number from 1 to 64, not {text!r}") from None


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


def some_digits(value: str) -> str:
    """Check that a value consists of digits, each once."""
    if not value or len(set(value)) < len(value) or set(value) - set("0123456789"):
        raise UserError(f"must be digits like 0123456789, each once, not {value!r}")
    return value


def one_digit(value: str) -> str:
    """Check that a value is a digit. The result is text, because options of value 0 seem absent."""
    return str(whole_number(0, 9)(value))


def make_parser_of_trained(module: str, description: str) -> Parser:
    """A parser for a command that uses trained nets; `choose` returns those that it names."""
    usual = "your newest run, or the shipped weights if you have no run"
    parser = make_parser(module, description, usual)
    text = "use the newest run of this design, or its shipped weights if it has no run"
    parser.add_argument("--design", choices=DESIGNS, help=text)
    group = parser.add_mutually_exclusive_group()
    text = """use the weights that come with the project, even if there are runs; with --name best,
        those nearest to MNIST, which were trained with other settings than a document's"""
    group.add_argument("--shipped", action="store_true", help=text)
    text = "use the checkpoint of step N; gan.generate --list shows the kept ones (default: newest)"
    group.add_argument("--step", metavar="N", type=positive_int, help=text)
    text = "use the averaged generator: each training keeps a moving average of G's weights"
    parser.add_argument("--average", action="store_true", help=text)
    return parser


def choose(options: argparse.Namespace) -> Run | Shipped:
    """The trained nets that the options of `make_parser_of_trained` name. Raises UserError."""
    trained = choose_trained(options.root, options.name, options.design, options.shipped, say)
    if options.step:
        check_step(trained, options.step)
    return trained
