"""Train a design at its document's full length and measure it: `make reproduce-<design>`

Each seed is its own run, named <design>-seed-<n>, and continues if it was stopped. All trained
runs count. At the end, 10,000 images of the last generator and 10,000 of the averaged one are
measured as gan.evaluate does. Their Fréchet distance is also measured after every tenth and after a
third of the training. With seed 0, the averaged generator's grid is drawn where the document shows
one. It writes:

experiments/<run>/distances.json                     the distances so far
experiments/reference/<design>/result.json           the figures of every seed, and their floor
experiments/reference/<design>/metrics-*.csv.gz      the log of every seed
experiments/reference/<design>/config.json, weights  seed 0: what gan.generate draws with
images/reference/<design>/                           seed 0: grids at some steps, curves, GIF

    python experiments/reproduce.py DESIGN [--seeds N] [--first N] [--precision bfloat16]
"""

from __future__ import annotations

import argparse
import gzip
import json
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

from results import FIGURES, PICTURES, REPOSITORY, commit, real_mnist, store

from gan.cli import load_tensorflow, run_command
from gan.data.images import Mnist
from gan.designs import DESIGNS, build_design, find_recipe
from gan.pictures.curves import as_means, draw_curves, read_metrics
from gan.recipe import positive_int, seed_number
from gan.runs import Run
from gan.runs.trained import load
from gan.runs.weights import net_variables, save_weights
from gan.support.errors import UserError
from gan.support.files import replacing

SEEDS = 3
TENTHS = 10
# What a result.json holds. "earlier": runs from before equal commands gave equal bytes.
KINDS = ("float32", "earlier", "bfloat16", "floor")
# The grids kept: those that the document shows, or about as many from first to last.
STAGES = {
    "dense": ("0", "200", "1000", "5000", "10000", "final"),
    "dense-sgd": ("0", "400", "5000", "final"),
    "d-on-g": ("0_0", "0_100", "0_400", "4_400", "10_0", "14_400", "final"),
    "mlp": ("0", "400", "4000", "20000", "final"),
    "dcgan": tuple(f"image_at_epoch_{epoch:04d}" for epoch in (1, 10, 20, 30, 40, 50)),
}


def train(run: Run, name: str, seed: int, precision: str, *length: str) -> None:
    """Train the run, or continue it, to `length`; by default to its document's length."""
    command = [sys.executable, "-m", "gan.train", name, "--seed", str(seed), *length]
    command += ["--name", run.name, "--root", str(run.root), "--precision", precision]
    subprocess.run(command, cwd=REPOSITORY, check=True)


def train_in_parts(run: Run, name: str, seed: int, precision: str, mnist: Mnist) -> list[dict]:
    """Train the run to its end; return the distances after each tenth and a third of it.

    With seed 0 it also stops where the document shows a grid, to draw the averaged generator's.
    """
    from gan.data.batches import Schedule
    from gan.evaluation.measure import Comparison, draw
    from gan.pictures.gallery import save_sample_grid

    path, comparison = run.folder / "distances.json", Comparison(mnist)
    found = json.loads(path.read_text()) if path.exists() else []
    if found and found[-1]["steps"] > max(run.checkpoints.steps(), default=0):
        found = []  # the run was started over since
    schedule = Schedule(find_recipe(name), len(mnist.train), seed)
    total = schedule.total_steps
    points = {total * tenth // TENTHS for tenth in range(1, TENTHS + 1)} | {total // 3}
    stages = stage_steps(name, schedule) if seed == 0 and precision == "float32" else {}
    for steps in sorted(points | stages.keys()):
        picture = run.grid(f"{stages.get(steps)}-average")
        measured = steps not in points or any(each["steps"] == steps for each in found)
        drawn = picture.exists() and steps <= max(run.checkpoints.steps(), default=0)
        if measured and (steps not in stages or drawn):
            continue
        train(run, name, seed, precision, *(("--steps", str(steps)) if steps < total else ()))
        design, done = load(run, average=True)
        if done != steps:
            raise UserError(
                f"run {run.name!r} has {done:,} steps, so step {steps:,} cannot be measured; "
                "delete the run, or choose another --root"
            )
        if steps in stages:
            save_sample_grid(design, picture, average=True)
        if measured:
            continue
        last, average = (
            comparison.distance(draw(run, design, done, average=average)[1])
            for average in (False, True)
        )
        found.append({"steps": steps, "last": last, "average": average})
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(found, indent=2) + "\n")
    return found


def stage_steps(name: str, schedule) -> dict[int, str]:
    """The steps after which the loop draws the grids of STAGES: number of steps -> grid."""
    design, per_epoch = build_design(name), schedule.steps_per_epoch
    names = {step + 1: design.grid_name(step, per_epoch) for step in range(schedule.total_steps)}
    return {steps: grid for steps, grid in names.items() if grid in STAGES[name]}


def keep(run: Run, name: str, design, steps: int) -> None:
    """Copy what ships with the project for this design: config, weights and pictures."""
    save_weights(FIGURES / name, net_variables(design))
    save_weights(FIGURES / name, design.averages, "average")
    config = run.config()
    config |= {"data": config["data"] | {"source": "mnist"}, "steps": steps}
    (FIGURES / name / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    grids = [f"{stage}{kind}.png" for stage in STAGES[name] for kind in ("", "-average")]
    (PICTURES / name).mkdir(parents=True, exist_ok=True)
    draw_curves(as_means(read_metrics(run.metrics), design.d_loss_terms), run.grid("curves"))
    for picture in (*grids, "curves.png", "training.gif"):
        shutil.copyfile(run.images / picture, PICTURES / name / picture)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("design", choices=DESIGNS)
    parser.add_argument("--seeds", type=positive_int, help="number of seeds, from --first on")
    parser.add_argument("--first", type=seed_number, default=0, help="the first seed (default: 0)")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--root", type=Path, default=REPOSITORY, help="folder of the runs")
    options = parser.parse_args()
    name, precision = options.design, options.precision
    default = SEEDS if precision == "float32" else 1
    version, mnist = commit(), real_mnist()
    folder = FIGURES / name
    path = folder / "result.json"
    result = json.loads(path.read_text()) if path.exists() else {}
    label = "" if precision == "float32" else f"{precision}-"
    load_tensorflow()
    from gan.evaluation.measure import draw, measure

    for seed in range(options.first, options.first + (options.seeds or default)):
        run = Run(f"{name}-{label}seed-{seed}", options.root)
        distances = train_in_parts(run, name, seed, precision, mnist)
        design, steps = load(run, average=True)
        found, averaged = (
            measure(draw(run, design, steps, average=average)[1], mnist)
            for average in (False, True)
        )
        folder.mkdir(parents=True, exist_ok=True)
        with gzip.GzipFile(folder / f"metrics-{label}seed-{seed}.csv.gz", "wb", mtime=0) as log:
            log.write(run.metrics.read_bytes())
        if seed == 0 and not label:
            keep(run, name, design, steps)
        runs = {each["seed"]: each for each in result.get(precision, [])}
        runs[seed] = {
            "seed": seed,
            "steps": steps,
            "date": date.today().isoformat(),
            "commit": version,
            "cores": run.config().get("cores"),
            "distances": distances,
            "figures": found["figures"],
            "average": averaged["figures"],
        }
        result |= {precision: [runs[seed] for seed in sorted(runs)], "floor": found["floor"]}
        kept = {key: result[key] for key in KINDS if key in result}
        store(path, f"make reproduce-{name}", kept)
        last, average = (each["figures"]["frechet_distance"] for each in (found, averaged))
        print(f"{run.name}: Fréchet distance {last:.2f}, averaged generator {average:.2f}")
    return 0


if __name__ == "__main__":
    run_command(main)
