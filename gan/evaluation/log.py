"""The figures of a run while it trains, in its evaluations.csv: `gan.train --evaluate-every`.

One row for each evaluated step and generator: step, `last` or `averaged`, the figures, and with
which real images they were compared.
"""

import csv
import math
from pathlib import Path

from gan.data.download import PUBLISHED
from gan.evaluation.metrics import FIGURES
from gan.support.files import remove, replacing

GENERATORS = ("last", "averaged")
COLUMNS = ("step", "generator", *FIGURES, "compared_with")
TITLES = [each.title for each in PUBLISHED.values()]


def read_evaluations(path: Path, until: int) -> list[dict]:
    """The rows of the steps up to `until`, in order; none if there is no such file.

    A row is a dict of COLUMNS: `step` an int, `generator` one of GENERATORS, each figure a finite
    float, `compared_with` one of TITLES. Other rows, such as one that a kill cut off, are left out.
    """
    rows = []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                try:
                    figures = {name: float(row[name]) for name in FIGURES}
                    found = {"step": int(row["step"]), "generator": row["generator"], **figures}
                    # Older files compare with MNIST, and do not have this column.
                    found["compared_with"] = row.get("compared_with", TITLES[0])
                except (KeyError, TypeError, ValueError):
                    continue
                known = found["generator"] in GENERATORS and found["compared_with"] in TITLES
                known = known and all(map(math.isfinite, figures.values()))
                if known and found["step"] <= until:
                    rows.append(found)
    except (OSError, UnicodeDecodeError, csv.Error):
        return []
    return rows


def comparable(rows: list[dict]) -> list[dict]:
    """The rows that are compared with the same real images as the last row."""
    return [row for row in rows if row["compared_with"] == rows[-1]["compared_with"]]


def keep_evaluations(path: Path, until: int) -> None:
    """Delete the rows of later steps than `until`, because these steps will run again."""
    if path.exists():
        write_evaluations(path, read_evaluations(path, until))


def write_evaluations(path: Path, rows: list[dict]) -> None:
    """Write the file with these rows, or delete it if there are none."""
    if not rows:
        remove(path)
        return
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
