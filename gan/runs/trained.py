"""Where trained nets come from: the user's own runs, else the weights that come with the project.

experiments/reference/<design>/config.json     as a run's, and the `steps` it was trained
experiments/reference/<design>/weights-<n>.npy  see gan.runs.weights
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from gan.designs import DESIGNS, build_design
from gan.runs.config import settings
from gan.runs.run import REPOSITORY, Run, is_name
from gan.runs.weights import load_weights, net_variables
from gan.support.errors import UserError
from gan.support.files import shown_path

if TYPE_CHECKING:
    from gan.design import Design

REFERENCE = REPOSITORY / "experiments" / "reference"
BEST = "dense"  # the design whose shipped weights are taken when none is named


class Shipped:
    """The nets of `design` as they come with the project; to be drawn from as a `Run` is.

    `why` says, before "the weights ...", why they are taken.
    """

    def __init__(self, design: str, root: Path, why: str = "") -> None:
        self.name = design
        self.folder = REFERENCE / design
        self.root = root
        self.title = f"{why}the weights that come with the project"

    def config(self) -> dict:
        """What it was trained with, as `Run.config`. Raises UserError if none come."""
        if not (self.folder / "config.json").exists():
            raise UserError(f"no weights of {self.name} come with the project")
        return json.loads((self.folder / "config.json").read_text())

    def results(self, average: bool) -> None:
        """Nothing is written beside them."""

    def grid(self, name: str) -> Path:
        """Path of a picture `name`, apart from those of runs."""
        return self.root / "images" / f"shipped-{self.name}" / f"{name}.png"


def find_runs(root: Path | str) -> list[Run]:
    """The runs under `root` that have a checkpoint, the last trained one last."""
    folders = (Path(root) / "experiments").glob("*/checkpoints")
    runs = [Run(folder.parent.name, root) for folder in folders if is_name(folder.parent.name)]
    runs = [run for run in runs if run.checkpoints.steps()]

    def last_trained(run: Run) -> float:
        try:
            return run.checkpoints.path(run.checkpoints.steps()[-1]).stat().st_mtime
        except (OSError, IndexError):
            return time.time()  # it is being trained, and has just deleted that checkpoint

    return sorted(runs, key=last_trained)


def choose_trained(
    root: Path,
    name: str | None = None,
    design: str | None = None,
    shipped: bool = False,
    say: Callable[[str], None] = print,
) -> Run | Shipped:
    """The run `name`, else the newest run (of `design`); if there is none, what is shipped.

    `shipped` leaves the runs aside. `say` is told of runs that are left out. Raises UserError if
    there is neither.
    """
    if name and (design or shipped):
        raise UserError("--name cannot be combined with --design or --shipped")
    runs = [] if shipped else find_runs(root)
    if name:
        named = Run(name, root)
        if named.name in (run.name for run in runs):
            return named
        missing = f"trained run {name!r}"
    else:
        for run in reversed(runs):
            try:
                trained = run.config()["design"]
            except UserError as error:
                say(f"left out: {error}")
                continue
            if trained not in DESIGNS:  # one built in Python
                say(f"left out: run {run.name!r} is of {trained!r}, which is not among the designs")
            elif design in (None, trained):
                return run
        missing = f"trained run of {design}" if design else "trained run"
        here = f"no run of {design} here" if design else "no run here"
        found = Shipped(design or BEST, root, "" if shipped else f"{here}, so ")
        if shipped or (found.folder / "config.json").exists():
            return found
    there = ", ".join(run.name for run in runs) or "none"
    raise UserError(
        f"no {missing} in {shown_path(root / 'experiments')}; runs with a checkpoint, which each "
        f"has after a minute: {there}; or use the weights that come with the project: --shipped"
    )


def load(
    trained: Run | Shipped | str, *, shipped: bool = False, average: bool = False
) -> tuple[Design, int]:
    """Build the design as it was trained; also how many steps it was.

    `trained`: a run or its name, with `shipped` the name of a design whose weights come with the
    project. Raises UserError if there is nothing trained, or with `average` no averaged generator.
    """
    if isinstance(trained, str):
        trained = Shipped(trained, REPOSITORY) if shipped else Run(trained)
    if (config := trained.config()) is None:
        raise UserError(f"no {trained.title} in {shown_path(trained.folder.parent)}")
    shape, recipe = tuple(config["data"]["images"][1:]), settings(config)
    design = build_design(config["design"], shape, config["seed"], **recipe)
    if isinstance(trained, Shipped):
        load_weights(trained.folder, net_variables(design))
        design.start_average()
        steps, has_average = config["steps"], False
    else:
        if not (steps := trained.resume(design, config)):
            raise UserError(f"{trained.title} has no checkpoint; a training saves one each minute")
        has_average = trained.checkpoints.has_average(steps)
    if average and not has_average:
        raise UserError(f"{trained.title}: no averaged generator was kept; leave out --average")
    return design, steps
