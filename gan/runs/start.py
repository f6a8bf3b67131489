"""The weights with which a run begins: those of its seed, or others.

config.json has them as `start`: None, or a dict with the `digest` of both nets' weights, the digest
of the averages as `average` and, if they are of a run or come with the project, its name as `run`
and its `steps`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from gan.layers.seeding import digest, reset
from gan.runs.checkpoints import are_finite
from gan.runs.config import changes, describe_start, optimizers_of
from gan.runs.run import REPOSITORY, Run
from gan.runs.trained import SHIPPED, Shipped, choose_trained, load
from gan.support.errors import UserError

if TYPE_CHECKING:
    from gan.design import Design


def find_source(source: str | Run | Shipped, root: Path | str = REPOSITORY) -> Run | Shipped:
    """The trained nets that `--start-from` names. Raises UserError if there are none."""
    if not isinstance(source, str):
        return source
    if source.startswith(SHIPPED):
        return Shipped(source.removeprefix(SHIPPED), Path(root))
    return choose_trained(Path(root), source, option="--start-from shipped-DESIGN or shipped-best")


class Beginning:
    """With which weights `run` begins with `design`, or began. Changes neither.

    `start` is for its config. A run that begins takes the weights of `start_from`, if given, else
    the current ones of `design`. One that continues (`begins` is False) has its start in its
    config. It does not read `start_from`, which may have been trained on or deleted since; and the
    current weights of `design` are not used. Raises UserError.
    """

    def __init__(
        self, design: Design, run: Run, begins: bool, start_from: str | Run | Shipped | None
    ) -> None:
        self.design, self.run, self.begins = design, run, begins
        self.theirs = None  # the design whose weights are taken
        self.unused = None  # the `start` that the design would have
        if start_from in (run.name, run) or getattr(start_from, "folder", None) == run.folder:
            raise UserError(f"run {run.name!r} cannot start from itself; choose another --name")
        if begins and start_from:
            self.theirs = load(find_source(start_from, run.root))[0]
            check_fit(design, self.theirs)
        if begins:
            self.start = current_start(self.theirs or design)
            if self.start and not are_finite(design.net_weights):
                raise UserError("this design's weights are NaN or infinite; build a new design")
            if design.source_folder == run.folder and self.start and run.checkpoints.steps():
                raise UserError(
                    f"this design has the weights of run {run.name!r}, which would be deleted; "
                    "build a new design, or choose another run"
                )
            return
        self.start = run.config().get("start")
        if start_from:
            name = start_from if isinstance(start_from, str) else name_of(start_from)
            if not self.start or self.start["run"] != name:
                self.start = {"run": name, "steps": None, "digest": None}  # `Run.check` refuses it
        elif (mine := current_start(design)) and (
            design.source_folder != run.folder or mine["run"] != run.name
        ):
            self.unused = mine

    def prepare(self, config: dict, say: Callable[[str], None]) -> None:
        """Give `design` the weights, averages and optimizers for the first step of a new run.

        `say` prints what `run`, which now has this `config`, was before, and its `start`.
        """
        design, run = self.design, self.run
        reset(design.first_states)
        if any(optimizer.iterations.numpy() for optimizer, _ in design.optimizers):
            raise UserError("an exchanged optimizer was used before; give the design a new one")
        if self.theirs:
            for mine, other in zip(design.net_weights, self.theirs.net_weights, strict=True):
                mine.assign(other)
            design.start_average()
            for mine, other in zip(design.averages, self.theirs.averages, strict=False):
                mine.assign(other)
        elif self.start is None or digest(design.averages) == design.first_average:
            design.start_average()
        self.theirs = None  # frees its memory
        if run.metrics.exists():
            had = run.checkpoints.steps()
            say(f"starting over; the run had {f'{had[-1]:,} steps' if had else 'no checkpoint'}")
            if (old := run.config()) and old["data"]["digest"] != config["data"]["digest"]:
                say(f"the run used other images, {old['data']['name']}")
        if self.start:
            say(f"start   {describe_start(self.start)}")

    def changes(self, step: int, config: dict) -> Iterator[str]:
        """A line for each change with which the run goes on after its checkpoint of `step`.

        Corrects the optimizers in `config`: the checkpoint has restored their learning rates.
        """
        old, recorded = self.run.config(), optimizers_of(self.design)
        if recorded != config["optimizers"]:  # older runs do not say
            config["optimizers"] = recorded
            yield "the optimizers have the settings of the checkpoint, not those of this design"
        if self.unused:
            yield f"it goes on from its checkpoint; not used: {describe_start(self.unused)}"
        yield from changes(old, config, self.run.checkpoints.has_average(step))


def build_exchanged_optimizers(design: Design) -> None:
    """Build optimizers that a script has put in place of the design's own."""
    with design.distribute_strategy.scope():
        for optimizer, variables in design.optimizers:
            if not optimizer.built:
                optimizer.build(variables)


def current_start(design: Design) -> dict | None:
    """The `start` of a run that would begin with the current weights of `design`."""
    found = digest(design.net_weights)
    if found == design.first_weights:
        return None
    average = digest(design.averages)
    if design.source and design.source["digest"] == found:
        return design.source | {"average": average}
    return {"run": None, "steps": None, "digest": found, "average": average}


def check_fit(design: Design, theirs: Design) -> None:
    """Raise UserError if `design` cannot take the weights of `theirs`."""
    shapes = [[(each.shape, each.dtype) for each in net.net_weights] for net in (design, theirs)]
    if shapes[0] != shapes[1] or design.image_shape != theirs.image_shape:
        raise UserError(
            f"{theirs.source['run']} has other nets ({_nets(theirs)}) than this design "
            f"({_nets(design)}); start from nets of the same shapes"
        )


def name_of(source: Run | Shipped) -> str:
    """The name by which `--start-from` finds it."""
    return SHIPPED + source.name if isinstance(source, Shipped) else source.name


def _nets(design: Design) -> str:
    shape, latent_dim = "x".join(map(str, design.image_shape)), design.recipe.latent_dim
    return f"{design.usual_name}, {shape}, latent_dim {latent_dim}"
