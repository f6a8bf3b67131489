"""A run as one page to look through: images/<run>/index.html. It needs no network, no server."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from gan.cli.options import command_line
from gan.designs import DESIGNS, find_recipe
from gan.evaluation.metrics import FIGURES
from gan.pictures.curves import Columns, thin
from gan.recipe import LENGTH
from gan.runs.run import REPOSITORY, Run
from gan.support.files import replacing

TEMPLATE = Path(__file__).with_name("page.html")
GRIDS = 60  # at most, from the first to the last,
BYTES = 8_000_000  # and as many as these have room for


def write_page(
    run: Run,
    columns: Columns,
    grids: Sequence[Path],
    done: int,
    total: int,
    d_loss_terms: int = 1,
) -> None:
    """Write the page of `run` after `done` of `total` steps. Raises OSError.

    `columns` are its log, `grids` its pictures, in order; those that are missing are left out.
    `d_loss_terms`: see `gan.pictures.curves.draw_curves`.
    """
    config = run.config()
    # Before the end, a last grid is that of a shorter training which goes on.
    last = [run.grid("final")] if done == total else []
    grids = [grid for grid in [*grids, *last] if grid.exists()]
    largest = max((grid.stat().st_size for grid in grids), default=1)
    shown = min(len(grids), GRIDS, max(1, BYTES // largest))
    chosen = np.linspace(len(grids) - 1, 0, shown).round().astype(int)[::-1]
    design = config["design"]
    known = design in DESIGNS  # one built in Python may be called otherwise
    film = run.images / "training.gif"
    curves = {name: thin(values)[0] for name, values in columns.items() if len(values)}
    if d_loss_terms > 1 and curves:  # as the mean, which is ln 2 where D cannot tell
        curves[f"d_loss / {d_loss_terms}"] = curves.pop("d_loss") / d_loss_terms
    data = config["data"]
    count, height, width, channels = data["images"]
    content = {
        "title": run.name,
        "done": done,
        "summary": f"{DESIGNS[design].summary if known else design}; {done:,} of {total:,} steps "
        f"on {count:,} images of {data['name']}, {height}x{width}x{channels}",
        "grids": [{"name": grids[index].stem, "png": encoded(grids[index])} for index in chosen],
        "gif": encoded(film) if done == total and film.exists() else None,
        "curves": {name: values.tolist() for name, values in curves.items()},
        "commands": commands(run, config, done, total) if known else [],
        "config": [
            *((name, str(value)) for name, value in config["recipe"].items() if value is not None),
            ("seed", str(config["seed"])),
            ("data", data["source"]),
            *config["versions"].items(),
        ],
        "result": result(run),
    }
    # In a script element only this sign could end it.
    text = json.dumps(content).replace("<", "\\u003c")
    with replacing(run.images / "index.html") as temporary:
        temporary.write_text(TEMPLATE.read_text().replace("RUN", text, 1))


def encoded(path: Path) -> str:
    """The bytes of a file as base64 text."""
    return base64.b64encode(path.read_bytes()).decode()


def commands(run: Run, config: dict, done: int, total: int) -> list[tuple[str, str]]:
    """What can be done next: (what for, command)."""
    root = [] if run.root == REPOSITORY else ["--root", str(run.root)]
    name = ["--name", run.name, *root]
    usual = asdict(find_recipe(config["design"]))
    settings = []
    for setting, value in config["recipe"].items():
        if value is not None and value != usual[setting] and setting not in LENGTH:
            option = setting.replace("_", "-")
            yes_or_no = f"--{option}" if value else f"--no-{option}"
            settings += [yes_or_no] if isinstance(value, bool) else [f"--{option}", str(value)]
    seed = ["--seed", str(config["seed"])] if config["seed"] else []
    steps = total if done < total else 2 * total
    train = command_line("train", config["design"], *name, *seed, *settings, "--steps", str(steps))
    return [
        ("go on training:" if done < total else "train as long again:", train),
        ("draw new images:", command_line("generate", *name)),
        ("measure it against MNIST:", command_line("evaluate", *name)),
    ]


def result(run: Run) -> list[tuple[str, ...]]:
    """The rows of the table of what gan.evaluate found, none where it was not run."""
    try:
        found = json.loads(run.results.read_text())
        of = f"{found['count']:,} images, after {found['steps']:,} steps"
        rows = [
            (title, *(format(found[kind][name], form) for kind in ("figures", "floor")), better)
            for name, (title, form, better) in FIGURES.items()
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return []  # there are none, or the file is not what gan.evaluate wrote of this run
    return [(of, "these", "real", "better"), *rows]
