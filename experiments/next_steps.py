"""Try on `dense` what the SGD article suggests to try next: `make next-steps`

It tries other lengths of the noise vector, two and three times as many iterations, and other data.
Each is a run of full length, which continues if it was stopped. 10,000 images of each run are
measured against MNIST as gan.evaluate does. Writes experiments/reference/next_steps.json, and the
last grid of each run to images/reference/next_steps/. Takes 50 minutes on 2 cores.

    python experiments/next_steps.py [--data fashion]    another data set; needs a network
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

from results import FIGURES, PICTURES, REPOSITORY, real_mnist, store

from gan.cli import load_tensorflow, run_command
from gan.evaluation.metrics import FIGURES as MEASURES
from gan.runs import Run
from gan.runs.trained import load

RESULT, GRIDS = FIGURES / "next_steps.json", PICTURES / "next_steps"
LATENT_DIMS = (2, 10, 50, 100, 200)
LENGTHS = (60_000, 90_000)  # the document's 30,000 is among the latent sizes


def experiments(data: str | None) -> dict[str, tuple[str, list[str]]]:
    """Return title -> (name of the run, options of gan.train)."""
    if data:
        return {f"data: {data}": (f"dense-{data}", ["--data", data])}
    latent = {
        f"latent_dim {size}": (f"dense-latent-{size}", ["--latent-dim", str(size)])
        for size in LATENT_DIMS
    }
    longer = {
        f"{steps:,} steps": (f"dense-{steps}-steps", ["--steps", str(steps)]) for steps in LENGTHS
    }
    return latent | longer | {"data: synthetic": ("dense-synthetic", ["--data", "synthetic"])}


def table(result: dict) -> str:
    """Return the result as a Markdown table."""
    shown = ("frechet_distance", "classifier_score", "precision", "recall", "density", "coverage")
    lines = [f"| `dense` with | {' | '.join(MEASURES[name][0] for name in shown)} |"]
    lines += ["|---" * (1 + len(shown)) + "|"]
    for title, figures in result["experiments"].items():
        cells = [format(figures[name], MEASURES[name][1]) for name in shown]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", help="train dense only on this data set")
    parser.add_argument("--root", type=Path, default=REPOSITORY, help="folder of the runs")
    options = parser.parse_args()
    mnist = real_mnist()
    result = json.loads(RESULT.read_text()) if RESULT.exists() else {"experiments": {}}
    for title, (name, settings) in experiments(options.data).items():
        run = Run(name, options.root)
        command = [sys.executable, "-m", "gan.train", "dense", "--name", name, *settings]
        subprocess.run([*command, "--root", str(options.root)], cwd=REPOSITORY, check=True)
        load_tensorflow()
        from gan.evaluation.measure import draw, measure

        _, images = draw(run, *load(run))
        result["experiments"][title] = measure(images, mnist)["figures"]
        GRIDS.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(
            run.grid("final"),
            GRIDS / f"{title.replace(': ', '-').replace(' ', '-').replace(',', '')}.png",
        )
        result = store(RESULT, "make next-steps", {"experiments": result["experiments"]})
    print(table(result))
    return 0


if __name__ == "__main__":
    run_command(main)
