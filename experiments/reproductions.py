"""The tables of the designs and the documents' own code at full length."""

from collections.abc import Iterator
from statistics import mean

import bench
from results import REFERENCE, stored
from tables import SHOWN, cell, heading, spread, table

from gan.designs import DESIGNS
from gan.evaluation.metrics import FIGURES


def reproduced() -> Iterator[tuple[str, str, list[dict], float]]:
    """Yield design, precision, runs, and minutes of training alone, for all full-length runs."""
    speeds = stored(bench.RESULT)["training"]
    for name in DESIGNS:
        result = stored(REFERENCE / name / "result.json", {})
        for precision in ("float32", "bfloat16"):
            if runs := result.get(precision):
                speed = speeds[name]["steps_per_second"][precision]
                yield name, precision, runs, runs[0]["steps"] / speed / 60


def floor() -> dict:
    """Return the figures of real training images, which are the same for every design."""
    return stored(REFERENCE / "dense" / "result.json")["floor"]


def label(name: str, precision: str) -> str:
    """Return what a table calls the runs of a design in `precision`."""
    return f"`{name}`" + (", bfloat16" if precision == "bfloat16" else "")


def all_runs() -> str:
    """Return every design at full length, and its document's own code: mean and range of seeds."""
    measures, rows = (*SHOWN, "nearest_training_image"), []

    def add(what: str, runs: list[dict], minutes: str = "") -> None:
        cells = [what, f"{runs[0]['steps']:,}", str(len(runs)), minutes]
        rows.append(cells + [spread(runs, measure) for measure in measures])

    for name, precision, runs, minutes in reproduced():
        add(label(name, precision), runs, f"{minutes:.0f}")
        for run in stored(REFERENCE / name / "result.json").get("earlier", []):
            if run["precision"] == precision:
                add(f"{label(name, precision)}, seed {run['seed']}, rounded differently", [run])
        if precision == "float32" and (path := REFERENCE / name / "document.json").exists():
            document = DESIGNS[name].summary.split(": ")[1]
            add(f"{document}'s own code", stored(path)["runs"])
    real = (cell(floor(), measure) for measure in SHOWN)
    rows.append(["real training images", None, None, None, *real, None])  # it is one of them
    return table(["design", "steps", "seeds", "minutes", *map(heading, measures)], rows)


def averaged() -> str:
    """Return the averaged generator of every run that kept one, beside its last generator.

    `as near as the last after`: the first measured step after which the averaged generator is as
    near to MNIST as the last generator is at the end; of several seeds, the latest.
    """
    shown, rows = ("precision", "recall", "coverage"), []
    headings = ["design", "seeds", "Fréchet distance, last ↓", "averaged ↓"]
    headings += [f"{heading(name)}, averaged" for name in shown]
    headings += ["as near as the last after", "minutes", "share of the steps"]
    for name, precision, runs, minutes in reproduced():
        if runs := [run for run in runs if "average" in run]:
            cells = [label(name, precision), str(len(runs)), spread(runs, "frechet_distance")]
            cells += [spread(runs, name, "average") for name in ("frechet_distance", *shown)]
            near = [as_near(run, run["distances"][-1]["last"]) for run in runs]
            if all(near):
                share = max(near) / runs[0]["steps"]
                cells += [f"{max(near):,} steps", f"{minutes * share:.1f}", f"{share:.0%}"]
            else:
                cells += ["never", "", ""]
            rows.append(cells)
    return table(headings, rows)


def as_near(run: dict, distance: float) -> int | None:
    """The first measured step whose averaged generator is within `distance` of MNIST."""
    return next((each["steps"] for each in run["distances"] if each["average"] <= distance), None)


def shortest() -> str:
    """Return how soon the averaged generators are as near as the document's training at its end.

    That is the mean distance of the last generators in float32.
    """
    found = {(name, precision): each for name, precision, *each in reproduced()}
    rows = []
    for name in DESIGNS:
        runs, minutes = found[name, "float32"]
        end = mean(run["figures"]["frechet_distance"] for run in runs)
        cells = [f"`{name}`", f"{end:.0f}", f"{minutes:.0f}"]
        for precision in ("float32", "bfloat16"):
            cells.append(reached(end, *found.get((name, precision), ([], 0.0))))
        rows.append(cells)
    headings = ["design", "Fréchet distance at the end", "minutes", "float32", "bfloat16"]
    return table(headings, rows)


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
    rows = []
    for name, precision, runs, _ in reproduced():
        if runs := [run["distances"] for run in runs if "distances" in run]:
            for kind, generator in (("last", "last"), ("average", "averaged")):
                parts = zip(*runs, strict=True)
                means = [f"{mean(each[kind] for each in part):.0f}" for part in parts]
                rows.append([label(name, precision), generator, *means])
    return table(["design", "generator", *shares], rows)


def results() -> str:
    """Return what README shows of each design: what it is, and the mean figures of its seeds."""
    kinds = {"Fréchet distance ↓": ("frechet_distance", "figures")}
    kinds["averaged ↓"] = ("frechet_distance", "average")
    kinds |= {heading(name): (name, "figures") for name in ("precision", "recall")}
    rows = []
    for name, precision, runs, minutes in reproduced():
        if precision == "float32":
            nets, document = DESIGNS[name].summary.split(": ")
            link = f"[`{name}`]({DESIGNS[name].module.replace('.', '/')}.py)"
            means = (mean_of(runs, *kind) for kind in kinds.values())
            rows.append([link, nets, document, *means, str(len(runs)), f"{minutes:.0f}"])
    if runs := stored(REFERENCE / "best" / "result.json", {}).get("float32"):
        what = "`best`: `dense` with [other numbers](experiments/better_numbers.md#best)"
        means = (mean_of(runs, *kind) for kind in kinds.values())
        rows.append(
            [what, "dense nets, one Adam", "none", *means, str(len(runs)), best_minutes(runs)]
        )
    real = (mean_of([{"figures": floor()}], *kind) for kind in kinds.values())
    rows.append(["real training images", None, None, *real, None, None])
    return table(["design", "nets", "document", *kinds, "seeds", "minutes"], rows)


def best_minutes(runs: list[dict]) -> str:
    """Return the minutes of training alone of the runs of the study `best`."""
    speeds = stored(REFERENCE / "better_numbers" / "speeds.json")["designs"]
    return f"{runs[0]['steps'] / speeds['dense']['128']['float32'] / 60:.0f}"


def mean_of(runs: list[dict], measure: str, kind: str) -> str:
    """Return the mean of a figure over the runs, or "" if a run lacks it."""
    if not all(kind in run for run in runs):
        return ""
    return format(mean(run[kind][measure] for run in runs), FIGURES[measure][1])


def digits() -> str:
    """Return the share of each digit in the images of seed 0 of every design."""
    kinds = {
        f"`{name}`": runs[0]["figures"]
        for name, precision, runs, _ in reproduced()
        if precision == "float32"
    }
    kinds["real training images"] = floor()
    rows = ([kind, *(f"{share:.1%}" for share in each["digits"])] for kind, each in kinds.items())
    return table(["design", *map(str, range(10))], rows)
