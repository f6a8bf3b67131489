"""Measure the speed of the rows of better_numbers.md, and make its tables.

The studies `better-DESIGN` (studies.py) train these rows and measure their distances. Their minutes
are computed from the speeds that this script measures, alone on the machine, because a training
that shares it with another one takes longer. Batch size and precision change the speed; the other
numbers of a row hardly do.

    python experiments/better_numbers.py [--rounds N] [--seconds S]      10 minutes
"""

import argparse
from itertools import pairwise

from bench import CONTENDERS
from reproductions import mean_of
from results import REFERENCE, store, stored
from speed import Contender, medians, take_turns
from studies import QUARTERS, STUDIES, option
from tables import cell, heading, mean_and_range, table

from gan.cli import run_command
from gan.designs import DESIGNS, find_recipe
from gan.recipe import positive_float, positive_int

FOLDER = REFERENCE / "better_numbers"
SPEEDS = FOLDER / "speeds.json"
BEST, BEST_KINDS = REFERENCE / "best" / "result.json", ("figures", "average", "better half")
PRECISIONS = ("float32", "bfloat16")
DOCUMENT, TOGETHER, HOUR = "the document's numbers", "together", "together, an hour"
FLOAT32 = "together, float32"  # 4,000 steps, of designs whose other rows are in bfloat16
CHOSEN_BY = "average_to_training"


def batch_size(design: str, title: str) -> int:
    """Return the batch size of a row."""
    options = STUDIES[f"better-{design}"].rows[title].options
    return int(option(options, "--batch-size", str(find_recipe(design).batch_size)))


def measure_speeds(rounds: int, seconds: float) -> dict:
    """Return design -> batch size -> precision -> steps per second: the median of the rounds."""
    found = {}
    for design in DESIGNS:
        found[design] = {}
        for size in sorted({batch_size(design, row) for row in STUDIES[f"better-{design}"].rows}):
            contenders = {
                precision: Contender(CONTENDERS, design, precision, size)
                for precision in PRECISIONS
            }
            found[design][str(size)] = medians(take_turns(contenders, rounds, seconds))
            for contender in contenders.values():
                contender.end()
            print(design, size, found[design][str(size)], flush=True)
    return found


# -- tables ---------------------------------------------------------------------------------------


def rows_of(design: str) -> dict[str, list[dict]]:
    """Return title -> runs of a design's study, in the study's order, as far as it was run."""
    found = stored(FOLDER / f"{design}.json", {}).get("rows", {})
    return {title: found[title] for title in STUDIES[f"better-{design}"].rows if title in found}


def minutes_per_step(design: str, title: str, precision: str | None = None) -> float | None:
    """Return the minutes of a step of a row, in its own or another precision, if measured."""
    options = STUDIES[f"better-{design}"].rows[title].options
    precision = precision or option(options, "--precision", "float32")
    speeds = stored(SPEEDS, {}).get("designs", {})
    size = str(batch_size(design, title))
    return 1 / speeds[design][size][precision] / 60 if size in speeds.get(design, {}) else None


def goals(design: str) -> dict[str, float]:
    """Return the mean distances of the document's training at its end, last and averaged."""
    runs = stored(REFERENCE / design / "result.json")["float32"]
    kinds = {"last": "figures", "average": "average"}
    return {name: float(mean_of(runs, "frechet_distance", kind)) for name, kind in kinds.items()}


def steps_to(run: dict, kind: str, goal: float) -> float | None:
    """Return the steps after which a run is within `goal` of MNIST, None if it never is.

    Between two measured points, the distance is taken to change evenly.
    """
    before = None
    for point in run["distances"]:
        if point[kind] <= goal:
            if before is None:
                return point["steps"]
            share = (before[kind] - goal) / (before[kind] - point[kind])
            return before["steps"] + share * (point["steps"] - before["steps"])
        before = point
    return None


def distance_at(run: dict, kind: str, steps: float) -> float | None:
    """Return a run's distance after `steps`, between two points evenly; None: not measured."""
    points = run["distances"]
    for before, after in pairwise(points):
        if before["steps"] <= steps <= after["steps"]:
            share = (steps - before["steps"]) / (after["steps"] - before["steps"])
            return before[kind] + share * (after[kind] - before[kind])
    return None


def spread(values: list[float | None], form: str = ".0f") -> str:
    """Return the mean and the range of some numbers as text; a missing one counts as `never`."""
    if missing := values.count(None):
        return "never" if missing == len(values) else f"never for {missing} of {len(values)}"
    return mean_and_range(values, form)


def minutes_text(steps: list[float | None], per_step: float | None) -> str | None:
    """Return the minutes of some numbers of steps, as `spread` does, if the speed is measured."""
    if per_step is None:
        return None
    return spread([count and count * per_step for count in steps], ".1f")


def one_changed(design: str) -> str:
    """Return the rows of a design, seed 0, after 5 to 10 minutes, and at equal images seen."""
    shown = [title for title in STUDIES[f"better-{design}"].rows if title != HOUR]
    if FLOAT32 in shown:  # as the rows of one number are
        shown.remove(TOGETHER)
    found = {title: run for title, runs in rows_of(design).items() for run in runs[:1]}
    rows = {title: found[title] for title in shown if found.get(title, {}).get("seed") == 0}
    if not rows:
        return "Not measured yet."
    sizes = {title: batch_size(design, title) for title in rows}
    steps = {title: QUARTERS[design][size] // 3 for title, size in sizes.items()}
    equal, goal, lines = min(steps[t] * sizes[t] for t in rows), goals(design)["last"], []
    for title, run in rows.items():
        at_end = (distance_at(run, kind, steps[title]) for kind in (CHOSEN_BY, "average", "last"))
        fair = distance_at(run, "average", equal / sizes[title])
        reached = steps_to(run, "average", goal)
        minutes = minutes_text([reached], minutes_per_step(design, title))
        if reached and reached > steps[title]:
            minutes = "later"
        seen = f"{steps[title] * sizes[title] / 1e6:.2g}"
        lines.append([title, *(f"{d:.0f}" for d in (*at_end, fair)), minutes, seen])
    headings = ["numbers", "averaged, to training images ↓", "averaged ↓", "last ↓"]
    headings += [f"averaged after {equal / 1e6:.2g} million images", f"minutes to {goal:.0f}"]
    return table([*headings, "million images"], lines)


def together() -> str:
    """Return minutes to the document's distances: its own numbers, and the best together.

    The document's numbers come to its own distances at their end: these are the means of the ends.
    """
    lines = []
    for design in DESIGNS:
        document = stored(REFERENCE / design / "result.json")["float32"]
        goal, found = goals(design), rows_of(design)
        wanted = (("average", goal["last"]), ("last", goal["last"]), ("average", goal["average"]))
        for title in (DOCUMENT, TOGETHER, FLOAT32):
            runs = document if title == DOCUMENT else found.get(title)
            if not runs:
                continue
            in_bfloat16 = title == TOGETHER and FLOAT32 in found
            name = f"{title}, bfloat16" if in_bfloat16 else title
            cells = [f"`{design}`", name, str(len(runs))]
            for number, (kind, distance) in enumerate(wanted):
                whole = title == DOCUMENT and number > 0
                steps = [run["steps"] if whole else steps_to(run, kind, distance) for run in runs]
                for precision in PRECISIONS:
                    cells.append(minutes_text(steps, minutes_per_step(design, title, precision)))
            lines.append(cells)
    kinds = ("averaged, to the document's last", "last, to its last", "averaged, to its averaged")
    headings = ["design", "numbers", "seeds", *(f"{k}, {p}" for k in kinds for p in PRECISIONS)]
    return table(headings, lines)


def after() -> str:
    """Return the distances of the best numbers together, after 15 minutes and an hour."""
    lines = []
    for design in DESIGNS:
        found, goal = rows_of(design), goals(design)
        per_step = minutes_per_step(design, TOGETHER)
        if TOGETHER not in found or not per_step:
            continue
        cells = [f"`{design}`", f"{goal['last']:.0f}", f"{goal['average']:.0f}"]
        for title, minutes in ((TOGETHER, 15), (HOUR, 60)):
            for kind in ("last", "average"):
                runs = found.get(title, [])
                values = [distance_at(run, kind, minutes / per_step) for run in runs]
                measured = values and None not in values
                cells.append(spread(values, ".1f") if measured else "not yet measured")
        lines.append(cells)
    headings = ["design", "document, last", "document, averaged", "15 minutes, last"]
    return table([*headings, "averaged", "an hour, last", "averaged"], lines)


def best() -> str:
    """Return the figures of each seed of the study `best`."""
    lines, runs = [], stored(BEST, {}).get("float32", [])
    if not runs:
        return "Not measured yet."
    for run in runs:
        averaged = run["average"]
        digits = averaged["digits"]
        cells = [f"{run[kind]['frechet_distance']:.1f}" for kind in BEST_KINDS]
        cells += [cell(averaged, name) for name in ("precision", "recall", "coverage")]
        cells.append(f"{min(digits):.1%} to {max(digits):.1%}")
        lines.append([str(run["seed"]), *cells])
    measures = [f"{heading(name)}, averaged" for name in ("precision", "recall", "coverage")]
    return table(
        [
            "seed",
            "last ↓",
            "averaged ↓",
            "its better half ↓",
            *measures,
            "share of a digit, averaged",
        ],
        lines,
    )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=positive_int, default=3, metavar="N", help="turns of each")
    parser.add_argument(
        "--seconds", type=positive_float, default=4.0, metavar="S", help="of a turn"
    )
    return parser.parse_args()


def main() -> int:
    options = parse()
    designs = measure_speeds(options.rounds, options.seconds)
    store(SPEEDS, "make better-numbers", {"designs": designs})
    return 0


if __name__ == "__main__":
    run_command(main)
