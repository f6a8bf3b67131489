"""Put the stored figures into the pages: `make report`

Every table of README.md and of experiments/*.md lies between two comments, `<!-- name -->` and
`<!-- /name -->`, and is made here from the JSON of its experiment. Prints the table of the
reproductions. Where the pages are up to date, nothing changes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from statistics import mean

import benchmark
import next_steps
import optimal_discriminator
import parity
import ranked_sampling
import scale
from results import FIGURES, REPOSITORY

from gan.command import run_command
from gan.designs import DESIGNS
from gan.metrics import FIGURES as MEASURES

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "experiments").glob("*.md"))]
SHOWN = ("frechet_distance", "classifier_score", "precision", "recall", "density", "coverage")


def stored(path: Path) -> dict:
    return json.loads(path.read_text())


def reproductions() -> str:
    """Every design at full length: the mean of its seeds and their range, beside the floor."""
    titles = [MEASURES[name][0] for name in (*SHOWN, "nearest_training_image")]
    lines = [f"| design | steps | seeds | minutes | {' | '.join(titles)} |"]
    lines += ["|" + "---|" * (4 + len(titles))]
    floor = None
    for name in DESIGNS:
        path = FIGURES / name / "result.json"
        if not path.exists():
            continue
        result = stored(path)
        floor = result["floor"]
        for precision in ("float32", "bfloat16"):
            if runs := result.get(precision):
                title = f"`{name}`" + (", bfloat16" if precision == "bfloat16" else "")
                speed = stored(benchmark.RESULT)["training"][name]["steps_per_second"][precision]
                steps = runs[0]["steps"]
                cells = [title, f"{steps:,}", str(len(runs)), f"{steps / speed / 60:.0f}"]
                cells += [spread(runs, name) for name in (*SHOWN, "nearest_training_image")]
                lines.append(f"| {' | '.join(cells)} |")
    if floor:
        cells = [format(floor[name], MEASURES[name][1]) for name in SHOWN]
        lines.append(f"| real training images | | | | {' | '.join(cells)} | 1 |")
    return "\n".join(lines)


def spread(runs: list[dict], measure: str) -> str:
    """A figure's mean over the runs, and in brackets its least and greatest."""
    values, form = [run["figures"][measure] for run in runs], MEASURES[measure][1]
    if len(values) == 1:
        return format(values[0], form)
    return f"{mean(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def digits() -> str:
    """The share of each digit, of seed 0 of every design."""
    lines = ["| design | " + " | ".join(map(str, range(10))) + " |", "|---" * 11 + "|"]
    floor = None
    for name in DESIGNS:
        if (path := FIGURES / name / "result.json").exists():
            result = stored(path)
            floor = result["floor"]["digits"]
            shares = result["float32"][0]["figures"]["digits"]
            lines.append(f"| `{name}` | {' | '.join(f'{share:.1%}' for share in shares)} |")
    if floor:
        lines.append(f"| real training images | {' | '.join(f'{s:.1%}' for s in floor)} |")
    return "\n".join(lines)


TABLES: dict[str, Callable[[], str]] = {
    "reproductions": reproductions,
    "digits": digits,
    "parity": lambda: parity.table(stored(parity.RESULT)),
    "speed": lambda: benchmark.table(stored(benchmark.RESULT)).split("\n\n")[0],
    "whole": lambda: benchmark.table(stored(benchmark.RESULT)).split("\n\n")[1],
    "exchange": lambda: scale.tables(stored(scale.RESULT)).split("\n\n")[0],
    "devices": lambda: scale.tables(stored(scale.RESULT)).split("\n\n")[1],
    "network": lambda: scale.tables(stored(scale.RESULT)).split("\n\n")[2],
    "ranked": lambda: ranked_sampling.table(stored(ranked_sampling.RESULT)),
    "next-steps": lambda: next_steps.table(stored(next_steps.RESULT)),
    "theory": lambda: optimal_discriminator.table(stored(optimal_discriminator.RESULT)),
}


def fill(page: str) -> str:
    """The page with every table as it is stored. Raises KeyError for a table unknown."""

    def block(match: re.Match) -> str:
        name = match[1]
        return f"<!-- {name} -->\n\n{TABLES[name]()}\n\n<!-- /{name} -->"

    return re.sub(r"<!-- ([a-z-]+) -->.*?<!-- /\1 -->", block, page, flags=re.DOTALL)


def main() -> int:
    for path in PAGES:
        old = path.read_text()
        if (new := fill(old)) != old:
            path.write_text(new)
            print(f"{path.relative_to(REPOSITORY)} brought up to date")
    print(reproductions())
    return 0


if __name__ == "__main__":
    run_command(main)
