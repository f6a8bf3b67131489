"""Write the page of a run, images/<run>/index.html. It needs no network and no server."""

import base64
import errno
import json
import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gan.designs import DESIGNS
from gan.evaluation.log import comparable, read_evaluations
from gan.evaluation.metrics import FIGURES
from gan.pictures.curves import Columns, by_generator, thin
from gan.runs import Run
from gan.runs.config import describe_start
from gan.support.files import replacing

TEMPLATE = Path(__file__).with_name("page.html")
GRIDS = 60  # at most, spread from the first to the last
BYTES = 8_000_000  # of all grids together, at most; larger pictures stay files beside the page


def write_page(
    run: Run,
    columns: Columns,
    grids: Sequence[Path],
    done: int,
    total: int,
    commands: Sequence[tuple[str, str]],
    training: bool = False,
) -> None:
    """Write the page of `run` after `done` of `total` steps. Raises OSError.

    `columns`: the log of the run. `grids`: its pictures, in order; missing ones are left out.
    `commands`: the next commands, as pairs (purpose, command). `training`: whether the training
    goes on, so that the page should load itself again.
    """
    if (config := run.config()) is None:  # its folder was moved while it was trained
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(run.folder))
    # Before the end, these files are from a shorter training that was continued.
    final, average = (run.grid(name) for name in ("final", "final-average"))
    last = [final] if done == total else []
    grids = [grid for grid in [*grids, *last] if grid.exists()]
    largest = max((grid.stat().st_size for grid in grids), default=1)
    shown = min(len(grids), GRIDS, max(1, BYTES // largest))
    chosen = np.linspace(len(grids) - 1, 0, shown).round().astype(int)[::-1]
    design = config["design"]
    summary = DESIGNS[design].summary if design in DESIGNS else design  # built in Python
    gif = run.images / "training.gif"
    with np.errstate(invalid="ignore"):  # NaN, of nets that diverged
        curves = {name: finite(thin(values)[0]) for name, values in columns.items() if len(values)}
    evaluations = comparable(read_evaluations(run.evaluations, done))
    data = config["data"]
    count, height, width, channels = data["images"]
    content = {
        "title": run.name,
        "done": done,
        "total": total,
        "training": training,
        "summary": f"{summary}; {done:,} of {total:,} steps "
        f"on {count:,} images of {data['name']}, {height}x{width}x{channels}",
        "grids": [{"name": grids[index].stem, "src": source(grids[index])} for index in chosen],
        "final": [source(each) for each in (final, average) if done == total and each.exists()],
        "gif": source(gif) if done == total and gif.exists() else None,
        "curves": curves,
        "evaluations": by_generator(evaluations),
        "evaluated": evaluations[-1]["compared_with"] if evaluations else "",
        "commands": commands,
        "config": [
            *((name, str(value)) for name, value in config["recipe"].items() if value is not None),
            ("seed", str(config["seed"])),
            ("first weights", describe_start(config.get("start"))),
            ("data", data["source"]),
            *((name, version) for name, version in config["versions"].items() if version),
        ],
        "result": [*result(run, done, False), *result(run, done, True)],
    }
    # Only this character could end the script element.
    text = json.dumps(content, allow_nan=False).replace("<", "\\u003c")
    page = TEMPLATE.read_text(encoding="utf-8").replace("RUN", text, 1)
    with replacing(run.images / "index.html") as temporary:
        temporary.write_text(page, encoding="utf-8")


def source(picture: Path) -> str:
    """What the page's `src` says: the picture itself, or its name if it is large."""
    if picture.stat().st_size > BYTES:
        return picture.name
    kind = picture.suffix.removeprefix(".")
    return f"data:image/{kind};base64,{base64.b64encode(picture.read_bytes()).decode()}"


def finite(values: np.ndarray) -> list[float | None]:
    """The values, with None for NaN and infinity, which JSON does not have."""
    return [value if math.isfinite(value) else None for value in values.tolist()]


def result(run: Run, done: int, average: bool) -> list[tuple[str, ...]]:
    """The rows of the table of gan.evaluate's results, or none if there are no results.

    Results of more than `done` steps are of a run that was since started over.
    """
    try:
        found = json.loads(run.results(average).read_bytes())
        if found["steps"] > done:
            return []
        averaged = " of the averaged generator" if average else ""
        of = f"{found['count']:,} images{averaged}, after {found['steps']:,} steps"
        if real := found.get("compared_with"):  # older files do not say it
            of += f", compared with {real}"
        rows = [
            (title, *(format(found[kind][name], form) for kind in ("figures", "floor")), better)
            for name, (title, form, better) in FIGURES.items()
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return []  # there is no file, or gan.evaluate did not write it for this run
    return [(of, "these", "real", "better"), *rows]
