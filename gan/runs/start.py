"""The weights from which a run begins: those of its seed, or others.

config.json has them as `start`: None, or a dict with the `digest` of both nets' weights and, if
they are of a run or come with the project, its name as `run` and its `steps`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from gan.designs import DESIGNS
from gan.layers.seeding import digest
from gan.runs.config import describe_start
from gan.runs.run import REPOSITORY, Run
from gan.runs.trained import SHIPPED, Shipped, choose_trained, has_average, load
from gan.support.errors import UserError

if TYPE_CHECKING:
    from gan.design import Design


def find_source(source: str | Run | Shipped, root: Path | str = REPOSITORY) -> Run | Shipped:
    """The trained nets that `--start-from` names. Raises UserError if there are none."""
    if not isinstance(source, str):
        return source
    if source.startswith(SHIPPED):
        design = source.removeprefix(SHIPPED)
        if design not in DESIGNS:
            names = ", ".join(SHIPPED + name for name in DESIGNS)
            raise UserError(f"no weights {source!r} come with the project; there are {names}")
        return Shipped(design, Path(root))
    return choose_trained(Path(root), source)


def current_start(design: Design) -> dict | None:
    """The `start` of a run that would begin with the current weights of `design`."""
    found = digest(design.net_weights)
    if found == design.first_weights:
        return None
    if design.source and design.source["digest"] == found:
        return design.source
    return {"run": None, "steps": None, "digest": found}


def take_weights(design: Design, source: Run | Shipped) -> None:
    """Set both nets of `design`, and its averages, to those of a trained design.

    Raises UserError if they have other shapes or types, or cannot be loaded.
    """
    theirs, steps = load(source)
    pairs = list(zip(design.net_weights, theirs.net_weights, strict=False))
    same = len(design.net_weights) == len(theirs.net_weights)
    if not same or any((a.shape, a.dtype) != (b.shape, b.dtype) for a, b in pairs):
        raise UserError(
            f"{source.title} has other nets ({_nets(theirs)}) than this design ({_nets(design)}); "
            "start from a run with the same design, image size and latent_dim"
        )
    if design.averages and theirs.averages and has_average(source, steps):
        pairs += zip(design.averages, theirs.averages, strict=True)
    for mine, other in pairs:
        mine.assign(other)
    design.source = theirs.source


def begin_training(design: Design, run: Run, config: dict, say: Callable[[str], None]) -> None:
    """Prepare `design` for the first step of `run` with this `config`; say what it replaces."""
    if run.metrics.exists():
        had = run.checkpoints.steps()
        say(f"starting over; the run had {f'{had[-1]:,} steps' if had else 'no checkpoint'}")
        if (old := run.config()) and old["data"]["digest"] != config["data"]["digest"]:
            say(f"the run used other images, {old['data']['name']}")
    if start := config["start"]:
        say(f"start   {describe_start(start)}")
        reset_optimizers(design)
        for variable, first in design.first_states:
            variable.assign(first)
    design.begin_average()


def reset_optimizers(design: Design) -> None:
    """Set the variables of the optimizers to those of new ones with the same settings."""
    with design.distribute_strategy.scope():
        for optimizer, variables in design.optimizers:
            new = type(optimizer).from_config(optimizer.get_config())
            new.build(variables)
            for old, first in zip(optimizer.variables, new.variables, strict=True):
                old.assign(first)


def start_of(
    design: Design, run: Run, begins: bool, start_from: str | Run | Shipped | None
) -> dict | None:
    """The `start` of `run`, which begins or continues with `design`. Raises UserError.

    A run that begins takes the weights of `start_from`, if given. One that continues has its start
    in its config, and does not read `start_from`: it may have been trained on or deleted since.
    """
    name = start_from if isinstance(start_from, str | None) else name_of(start_from)
    if name == run.name:
        raise UserError(f"run {name!r} cannot start from itself; choose another --name")
    if begins:
        if start_from:
            take_weights(design, find_source(start_from, run.root))
        start = current_start(design)
        if start and start["run"] == run.name and run.checkpoints.steps():
            raise UserError(
                f"this design has the weights of run {run.name!r}, which would be deleted; "
                "build a new design, or choose another run"
            )
        return start
    old = run.config().get("start")
    mine = {"run": name, "steps": None, "digest": None} if name else current_start(design)
    if mine is None or mine["run"] == run.name:  # a new design, or that of this run
        return old
    same = old and (mine["digest"] == old["digest"] or mine["run"] == old["run"] is not None)
    return old if same else mine


def name_of(source: Run | Shipped) -> str:
    """The name by which `--start-from` finds it."""
    return SHIPPED + source.name if isinstance(source, Shipped) else source.name


def _nets(design: Design) -> str:
    height, width, channels = design.image_shape
    return (
        f"{design.usual_name}, {height}x{width}x{channels}, latent_dim {design.recipe.latent_dim}"
    )
