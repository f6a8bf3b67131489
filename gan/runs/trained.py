"""Where trained nets come from: the user's own runs, else the weights that come with the project.

experiments/reference/<design>/config.json     as a run's, and the `steps` it was trained
experiments/reference/<design>/weights-<n>.npy  see gan.runs.weights
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from gan.cli.options import shown_path
from gan.cli.progress import say
from gan.designs import DESIGNS, build_design
from gan.runs.run import REPOSITORY, Run, find_runs
from gan.runs.weights import load_weights, net_variables
from gan.support.errors import UserError

if TYPE_CHECKING:
    from gan.training.loop import Design

REFERENCE = REPOSITORY / "experiments" / "reference"
BEST = "dense"  # the design whose shipped weights are taken when none is named


class Shipped:
    """The nets of `design` as they come with the project; to be drawn from as a `Run` is.

    `why` says, before "the weights ...", why they are taken.
    """

    results = None  # nothing is written beside them

    def __init__(self, design: str, root: Path, why: str = "") -> None:
        self.name = design
        self.folder = REFERENCE / design
        self.root = root
        self.title = f"{why}the weights that come with the project"

    def config(self) -> dict:
        """What it was trained with, as `Run.config`."""
        return json.loads((self.folder / "config.json").read_text())

    def grid(self, name: str) -> Path:
        """Path of a picture `name`, apart from those of runs."""
        return self.root / "images" / f"shipped-{self.name}" / f"{name}.png"


def add_choice(parser: argparse.ArgumentParser) -> None:
    """Add the options that `choose_trained` reads."""
    parser.add_argument("--design", choices=DESIGNS, help="the newest run of this design")
    parser.add_argument(
        "--shipped",
        action="store_true",
        help="the weights that come with the project, even where there are runs",
    )


def choose_trained(options: argparse.Namespace) -> Run | Shipped:
    """The run that is named, or else trained last; where there is none, what is shipped.

    Raises UserError when there is neither.
    """
    if options.name and (options.design or options.shipped):
        raise UserError("give --name, or --design and --shipped, not both")
    runs = [] if options.shipped else find_runs(options.root)
    if options.name:
        named = Run(options.name, options.root)
        if named.name in (run.name for run in runs):
            return named
        missing = f"trained run {options.name!r}"
    else:
        for run in reversed(runs):
            try:
                design = run.config()["design"]
            except UserError as error:
                say(f"left out: {error}")
                continue
            if design not in DESIGNS:  # one built in Python
                say(f"left out: run {run.name!r} is of {design!r}, which is not among the designs")
            elif options.design in (None, design):
                return run
        missing = f"trained run of {options.design}" if options.design else "trained run"
        if (REFERENCE / (options.design or BEST) / "config.json").exists():
            here = f"no run of {options.design} here" if options.design else "no run here"
            why = "" if options.shipped else f"{here}, so "
            return Shipped(options.design or BEST, options.root, why)
        if options.shipped:
            raise UserError(f"no weights of {options.design} come with the project")
    there = ", ".join(run.name for run in runs) or "none"
    raise UserError(
        f"no {missing} in {shown_path(options.root / 'experiments')}; of those with a checkpoint, "
        f"which each has after a minute, there are: {there}; or take the weights that come with "
        "the project: --shipped"
    )


def load(trained: Run | Shipped) -> tuple[Design, int]:
    """Build the design as it was trained; also how many steps it was."""
    config = trained.config()
    design = build_design(config["design"], tuple(config["data"]["images"][1:]), **config["recipe"])
    if isinstance(trained, Shipped):
        load_weights(trained.folder, net_variables(design))
        return design, config["steps"]
    from gan.training.loop import all_variables

    return design, trained.resume(all_variables(design), config)
