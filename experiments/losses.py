"""Show what the losses say, with short runs that have what people ask about: `make losses`

A case is something that people see, and two parts: a run that shows it, and the same training after
a change, or later. gan.train trains the runs, and 10,000 images of each are measured. Writes
reference/losses.json and draws images/reference/losses.png. What was trained and measured before is
not done again. Takes 15 minutes on 2 cores.
"""

import argparse
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from results import PICTURES, REFERENCE, REPOSITORY, commit, real_mnist, save_plot, store
from studies import Row
from study_run import StudyRun
from tables import cell, heading, table

from gan.cli import run_command
from gan.evaluation.measure import Comparison, draw
from gan.evaluation.metrics import IMAGES_MEASURED
from gan.pictures.curves import LN2, read_metrics
from gan.pictures.grid import save_grid
from gan.runs import Run

RESULT, PLOT = REFERENCE / "losses.json", PICTURES / "losses.png"
DRAWN = 12  # images of a run in the picture
POINTS, LAST = 120, 100  # of a curve; steps before a measurement, whose mean losses are stored
TICKS = (0, 0.5, 1, 2, 5, 10, 100, 1000)
SHOWN = ("frechet_distance", "precision", "recall", "coverage")


class Part(NamedTuple):
    """A run, seen after `steps`."""

    about: str
    row: Row
    steps: int


DENSE = Row("losses-dense", "dense")
CASES = {  # what people see -> a run that shows it, and the same after a change, or later
    "D's loss goes to 0, G's grows": (
        Part("the rate 1e-2", Row("losses-rate", "dense", "--learning-rate 1e-2"), 1000),
        Part("the document's rate, 2e-4", DENSE, 1000),
    ),
    "both losses stay near 0.69": (
        Part("the document's rate, 0.01", Row("losses-sgd", "dense-sgd"), 1500),
        Part("the rate 0.1", Row("losses-sgd-rate", "dense-sgd", "--learning-rate 0.1"), 1500),
    ),
    "G's loss rises, the images get better": (
        Part("early", DENSE, 1000),
        Part("later", DENSE, 6000),
    ),
    "the images are alike": (
        Part("β₁ 0.9", Row("losses-momentum", "dense", "--learning-rate 1e-3 --beta-1 0.9"), 2000),
        Part("β₁ 0.5", Row("losses-less", "dense", "--learning-rate 1e-3 --beta-1 0.5"), 2000),
    ),
}


def pictured(run: str, steps: int) -> Path:
    """The file with the first DRAWN images of a run after `steps`, side by side."""
    return Run(run, REPOSITORY).images / f"first-{steps}.png"


def complete(part: Part, training: StudyRun, comparison) -> dict:
    """Train the run to the part's steps, measure its images; return what is stored of it."""
    steps, picture = part.steps, pictured(training.run.name, part.steps)
    if not (picture.exists() and training.measured(steps)):
        design = training.train(steps)
        images = draw(training.run, design, steps)[1]
        save_grid(picture, images[:DRAWN], zoom=1, columns=DRAWN)
        training.remember(steps, {"figures": comparison.figures_of_features(images)})
    log, found = read_metrics(training.run.metrics), training.measured(steps)
    losses = {name: log[name][:steps] for name in ("d_loss", "g_loss")}
    return {
        "about": part.about,
        "run": training.run.name,
        "design": part.row.design,
        "options": f"{part.row.options} --steps {steps}".strip(),
        "seed": training.seed,
        "steps": steps,
        "date": found["date"],
        "commit": found["commit"],
        "cores": training.run.config().get("cores"),
        "losses": {name: float(values[-LAST:].mean()) for name, values in losses.items()},
        "figures": found["figures"],
        "curves": {name: curve(values) for name, values in losses.items()},
    }


def curve(values: np.ndarray) -> list[float]:
    """The means of POINTS stretches of a loss, each with as many steps."""
    return [round(float(stretch.mean()), 4) for stretch in np.array_split(values, POINTS)]


def text(result: dict) -> str:
    """Return a Markdown table with two rows for each case."""
    rows = []
    for title, parts in result["cases"].items():
        for part, shown in zip(parts, (title, None), strict=True):
            run = f"{part['about']}: `{part['design']} {part['options']}`"
            losses = [f"{part['losses'][name]:.3f}" for name in ("d_loss", "g_loss")]
            rows.append([shown, run, *losses, *cells(part["figures"])])
    rows.append([None, "real images", None, None, *cells(result["floor"])])
    headings = ["what you see", "run", "`d_loss`", "`g_loss`"]
    return table([*headings, *map(heading, SHOWN), "most frequent digit"], rows)


def cells(figures: dict) -> list[str]:
    """The cells of a row that say how good the images are."""
    digits = figures["digits"]
    most = f"{np.argmax(digits)}: {max(digits):.0%}"
    return [*(cell(figures, measure) for measure in SHOWN), most]


def plot(result: dict) -> None:
    """Draw for each case the losses of its first run, or of all of it if both parts are one run."""
    figure = Figure(figsize=(12, 9.5), layout="constrained")
    places = figure.subfigures(2, 2, hspace=0.06, wspace=0.05).flat
    for place, (title, parts) in zip(places, result["cases"].items(), strict=True):
        shown = parts[1] if parts[0]["run"] == parts[1]["run"] else parts[0]
        losses, *strips = place.subplots(3, 1, height_ratios=(5, 1, 1))
        steps = (np.arange(POINTS) + 0.5) * shown["steps"] / POINTS
        for color, (name, values) in zip(("C0", "C1"), shown["curves"].items(), strict=True):
            losses.plot(steps, values, color, linewidth=1.6, label=name)
        losses.axhline(LN2, color="0.4", linestyle=":", label="0.69, ln 2")
        losses.set_yscale("symlog", linthresh=1)  # linear up to 1, then logarithmic
        losses.set(xlim=(0, shown["steps"]), ylim=(0, None), xlabel="step")
        top = losses.get_ylim()[1]
        losses.set_yticks([tick for tick in TICKS if tick < top])
        losses.minorticks_off()
        losses.yaxis.set_major_formatter("{x:,g}")
        losses.set_title(title, loc="left", fontweight="bold")
        losses.legend(loc="best", frameon=False)
        losses.grid(alpha=0.3)
        for axis, part in zip(strips, parts, strict=True):
            with Image.open(pictured(part["run"], part["steps"])) as picture:
                axis.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="lanczos")
            axis.set_title(f"{part['about']}: after {part['steps']:,} steps", loc="left", size=10)
            axis.set_axis_off()
    save_plot(figure, PLOT)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.parse_args()
    origin = {"commit": commit(), "date": date.today().isoformat()}
    comparison = Comparison(real_mnist())
    cases = {}
    for title, parts in CASES.items():
        cases[title] = []
        for part in parts:
            training = StudyRun(part.row, 0, REPOSITORY, origin=origin)
            cases[title].append(complete(part, training, comparison))
    result = store(
        RESULT, "make losses", {"cases": cases, "floor": comparison.floor(IMAGES_MEASURED)}
    )
    print(text(result))
    plot(result)
    return 0


if __name__ == "__main__":
    run_command(main)
