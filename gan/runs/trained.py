"""Find trained nets: the user's own runs, or the weights that come with the project.

experiments/reference/<name>/config.json     like a run's, with the `steps` of its training
experiments/reference/<name>/weights-<n>.npy, average-<n>.npy  see gan.runs.weights

The name is that of a design, whose settings are its document's, or "best": a design trained with
other settings, which draws the images that are nearest to MNIST.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from gan.designs import DESIGNS, build_design
from gan.runs.config import settings
from gan.runs.run import REPOSITORY, Run, is_name
from gan.runs.weights import load_weights, remember_source
from gan.support.errors import UserError, disk_errors
from gan.support.files import shown_path

if TYPE_CHECKING:
    from gan.design import Design

REFERENCE = REPOSITORY / "experiments" / "reference"
SHIPPED = "shipped-"  # before the name of weights that come with the project
SHIPPED_NAMES = (*DESIGNS, "best")
USUAL = "dense"  # the shipped weights that are used if none are named


class Shipped:
    """The trained nets `name` that come with the project; used like a `Run`.

    `why` stands before "the weights ..." in messages and says why they are used. Raises UserError
    if no weights have this name.
    """

    def __init__(self, name: str, root: Path, why: str = "") -> None:
        if name not in SHIPPED_NAMES:
            there = ", ".join(SHIPPED_NAMES)
            raise UserError(f"no weights {name!r} come with the project; there are {there}")
        self.name = name
        self.folder = REFERENCE / name
        self.root = root
        which = "the weights" if name in DESIGNS else f"the weights {name!r}"
        self.title = f"{why}{which} that come with the project"

    def config(self) -> dict:
        """The config of its training, like `Run.config`. Raises UserError if there is none."""
        if not (self.folder / "config.json").exists():
            raise UserError(f"no weights of {self.name} come with the project")
        return json.loads((self.folder / "config.json").read_bytes())

    def results(self, average: bool) -> None:
        """None: results of shipped weights are not stored."""

    def grid(self, name: str) -> Path:
        """Path of picture `name`, in a folder that no run uses."""
        return self.root / "images" / f"shipped-{self.name}" / f"{name}.png"


def find_runs(root: Path | str, untrained: bool = False) -> list[Run]:
    """The runs under `root` that have a checkpoint, newest last.

    `untrained`: also all other folders that a run may have.
    """

    def last_trained(run: Run) -> float:
        steps = run.checkpoints.steps()
        newest = run.checkpoints.path(steps[-1]) if steps else run.folder
        try:
            return newest.stat().st_mtime
        except OSError:
            return time.time()  # it is being trained, and has just deleted that checkpoint

    with disk_errors("read", Path(root)):
        folders = filter(os.path.isdir, (Path(root) / "experiments").glob("*"))
        names = [path.name for path in folders]
        runs = [Run(name, root) for name in names if is_name(name)]
        runs = [run for run in runs if untrained or run.checkpoints.steps()]
        return sorted(runs, key=last_trained)


def choose_trained(
    root: Path,
    name: str | None = None,
    design: str | None = None,
    shipped: bool = False,
    say: Callable[[str], None] = print,
    option: str = "--shipped",
) -> Run | Shipped:
    """The run `name`, else the newest run (of `design`); if there is no run, the shipped weights.

    `shipped` ignores the runs: `name` is then one of SHIPPED_NAMES. `say` prints which runs are
    skipped. `option` of the command uses the shipped weights instead. Raises UserError if there are
    neither runs nor weights, or no run `name`.
    """
    if name and design:
        raise UserError("--name cannot be combined with --design")
    if name and shipped:
        return Shipped(name, root)
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
                say(f"skipped: {error}")
                continue
            if trained not in DESIGNS:  # a design that only a script knows
                say(f"skipped: run {run.name!r} has the unknown design {trained!r}")
            elif design in (None, trained):
                return run
        missing = f"trained run of {design}" if design else "trained run"
        here = f"no run of {design} here" if design else "no run here"
        found = Shipped(design or USUAL, root, "" if shipped else f"{here}, so ")
        if shipped or (found.folder / "config.json").exists():
            return found
    there = ", ".join(run.name for run in runs) or "none"
    raise UserError(
        f"no {missing} in {shown_path(root / 'experiments')}; runs with a checkpoint (saved each "
        f"minute): {there}; or use the weights that come with the project: {option}"
    )


def has_average(trained: Run | Shipped, steps: int) -> bool:
    """Whether the averages of G's variables were kept in the training of `steps` steps."""
    if isinstance(trained, Shipped):
        return any(trained.folder.glob("average-*.npy"))
    return trained.checkpoints.has_average(steps)


def check_step(trained: Run | Shipped, step: int) -> None:
    """Raise UserError if there is no checkpoint after `step` steps. Shipped weights have none."""
    if isinstance(trained, Shipped):
        raise UserError(
            "--step is for a run of yours; the weights that come with the project have none"
        )
    if step not in (steps := trained.checkpoints.steps()):
        there = ", ".join(map(str, steps)) or "none"
        raise UserError(f"{trained.title}: no checkpoint of step {step}; checkpoints: {there}")


def load(
    trained: Run | Shipped | str,
    *,
    shipped: bool = False,
    average: bool = False,
    step: int | None = None,
) -> tuple[Design, int]:
    """Build a trained design; return it and the number of steps it was trained.

    `trained`: a run or its name; with `shipped`, one of SHIPPED_NAMES. `step`: a kept checkpoint of
    the run (default: the newest that is usable). Raises UserError if it is not trained, has no
    averaged generator for `average`, or no usable checkpoint of `step`.
    """
    if isinstance(trained, str):
        trained = Shipped(trained, REPOSITORY) if shipped else Run(trained)
    if (config := trained.config()) is None:
        raise UserError(f"no {trained.title} in {shown_path(trained.folder.parent)}")
    if step is not None:
        check_step(trained, step)
    shape, recipe = tuple(config["data"]["images"][1:]), settings(config)
    design = build_design(config["design"], shape, config["seed"], **recipe)
    if (was := config.get("precision", design.precision)) != design.precision:
        raise UserError(
            f"{trained.title} was trained in {was}, but nets compute in {design.precision} here; "
            "set the same policy first, with keras.config.set_floatx or set_dtype_policy"
        )
    if isinstance(trained, Shipped):
        load_weights(trained.folder, design.net_weights)
        design.start_average()
        steps = config["steps"]
        if has_average(trained, steps):
            load_weights(trained.folder, design.averages, "average")
    elif not (steps := trained.resume(design, config, step=step or 0)):
        raise UserError(f"{trained.title} has no checkpoint; training saves one each minute")
    if average and not has_average(trained, steps):
        raise UserError(f"{trained.title}: no averaged generator was kept; leave out --average")
    name = SHIPPED + trained.name if isinstance(trained, Shipped) else trained.name
    remember_source(design, name, trained.folder, steps)
    return design, steps
