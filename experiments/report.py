"""Write the stored figures into the pages: `make report`

Every table of README.md and of experiments/*.md stands between two comments, `<!-- name -->` and
`<!-- /name -->`. This script makes it from the JSON of its experiment. It also prints the table of
the reproductions. Pages that are up to date do not change.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import mean

import bench
import frozen_discriminator
import next_steps
import optimal_discriminator
import other_data
import parity
import ranked_sampling
import scale
from results import FIGURES, REPOSITORY

from gan.cli import run_command
from gan.designs import DESIGNS
from gan.evaluation.metrics import FIGURES as MEASURES

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "experiments").glob("*.md"))]
ARROWS = {"lower": " ↓", "higher": " ↑"}  # which way is better
SHOWN = ("frechet_distance", "classifier_score", "precision", "recall", "density", "coverage")


def stored(path: Path) -> dict:
    return json.loads(path.read_text())


def title(measure: str) -> str:
    """Return the heading of a measure's column."""
    name, _, better = MEASURES[measure]
    return name + ARROWS.get(better.split(",")[0], "")


def label(name: str, precision: str) -> str:
    """Return what a table calls the runs of a design in `precision`."""
    return f"`{name}`" + (", bfloat16" if precision == "bfloat16" else "")


def reproductions() -> str:
    """Return every design at full length, and its document's own code: mean and range of seeds."""
    titles = map(title, (*SHOWN, "nearest_training_image"))
    lines = [f"| design | steps | seeds | minutes | {' | '.join(titles)} |"]
    lines += ["|---" * (5 + len(SHOWN)) + "|"]

    def add(what: str, runs: list[dict], minutes: str = "") -> None:
        cells = [what, f"{runs[0]['steps']:,}", str(len(runs)), minutes]
        cells += [spread(runs, measure) for measure in (*SHOWN, "nearest_training_image")]
        lines.append(f"| {' | '.join(cells)} |")

    for name, precision, runs, minutes in reproduced():
        add(label(name, precision), runs, f"{minutes:.0f}")
        for run in stored(FIGURES / name / "result.json").get("earlier", []):
            if run["precision"] == precision:
                add(f"{label(name, precision)}, seed {run['seed']}, rounded differently", [run])
        if precision == "float32" and (path := FIGURES / name / "document.json").exists():
            document = DESIGNS[name].summary.split(": ")[1]
            add(f"{document}'s own code", stored(path)["runs"])
    cells = [format(floor()[name], MEASURES[name][1]) for name in SHOWN]
    lines.append(f"| real training images | | | | {' | '.join(cells)} | 1 |")
    return "\n".join(lines)


def averaged() -> str:
    """Return the averaged generator of every run that kept one, beside its last generator.

    `as near as the last after`: the first measured step after which the averaged generator is as
    near to MNIST as the last generator is at the end; of several seeds, the latest.
    """
    shown = ("precision", "recall", "coverage")
    titles = ["design", "seeds", "Fréchet distance, last ↓", "averaged ↓"]
    titles += [f"{title(name)}, averaged" for name in shown]
    titles += ["as near as the last after", "minutes", "share of the steps"]
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for name, precision, runs, minutes in reproduced():
        if runs := [run for run in runs if "average" in run]:
            cells = [label(name, precision), str(len(runs)), spread(runs, "frechet_distance")]
            cells += [spread(runs, name, "average") for name in ("frechet_distance", *shown)]
            near = [as_near(run, run["distances"][-1]["last"]) for run in runs]
            share = max(near) / runs[0]["steps"] if all(near) else None
            cells += [f"{max(near):,} steps" if share else "never", "", ""]
            if share:
                cells[-2:] = [f"{minutes * share:.1f}", f"{share:.0%}"]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def as_near(run: dict, distance: float) -> int | None:
    """The first measured step whose averaged generator is within `distance` of MNIST."""
    return next((each["steps"] for each in run["distances"] if each["average"] <= distance), None)


def shortest() -> str:
    """Return how soon the averaged generators are as near as the document's training at its end.

    That is the mean distance of the last generators in float32.
    """
    found = {(name, precision): each for name, precision, *each in reproduced()}
    lines = ["| design | Fréchet distance at the end | minutes | float32 | bfloat16 |"]
    lines += ["|---" * 5 + "|"]
    for name in DESIGNS:
        runs, minutes = found[name, "float32"]
        end = mean(run["figures"]["frechet_distance"] for run in runs)
        cells = [f"`{name}`", f"{end:.0f}", f"{minutes:.0f}"]
        for precision in ("float32", "bfloat16"):
            cells.append(reached(end, *found.get((name, precision), ([], 0.0))))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def reached(distance: float, runs: list[dict], minutes: float) -> str:
    """Return when the averaged generator is within `distance`; of several seeds, the latest."""
    near = [as_near(run, distance) for run in runs if "distances" in run]
    if not all(near):
        return "never"
    if not near:
        return ""
    steps = max(near)
    return f"{steps:,} steps, {minutes * steps / runs[0]['steps']:.1f} minutes"


def distances() -> str:
    """Return the Fréchet distances of both generators on the way: means of the seeds."""
    shares = ["10%", "20%", "30%", "a third", *(f"{tenth}0%" for tenth in range(4, 11))]
    lines = [f"| design | generator | {' | '.join(shares)} |", "|---" * 13 + "|"]
    for name, precision, runs, _ in reproduced():
        if runs := [run for run in runs if "distances" in run]:
            for kind, generator in (("last", "last"), ("average", "averaged")):
                parts = zip(*(run["distances"] for run in runs), strict=True)
                cells = [f"{mean(each[kind] for each in part):.0f}" for part in parts]
                lines.append(f"| {label(name, precision)} | {generator} | {' | '.join(cells)} |")
    return "\n".join(lines)


def results() -> str:
    """Return what README shows of each design: what it is, and the mean figures of its seeds."""
    designs = [each for each in reproduced() if each[1] == "float32"]
    kinds = {"Fréchet distance ↓": ("frechet_distance", "figures")}
    kinds["averaged ↓"] = ("frechet_distance", "average")
    kinds |= {title(name): (name, "figures") for name in ("precision", "recall")}
    lines = [f"| design | nets | document | {' | '.join(kinds)} | seeds | minutes |"]
    lines += ["|---" * (5 + len(kinds)) + "|"]
    for name, _, runs, minutes in designs:
        nets, document = DESIGNS[name].summary.split(": ")
        link = f"[`{name}`]({DESIGNS[name].module.replace('.', '/')}.py)"
        cells = [link, nets, document, *(mean_of(runs, *kind) for kind in kinds.values())]
        lines.append(f"| {' | '.join(cells)} | {len(runs)} | {minutes:.0f} |")
    cells = [mean_of([{"figures": floor()}], *kind) for kind in kinds.values()]
    lines.append(f"| real training images | | | {' | '.join(cells)} | | |")
    return "\n".join(lines)


def mean_of(runs: list[dict], measure: str, kind: str) -> str:
    """Return the mean of a figure over the runs, or "" if a run lacks it."""
    if not all(kind in run for run in runs):
        return ""
    return format(mean(run[kind][measure] for run in runs), MEASURES[measure][1])


def reproduced() -> Iterator[tuple[str, str, list[dict], float]]:
    """Yield design, precision, runs, and minutes of training alone, for all full-length runs."""
    speeds = stored(bench.RESULT)["training"]
    for name in DESIGNS:
        if (path := FIGURES / name / "result.json").exists():
            result = stored(path)
            for precision in ("float32", "bfloat16"):
                if runs := result.get(precision):
                    speed = speeds[name]["steps_per_second"][precision]
                    yield name, precision, runs, runs[0]["steps"] / speed / 60


def floor() -> dict:
    """Return the figures of real training images, which are the same for every design."""
    return stored(FIGURES / "dense" / "result.json")["floor"]


def spread(runs: list[dict], measure: str, kind: str = "figures") -> str:
    """Return the mean of a figure over the runs, and in brackets its minimum and maximum."""
    values, form = [run[kind][measure] for run in runs], MEASURES[measure][1]
    if len(values) == 1:
        return format(values[0], form)
    return f"{mean(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def digits() -> str:
    """Return the share of each digit in the images of seed 0 of every design."""
    lines = ["| design | " + " | ".join(map(str, range(10))) + " |", "|---" * 11 + "|"]
    for name, precision, runs, _ in reproduced():
        if precision == "float32":
            shares = runs[0]["figures"]["digits"]
            lines.append(f"| `{name}` | {' | '.join(f'{share:.1%}' for share in shares)} |")
    shares = floor()["digits"]
    lines.append(f"| real training images | {' | '.join(f'{share:.1%}' for share in shares)} |")
    return "\n".join(lines)


def batchnorm() -> str:
    """Return `dense` with the BatchNorm of Keras 3 and of 2018: mean and range of the seeds."""
    shown = ("classifier_score", "precision", "recall", "coverage", "nearest_training_image")
    titles = ["BatchNorm", "cores", "seeds", "Fréchet distance ↓", "averaged ↓"]
    titles += map(title, shown)
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    usual, one_core = (FIGURES / "dense" / f"{name}.json" for name in ("result", "one-core"))
    rows = [("of Keras 3", stored(path)["float32"]) for path in (usual, one_core)]
    rows.append(("of 2018", stored(FIGURES / "batchnorm.json")["runs"]))
    for what, runs in rows:
        cells = [what, str(runs[0]["cores"]), str(len(runs))]
        cells += [spread(runs, "frechet_distance", kind) for kind in ("figures", "average")]
        cells += [spread(runs, name) for name in shown]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def faults() -> str:
    """Return the counts of `make test-faults`."""
    result = stored(FIGURES / "faults.json")
    title = f"`{result['command']}`, {result['seconds'] / 60:.0f} minutes"
    lines = [f"| {title} | |", "|---|---|"]
    lines += [f"| {what} | {good} of {tried} |" for what, (good, tried) in result["counts"].items()]
    return "\n".join(lines)


TABLES: dict[str, Callable[[], str]] = {
    "reproductions": reproductions,
    "averaged": averaged,
    "shortest": shortest,
    "distances": distances,
    "results": results,
    "digits": digits,
    "batchnorm": batchnorm,
    "parity": lambda: parity.table(stored(parity.RESULT)),
    "speed": lambda: bench.table(stored(bench.RESULT)).split("\n\n")[0],
    "whole": lambda: bench.table(stored(bench.RESULT)).split("\n\n")[1],
    "exchange": lambda: scale.tables(stored(scale.RESULT)).split("\n\n")[0],
    "devices": lambda: scale.tables(stored(scale.RESULT)).split("\n\n")[1],
    "network": lambda: scale.tables(stored(scale.RESULT)).split("\n\n")[2],
    "ranked": lambda: ranked_sampling.table(stored(ranked_sampling.RESULT)),
    "nearest": lambda: ranked_sampling.nearest(stored(ranked_sampling.RESULT)),
    "next-steps": lambda: next_steps.table(stored(next_steps.RESULT)),
    "faults": faults,
    "frozen": lambda: frozen_discriminator.text(stored(frozen_discriminator.RESULT)),
    "fashion": lambda: other_data.table(stored(other_data.RESULT)["fashion"]),
    "theory": lambda: optimal_discriminator.table(stored(optimal_discriminator.RESULT)),
}


def fill(page: str) -> str:
    """Return the page with every table as stored. Raises KeyError for an unknown table."""

    def block(match: re.Match) -> str:
        name = match[1]
        return f"<!-- {name} -->\n\n{TABLES[name]()}\n\n<!-- /{name} -->"

    return re.sub(r"<!-- ([a-z-]+) -->.*?<!-- /\1 -->", block, page, flags=re.DOTALL)


def main() -> int:
    for path in PAGES:
        old = path.read_text()
        if (new := fill(old)) != old:
            path.write_text(new)
            print(f"{path.relative_to(REPOSITORY)} updated")
    print(reproductions())
    return 0


if __name__ == "__main__":
    run_command(main)
