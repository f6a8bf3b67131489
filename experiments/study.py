"""Train the runs of a study, measure them and store the figures: `make study-NAME`

studies.py describes the studies. What was stopped continues: repeat the command. What was measured
of a run stays in its folder, in measured-*.json, and is not measured again.

    python experiments/study.py NAME [--rows TITLE ...] [--seeds N] [--first N] [--data FILE]
    python experiments/study.py NAME --steps 20 [--root DIR]    a trial, which stores no figures
"""

import argparse
import shutil
from copy import copy
from datetime import date
from functools import cache
from importlib import import_module
from pathlib import Path

import numpy as np
from photo_folder import make_folder
from results import PICTURES, REFERENCE, REPOSITORY, commit, real_mnist, store, stored, with_run
from studies import STUDIES, Study
from study_run import StudyRun

from gan.cli import run_command
from gan.data import load_real
from gan.evaluation.metrics import IMAGES_MEASURED
from gan.recipe import positive_int, seed_number
from gan.runs import Run
from gan.runs.trained import has_average, load
from gan.support.errors import UserError

TRIAL_IMAGES = 1000  # measured in a trial, to be quick
KINDS = ("last", "average", "last_to_training", "average_to_training")  # of distances


def complete(training: StudyRun, study: Study, comparison) -> dict:
    """Train a run to its end and measure it where its study says; return what is stored of it."""
    from gan.pictures.gallery import save_sample_grid

    count = TRIAL_IMAGES if training.trial else IMAGES_MEASURED
    run, total, grids = training.run, training.total, training.grids()
    points = {int(total * share) for share in training.row.shares or study.shares} - {0, total}
    for steps in sorted({*points, *grids, total}):
        kinds = ("last", "average") if steps in points else ()
        if steps == total:
            kinds = ("figures", "average", *(["better half"] if study.better_half else []))
        known = training.measured(steps)
        missing = [kind for kind in kinds if kind not in known]
        picture = run.grid(f"{grids.get(steps)}-average")
        drawn = steps not in grids or picture.exists()
        if not missing and drawn and training.has(steps):
            continue
        design = training.train(steps)
        if steps in grids:
            save_sample_grid(design, picture, average=True)
        for kind in missing:
            last, found = kind in ("last", "figures"), {kind: None}
            if comparison and (last or has_average(run, steps)):
                images = draw_images(kind, run, design, steps, count)
                measure = comparison.figures if steps == total else comparison.distance
                found[kind] = measure(images)
                if study.real == "both" and kind != "better half":
                    distance = with_training_images(comparison).distance(images)
                    found["last_to_training" if last else "average_to_training"] = distance
            training.remember(steps, found)
    return record(training, sorted(points))


def draw_images(kind: str, run: Run, design, steps: int, count: int) -> np.ndarray:
    """Draw `count` images with the last or the averaged generator, or the better half of its."""
    from gan.evaluation.measure import draw
    from gan.evaluation.sampling import draw_samples, keep_best

    if kind == "better half":  # as gan.generate --average --nice --candidates 2
        return keep_best(draw_samples(design, 0, 2 * count, average=True), count)[0].images
    return draw(run, design, steps, count=count, average=kind == "average")[1]


def record(training: StudyRun, points: list[int]) -> dict:
    """What is stored of a run: its origin, its figures, and its distances at `points` and the end.

    Without figures, it is the shape of its images.
    """
    last, config = training.measured(training.total), training.run.config()
    kept = {"seed": training.seed, "steps": training.total, "date": last["date"]}
    kept |= {"commit": last["commit"], "cores": config.get("cores")}
    shown = ("figures", "average", "better half")
    figures = {kind: last[kind] for kind in shown if last.get(kind)}
    if not figures:
        return kept | {"images": config["data"]["images"]}
    if points:
        way = {steps: training.measured(steps) for steps in [*points, training.total]}
        kinds = [kind for kind in KINDS if kind in ("last", "average") or kind in last]
        kept["distances"] = [
            {"steps": steps} | {kind: distance(found, kind) for kind in kinds}
            for steps, found in way.items()
        ]
    return kept | figures


def distance(found: dict, kind: str) -> float | None:
    """Return one of the distances in what was measured; at the end of a run it is a figure."""
    value = found.get("figures" if kind == "last" and "figures" in found else kind)
    return value["frechet_distance"] if isinstance(value, dict) else value


def compare_with(study: Study, data: Path | None):
    """Return the `Comparison` with the study's real images, or None if it has none."""
    if study.real == "none":
        return None
    from gan.evaluation.measure import Comparison

    real = load_real(study.against, str(data)) if data else real_mnist()
    if not real.is_published:
        raise UserError(f"{data} does not hold the images of {study.data}")
    return Comparison(real)


@cache
def with_training_images(comparison):
    """`comparison` with as many training images, chosen at random, in place of the test images."""
    from gan.evaluation.classifier import classify

    other, train = copy(comparison), comparison.real.train
    chosen = np.random.default_rng(1).choice(len(train), IMAGES_MEASURED, replace=False)
    other.real_features, _ = classify(comparison.classifier, train[chosen])
    return other


def with_photos(comparison, count: int):
    """`comparison`, in which only the first `count` training images are near or far."""
    few = copy(comparison)
    few.real = comparison.real._replace(train=comparison.real.train[:count])
    few.__dict__.pop("distance_of_test_images", None)  # it was cached
    return few


def keep(name: str, title: str, training: StudyRun, found: dict, comparison) -> None:
    """Store what was found of a run, and copy what comes with the project."""
    from gan.evaluation.classifier import FOLDERS

    study, run = STUDIES[name], training.run
    path = REFERENCE / study.file
    result = around = rows = stored(path, {})
    for key in study.place:
        around, rows = rows, rows.setdefault(key, {})
    known = rows.get(title)
    rows[title] = with_run(known if isinstance(known, list) else [], found)
    if comparison and "floor" not in around:
        around["floor"] = comparison.floor(IMAGES_MEASURED)
    if study.against != "mnist":
        accuracy = stored(FOLDERS[study.against] / "result.json")["test_accuracy"]
        around["classifier_accuracy"] = accuracy
    store(path, f"make study-{name}", result)
    if study.keep:
        study.keep(run, title, load(run)[0], training.total, path.parent)
    if study.pictures and training.seed == 0:
        folder = PICTURES / study.pictures
        folder.mkdir(parents=True, exist_ok=True)
        for kind in ("", "-average"):
            if (grid := run.grid(f"final{kind}")).exists():
                shutil.copyfile(grid, folder / f"{training.row.run}{kind}.png")


def parse() -> argparse.Namespace:
    studies = "\n".join(f"  {name:<12} {study.about}" for name, study in STUDIES.items())
    parser = argparse.ArgumentParser(
        description="Train the runs of a study and measure them.\n\nstudies:\n" + studies,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("study", choices=STUDIES, metavar="NAME", help="one of the above")
    parser.add_argument("--rows", nargs="+", metavar="TITLE", help="only these rows")
    parser.add_argument("--seeds", type=positive_int, metavar="N", help="seeds of each row")
    parser.add_argument("--first", type=seed_number, default=0, metavar="N", help="the first seed")
    parser.add_argument("--data", type=Path, metavar="FILE", help="the data, if it is not MNIST")
    parser.add_argument("--steps", type=positive_int, metavar="N", help="a trial of N steps a run")
    parser.add_argument("--root", type=Path, default=REPOSITORY, help="folder of the runs")
    return parser.parse_args()


def main() -> int:
    options = parse()
    study, version = STUDIES[options.study], commit()
    for title in options.rows or ():
        if title not in study.rows:
            raise UserError(f"no row {title!r}; choose from {', '.join(study.rows)}")
    data = options.data or (study.make_data and study.make_data(options.root))
    if data and study.data == "MNIST":
        raise UserError(f"the study {options.study} trains on MNIST; leave out --data")
    if not data and study.data != "MNIST":
        raise UserError(f"give {study.data} as --data FILE")
    comparison = compare_with(study, data)
    for title in options.rows or study.rows:
        row, images, beside = study.rows[title], data, comparison
        if row.photos:
            images = make_folder(options.root, comparison.real.train, row.photos)
            beside = with_photos(comparison, row.photos)
        if row.script:
            import_module(Path(row.script).stem).add_design()
        for seed in range(options.first, options.first + (options.seeds or row.seeds)):
            origin = {"commit": version, "date": date.today().isoformat()}
            where = options.root, images, options.steps
            training = StudyRun(row, seed, *where, study.real, origin)
            found = complete(training, study, beside)
            if not options.steps:
                keep(options.study, title, training, found, comparison)
            kinds = [kind for kind in ("figures", "average") if kind in found]
            distances = [f"{found[kind]['frechet_distance']:.2f}" for kind in kinds]
            print(f"{training.run.name}: Fréchet distances {', '.join(distances) or 'none'}")
    return 0


if __name__ == "__main__":
    run_command(main)
