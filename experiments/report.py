"""Write the stored figures into the pages: `make report`

Every table of README.md and of experiments/*.md stands between two comments, `<!-- name -->` and
`<!-- /name -->`. This script makes it from the JSON of its experiment. It also prints the table of
the reproductions. Pages that are up to date do not change.
"""

import re
from collections.abc import Callable
from functools import partial

import augmentation
import bench
import better_numbers
import copies
import exports
import frozen_discriminator
import losses
import on_gpu
import optimal_discriminator
import parity
import ranked_sampling
import reproductions
import scale
from results import REFERENCE, REPOSITORY, stored
from tables import cell, heading, runs_of, spread, study_table, table

from gan.cli import run_command
from gan.designs import DESIGNS

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "experiments").glob("*.md"))]


def batchnorm() -> str:
    """Return `dense` with the BatchNorm of Keras 3 and of 2018: mean and range of the seeds."""
    shown = ("classifier_score", "precision", "recall", "coverage", "nearest_training_image")
    usual, one_core = (
        stored(REFERENCE / "dense" / f"{name}.json") for name in ("result", "one-core")
    )
    kinds = [("of Keras 3", usual["float32"]), ("of Keras 3", one_core["float32"])]
    kinds.append(("of 2018", stored(REFERENCE / "batchnorm.json")["runs"]))
    rows = []
    for what, runs in kinds:
        cells = [what, str(runs[0]["cores"]), str(len(runs))]
        cells += [spread(runs, "frechet_distance", kind) for kind in ("figures", "average")]
        rows.append(cells + [spread(runs, name) for name in shown])
    headings = ["BatchNorm", "cores", "seeds", "Fréchet distance ↓", "averaged ↓"]
    return table([*headings, *map(heading, shown)], rows)


def next_steps() -> str:
    """Return the runs of `dense` that the SGD article suggests."""
    rows = stored(REFERENCE / "next_steps.json")["experiments"]
    return study_table("`dense` with", {title: runs_of(row) for title, row in rows.items()})


def fashion() -> str:
    """Return the figures on Fashion-MNIST."""
    result = stored(REFERENCE / "other_data.json")["fashion"]
    rows = {"real training images": [{"figures": result["floor"]}]}
    for design, row in result["designs"].items():
        runs = runs_of(row)
        title = f"`{design}`, {runs[0]['steps']:,} steps"
        rows[f"{title}, last"] = runs
        rows[f"{title}, averaged"] = [{"figures": run["average"]} for run in runs]
    return study_table("Fashion-MNIST", rows)


def few_photos() -> str:
    """Return the figures of the averaged generators that were trained on few photos."""
    result = stored(REFERENCE / "few_photos.json")
    shown = ("precision", "recall", "coverage", "nearest_training_image")
    rows = []
    for title, runs in result["rows"].items():
        distances = [spread(runs, "frechet_distance", kind) for kind in ("figures", "average")]
        rows.append([title, *distances, *(spread(runs, name, "average") for name in shown)])
    floor = [cell(result["floor"], name) for name in shown[:-1]] + [None]
    rows.append(["real training images", cell(result["floor"], "frechet_distance"), None, *floor])
    headings = ["`dcgan`, 3,000 steps on", "Fréchet distance ↓, last", "averaged ↓"]
    return table([*headings, *(f"{heading(name)}, averaged" for name in shown)], rows)


def start_from() -> str:
    """Return the figures of `dense` on Fashion-MNIST by the weights with which it began."""
    rows = {}
    for title, runs in stored(REFERENCE / "start_from.json")["rows"].items():
        rows[f"{title}, last"] = runs
        rows[f"{title}, averaged"] = [{"figures": run["average"]} for run in runs]
    return study_table("3,000 steps from", rows)


def exchanged_nets() -> str:
    """Return the figures of other documents' loops with the nets of the DCGAN article."""
    rows = {}
    for title, runs in stored(REFERENCE / "exchanged_nets.json", {}).get("rows", {}).items():
        rows[f"{title}, last"] = runs
        rows[f"{title}, averaged"] = [{"figures": run["average"]} for run in runs]
    return study_table("10,000 steps with", rows)


def faults() -> str:
    """Return the counts of `make test-faults`."""
    result = stored(REFERENCE / "faults.json")
    title = f"`{result['command']}`, {result['seconds'] / 60:.0f} minutes"
    counts = result["counts"].items()
    return table([title, None], ([what, f"{good} of {tried}"] for what, (good, tried) in counts))


TABLES: dict[str, Callable[[], str]] = {
    **{f"better-{name}": partial(better_numbers.one_changed, name) for name in DESIGNS},
    "better-together": better_numbers.together,
    "better-after": better_numbers.after,
    "best": better_numbers.best,
    "augmentation": lambda: augmentation.text(stored(augmentation.RESULT, {})),
    "exchanged-nets": exchanged_nets,
    "reproductions": reproductions.all_runs,
    "averaged": reproductions.averaged,
    "shortest": reproductions.shortest,
    "distances": reproductions.distances,
    "results": reproductions.results,
    "digits": reproductions.digits,
    "batchnorm": batchnorm,
    "parity": lambda: parity.text(stored(parity.RESULT)),
    "speed": lambda: bench.training_table(stored(bench.RESULT)["training"]),
    "otherwise": lambda: bench.otherwise_table(stored(bench.RESULT)["training"]),
    "whole": lambda: bench.other_table(stored(bench.RESULT)),
    "exchange": lambda: scale.exchange_table(stored(scale.RESULT)["designs"]),
    "devices": lambda: scale.devices_table(stored(scale.RESULT)["designs"]),
    "network": lambda: scale.network_table(stored(scale.RESULT)["designs"]),
    "ranked": lambda: ranked_sampling.text(stored(ranked_sampling.RESULT)),
    "nearest": lambda: ranked_sampling.nearest(stored(ranked_sampling.RESULT)),
    "next-steps": next_steps,
    "few-photos": few_photos,
    "start-from": start_from,
    "faults": faults,
    "exports": lambda: exports.text(stored(exports.RESULT)),
    "copies": lambda: copies.text(stored(copies.RESULT)),
    "gpu": lambda: on_gpu.text(stored(on_gpu.RESULT, {})),
    "losses": lambda: losses.text(stored(losses.RESULT)),
    "frozen": lambda: frozen_discriminator.text(stored(frozen_discriminator.RESULT)),
    "fashion": fashion,
    "theory": lambda: optimal_discriminator.text(stored(optimal_discriminator.RESULT)),
}


def fill(page: str) -> str:
    """Return the page with every table as stored. Raises KeyError for an unknown table."""

    def block(match: re.Match) -> str:
        name = match[1]
        return f"<!-- {name} -->\n\n{TABLES[name]()}\n\n<!-- /{name} -->"

    return re.sub(r"<!-- ([a-z-]+) -->.*?<!-- /\1 -->", block, page, flags=re.DOTALL)


def main() -> int:
    for path in PAGES:
        old = path.read_text(encoding="utf-8")
        if (new := fill(old)) != old:
            path.write_text(new, encoding="utf-8")
            print(f"{path.relative_to(REPOSITORY)} updated")
    print(reproductions.all_runs())
    return 0


if __name__ == "__main__":
    run_command(main)
