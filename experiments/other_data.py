"""Train on other data than MNIST: Fashion-MNIST, and frames of Moving MNIST

fashion: trains `dense` at full length and `dcgan` for 15 epochs on Fashion-MNIST. Measures 10,000
images of the last and of the averaged generator, as gan.evaluate does, with a classifier of the
same shape that experiments/classifier.py trained on Fashion-MNIST.
moving: makes 60,000 frames of Moving MNIST from MNIST, in the layout of the published file, and
trains `dcgan` on them for 5 epochs. There are no figures for these, only a picture.

    python experiments/classifier.py --data fashion.npz
    python experiments/other_data.py fashion --data fashion.npz    half an hour on 2 cores
    python experiments/other_data.py moving                        half an hour on 2 cores

Writes experiments/reference/other_data.json, and the last grids of the runs to
images/reference/other_data/. fashion.npz is laid out as Keras' mnist.npz.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from results import FIGURES, PICTURES, REPOSITORY, real_mnist, store

from gan.cli import load_tensorflow, run_command
from gan.data import load_mnist
from gan.evaluation.metrics import FIGURES as MEASURES
from gan.evaluation.metrics import IMAGES_MEASURED
from gan.runs import Run, load
from gan.support.errors import UserError
from gan.support.files import replacing

RESULT, GRIDS = FIGURES / "other_data.json", PICTURES / "other_data"
CLASSIFIER = FIGURES / "classifier-fashion"
LENGTHS = {"dense": (), "dcgan": ("--epochs", "15")}
FRAMES, SEQUENCES, SIDE = 20, 3000, 64  # as published, but for 10,000 sequences
STEP = 0.1  # of the way across, in each frame


def moving_mnist(digits: np.ndarray, sequences: int, seed: int = 0) -> np.ndarray:
    """Frames uint8 [FRAMES, sequences, SIDE, SIDE] of two digits that move and bounce.

    As in Srivastava et al. 2015, arXiv:1502.04681: each digit starts at a random place, moves in a
    random direction at the same speed, and bounces off the edges. Where two digits overlap, the
    brighter pixel is seen. `digits`: uint8 [N, 28, 28].
    """
    random = np.random.default_rng(seed)
    frames = np.zeros((FRAMES, sequences, SIDE, SIDE), np.uint8)
    room = SIDE - digits.shape[1]
    for sequence in range(sequences):
        for digit in digits[random.integers(len(digits), size=2)]:
            place, angle = random.random(2), random.uniform(0, 2 * np.pi)
            speed = STEP * np.array([np.sin(angle), np.cos(angle)])
            for frame in frames[:, sequence]:
                place += speed
                speed = np.where((place <= 0) | (place >= 1), -speed, speed)
                place = place.clip(0, 1)
                y, x = (place * room).astype(int)
                window = frame[y : y + len(digit), x : x + len(digit)]
                np.maximum(window, digit, out=window)
    return frames


def train(name: str, data: Path, root: Path, design: str, *length: str) -> Run:
    """Train or continue the run `name`, and keep its last grids as pictures of the project."""
    run = Run(name, root)
    command = [sys.executable, "-m", "gan.train", design, "--name", name, "--root", str(root)]
    subprocess.run([*command, "--data", str(data), *length], cwd=REPOSITORY, check=True)
    GRIDS.mkdir(parents=True, exist_ok=True)
    for kind in ("final", "final-average"):
        shutil.copyfile(run.grid(kind), GRIDS / f"{name}{kind.removeprefix('final')}.png")
    return run


def fashion(data: Path | None, root: Path) -> dict:
    """Train and measure on Fashion-MNIST; return the figures of each design."""
    if data is None:
        raise UserError("give Fashion-MNIST as --data FILE.npz")
    real, figures = load_mnist(str(data)), {}
    load_tensorflow()
    from gan.evaluation.measure import Comparison, draw

    comparison = Comparison(real, CLASSIFIER)
    for design, length in LENGTHS.items():
        run = train(f"fashion-{design}", data.resolve(), root, design, *length)
        trained, steps = load(run, average=True)
        last, averaged = (
            comparison.figures(draw(run, trained, steps, average=average)[1])
            for average in (False, True)
        )
        figures[design] = {"steps": steps, "figures": last, "average": averaged}
    accuracy = json.loads((CLASSIFIER / "result.json").read_text())["test_accuracy"]
    return {
        "classifier_accuracy": accuracy,
        "designs": figures,
        "floor": comparison.floor(IMAGES_MEASURED),
    }


def moving(data: Path | None, root: Path) -> dict:
    """Make Moving MNIST and train `dcgan` on it; return what it was trained on."""
    path = data or root / "experiments" / "moving-mnist.npy"
    if data and not data.exists():
        raise UserError(f"no file {str(data)!r}; without --data the frames are made from MNIST")
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.save(file, moving_mnist(real_mnist().train[..., 0], SEQUENCES))
    run = train("moving-dcgan", path.resolve(), root, "dcgan", "--epochs", "5")
    return {"steps": run.checkpoints.steps()[-1], "images": run.config()["data"]["images"]}


def table(result: dict) -> str:
    """Return the figures on Fashion-MNIST as a Markdown table."""
    shown = ("frechet_distance", "classifier_score", "precision", "recall", "density", "coverage")
    lines = [f"| Fashion-MNIST | {' | '.join(MEASURES[name][0] for name in shown)} |"]
    lines += ["|---" * (1 + len(shown)) + "|"]
    rows = {"real training images": result["floor"]}
    for design, found in result["designs"].items():
        title = f"`{design}`, {found['steps']:,} steps"
        rows |= {f"{title}, last": found["figures"], f"{title}, averaged": found["average"]}
    for title, figures in rows.items():
        cells = [format(figures[name], MEASURES[name][1]) for name in shown]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("set", choices=("fashion", "moving"))
    parser.add_argument("--data", type=Path, metavar="FILE", help="the images, if they are a file")
    parser.add_argument("--root", type=Path, default=REPOSITORY, help="folder of the runs")
    options = parser.parse_args()
    found = {"fashion": fashion, "moving": moving}[options.set](options.data, options.root)
    result = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    kept = {name: result[name] for name in ("fashion", "moving") if name in result}
    result = store(RESULT, "python experiments/other_data.py", kept | {options.set: found})
    if "fashion" in result:
        print(table(result["fashion"]))
    return 0


if __name__ == "__main__":
    run_command(main)
