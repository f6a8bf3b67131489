"""Write Markdown tables, and the cells that several of them share."""

from collections.abc import Iterable
from statistics import mean

from gan.evaluation.metrics import FIGURES

ARROWS = {"lower": " ↓", "higher": " ↑"}  # which way is better
SHOWN = ("frechet_distance", "classifier_score", "precision", "recall", "density", "coverage")


def table(headings: Iterable[str | None], rows: Iterable[Iterable[str | None]]) -> str:
    """Return a Markdown table. None is a cell that no row of this kind fills."""

    def line(cells: Iterable[str | None]) -> str:
        return "|" + "".join(" |" if cell is None else f" {cell} |" for cell in cells)

    headings = list(headings)
    return "\n".join([line(headings), "|---" * len(headings) + "|", *map(line, rows)])


def heading(measure: str) -> str:
    """Return the heading of a measure's column, with an arrow to the better side."""
    name, _, better = FIGURES[measure]
    return name + ARROWS.get(better.split(",")[0], "")


def cell(figures: dict, measure: str) -> str:
    """Return one figure as text."""
    return format(figures[measure], FIGURES[measure][1])


def mean_and_range(values: list[float], form: str) -> str:
    """Return the mean of some values and, in brackets, their minimum and maximum if they differ."""
    texts = [format(value, form) for value in (mean(values), min(values), max(values))]
    return texts[0] if min(values) == max(values) else f"{texts[0]} ({texts[1]} to {texts[2]})"


def spread(runs: list[dict], measure: str, kind: str = "figures") -> str:
    """Return the mean of a figure over the runs, and in brackets its minimum and maximum."""
    return mean_and_range([run[kind][measure] for run in runs], FIGURES[measure][1])


def runs_of(row: list | dict) -> list[dict]:
    """Return the runs of a row of a study, each with its `figures`.

    Rows that were stored before each run had its seed hold one run, or only its figures.
    """
    if isinstance(row, list):
        return row
    return [row if "figures" in row else {"figures": row}]


def study_table(first: str, rows: dict[str, list[dict]]) -> str:
    """Return the runs of each title: mean and range of the last generators' figures."""
    headings = [first, *(FIGURES[measure][0] for measure in SHOWN)]
    lines = ([title, *(spread(runs, name) for name in SHOWN)] for title, runs in rows.items())
    return table(headings, lines)
