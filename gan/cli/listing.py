"""The list of all runs: gan.generate --list. It needs no TensorFlow."""

from collections.abc import Iterator
from pathlib import Path

from gan.cli.commands import command_line
from gan.designs import DESIGNS
from gan.runs import Run, find_runs
from gan.runs.config import how_far, total_steps
from gan.runs.run import REPOSITORY
from gan.support.errors import UserError
from gan.support.files import shown_path

COLUMNS = ("run", "design", "trained", "state", "checkpoints (for --step)")


def list_runs(root: Path) -> Iterator[str]:
    """The lines of a table of the runs under `root`, newest last. Raises UserError."""
    rows = [row for run in find_runs(root, untrained=True) if (row := describe_run(run))]
    if not rows:
        options = [] if root == REPOSITORY else ["--root", str(root)]
        train = command_line("train", "dense", *options)
        yield f"no runs in {shown_path(root / 'experiments')}; this makes one: {train}"
        return
    rows = [COLUMNS, *rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    for row in rows:
        padded = [text.ljust(width) for text, width in zip(row, [*widths, 0], strict=True)]
        yield "  ".join(padded).rstrip()


def describe_run(run: Run) -> tuple[str, ...] | None:
    """The row of a run: a text for each of COLUMNS. None if there is no run in its folder.

    It is damaged if nothing can be loaded from it; the last text then says why.
    """
    process = run.trained_by()
    training = f"being trained by process {process}" if process else ""
    try:
        if (config := run.config()) is None:
            return (run.name, "", "", training, "none yet") if training else None
        total = total_steps(config)
    except UserError as error:
        return run.name, "", "", training or "damaged", " ".join(str(error).split())

    usable, damaged = [], []
    for step in run.checkpoints.steps():
        try:
            run.checkpoints.check(step, config)
            usable.append(step)
        except UserError as error:
            if run.checkpoints.path(step).exists():  # not one that the training has just deleted
                damaged.append(f"that of step {step:,} cannot be used: {error}")
    done = usable[-1] if usable else 0
    state = "finished" if done >= total else "stopped" if usable or not damaged else "damaged"
    notes = [" ".join(map(str, usable)) or "none", *damaged]
    if config["design"] not in DESIGNS:
        notes.append("only the script of this design can load them")
    return run.name, config["design"], how_far(config, done), training or state, "; ".join(notes)
