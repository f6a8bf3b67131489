"""Draw the losses of a run from its metrics.csv."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gan.support.files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POINTS = 400  # of a curve; each is the mean of the steps around it
LN2 = math.log(2)
TITLES = ("Losses", "What D can tell")
STYLES = {"last": "C0", "averaged": "C2"}
Columns = dict[str, np.ndarray]


def read_metrics(path: Path) -> Columns:
    """Read the columns of a metrics.csv, float64 [steps] each: `step` and the metrics.

    Raises OSError, also if the file is not such a table.
    """
    try:
        with path.open(encoding="utf-8") as file:
            names = file.readline().strip().split(",")
            rows = np.array([line.split(",") for line in file], np.float64)
        return dict(zip(names, rows.reshape(-1, len(names)).T, strict=True))
    except ValueError:
        raise OSError(None, "the file is damaged", str(path)) from None


def as_means(columns: Columns, d_loss_terms: int) -> Columns:
    """`columns` with d_loss as the mean of its real and fake terms, under the name of that mean.

    `d_loss_terms` is 2 if d_loss is their sum. The mean is ln 2 if D cannot tell real from fake.
    """
    if d_loss_terms == 1:
        return columns
    mean = columns["d_loss"] / d_loss_terms
    others = {name: values for name, values in columns.items() if name != "d_loss"}
    return others | {f"d_loss / {d_loss_terms}": mean}


def thin(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, 5th and 95th percentile of `values` [steps] in each of at most POINTS stretches."""
    stretches = np.array_split(values, min(POINTS, len(values)))
    return tuple(
        np.array([function(stretch) for stretch in stretches])
        for function in (np.mean, lambda s: np.percentile(s, 5), lambda s: np.percentile(s, 95))
    )


def top_of(*losses: np.ndarray) -> float:
    """The upper end of the axis: a spike in the first steps must not flatten the rest."""
    return 1.1 * max(1.0, *(np.percentile(thin(values)[0], 98) for values in losses))


def by_generator(evaluations: Sequence[dict]) -> dict[str, tuple[list[int], list[float]]]:
    """The steps and the Fréchet distances of each generator, from the rows of evaluations.csv."""
    found = {}
    for row in evaluations:
        steps, distances = found.setdefault(row["generator"], ([], []))
        steps.append(row["step"])
        distances.append(row["frechet_distance"])
    return found


def draw_curves(
    columns: Columns,
    picture: Path,
    evaluations: Sequence[dict] = (),
    smooth_labels: bool = False,
) -> None:
    """Draw the `columns` of a log as the PNG `picture`: losses, accuracy, estimated divergence.

    Below them stands the Fréchet distance of both generators, if there are `evaluations`.

    d_loss is a mean here (`as_means`). ln 2 - d_loss estimates the Jensen-Shannon divergence, as
    the d_on_g notebook explains. The estimate is too low if D is not optimal, and too high if D
    has memorized its training images. With `smooth_labels`, d_loss is of other targets, and the
    difference no estimate. Raises OSError.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure  # not pyplot: it keeps every figure in memory

    if not len(columns["step"]):
        return
    d_name = next(name for name in columns if name.startswith("d_loss"))
    d_loss = columns[d_name]
    steps = thin(columns["step"])[0]
    distances = by_generator(evaluations)
    figure = Figure(figsize=(8, 8 if distances else 6), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    heights = (3, 2, 2) if distances else (3, 2)
    losses, theory, *more = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)

    def draw(axis: Axes, values: np.ndarray, label: str, color: str) -> None:
        mean, low, high = thin(values)
        axis.plot(steps, mean, color, label=label, linewidth=1.2)
        axis.fill_between(steps, low, high, color=color, alpha=0.15, linewidth=0)

    draw(losses, d_loss, d_name, "C0")
    draw(losses, columns["g_loss"], "g_loss", "C1")
    losses.axhline(LN2, color="0.5", linestyle=":", label="ln 2")
    losses.set(ylabel="cross-entropy, nats", ylim=(0, top_of(d_loss, columns["g_loss"])))
    meaning = " (smooth labels: no divergence)" if smooth_labels else ": estimated JS divergence"
    draw(theory, LN2 - d_loss, f"ln 2 - {d_name}{meaning}", "C2")
    theory.axhline(0, color="0.5", linestyle=":")
    if "d_accuracy" in columns:
        draw(theory, columns["d_accuracy"], "d_accuracy", "C3")
    theory.set_ylim(-0.15, 1.02)
    for axis in more:
        for generator, (at, values) in distances.items():
            axis.plot(at, values, f"{STYLES[generator]}o-", markersize=3, label=generator)
        axis.set(yscale="log", ylabel="Fréchet distance")
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_formatter("{x:g}")
    last = [losses, theory, *more][-1]
    last.set(xlabel="step (lines: means of stretches; bands: 5 to 95 % of the steps in them)")
    real = evaluations[-1]["compared_with"] if more else ""
    titles = (*TITLES, f"Distance of the images to {real}")
    for axis, title in zip((losses, theory, *more), titles, strict=False):
        axis.set_title(title, loc="left", fontweight="bold")
        axis.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, frameon=False)
        axis.grid(alpha=0.3)
    with replacing(picture) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})
