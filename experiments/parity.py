"""How faithful are the ports? `make parity`

From equal weights, on equal images and noise, each design and its document's own code (on Keras 2,
PyTorch, or plain Keras layers: `documents.py`) train side by side for 12 steps in float32. Prints
how far they are then apart, and writes experiments/reference/parity.json. GAN_DATA or the built-in
digits give the images. Three minutes on 2 cores.
"""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from gan.command import load_tensorflow, run_command  # noqa: E402

load_tensorflow()

import keras  # noqa: E402
import numpy as np  # noqa: E402
from documents import documents_code  # noqa: E402

from gan.data import load_images  # noqa: E402
from gan.designs import DESIGNS, build_design  # noqa: E402

STEPS = 12
SEEDS = 3
RESULT = REPOSITORY / "experiments" / "reference" / "parity.json"


def compare(name: str, images: np.ndarray, seed: int) -> dict:
    """Train both for STEPS steps; how far G's images and the losses are apart."""
    keras.utils.set_random_seed(seed)
    # Dropout draws its masks from each library's own generator.
    options = {"dropout": 0.0} if name == "dcgan" else {}
    ours, theirs = build_design(name, **options), documents_code(name, **options)
    theirs.set_weights(*map(arrays, (ours.generator, ours.discriminator)))
    random = np.random.default_rng(seed)
    shape = (ours.recipe.batch_size, ours.recipe.latent_dim)
    noise = random.normal(size=shape).astype("float32")
    before = np.array(ours.sample(noise))
    losses = []
    for _ in range(STEPS):
        real_images = images[random.integers(0, len(images), shape[0])]
        draw = random.normal if ours.recipe.noise == "normal" else random.uniform
        limits = () if ours.recipe.noise == "normal" else (-1, 1)
        counts = ours.noise_counts(shape[0])
        noises = [draw(*limits, size=shape).astype("float32") for _ in counts]
        figures = ours.train_step(real_images, *noises)
        pair = [float(figures[key]) for key in ("d_loss", "g_loss")]
        losses.append([pair, theirs.step(real_images, *noises)])
    images_ours, images_theirs = np.array(ours.sample(noise)), theirs.sample(noise)
    apart, way = np.abs(images_ours - images_theirs).max(), np.abs(images_theirs - before).max()
    mine, others = np.array(losses).transpose(1, 0, 2)
    return {
        "images": float(apart / way),
        "losses": float(np.abs(mine - others).max()),
        "way": float(way),
    }


def arrays(net) -> list[np.ndarray]:
    return [array for layer in net.layers for array in layer.get_weights()]


def table(result: dict) -> str:
    """The result in Markdown, the middle of the seeds."""
    lines = [
        "| design | images apart, relative to the way trained | losses apart |",
        "|---|---|---|",
    ]
    for name, runs in result["designs"].items():
        images, losses = (sorted(run[key] for run in runs) for key in ("images", "losses"))
        lines.append(
            f"| `{name}` | {images[SEEDS // 2]:.0e} ({images[0]:.0e} to {images[-1]:.0e}) "
            f"| {losses[SEEDS // 2]:.0e} |"
        )
    return "\n".join(lines)


def main() -> int:
    dataset = load_images()
    images = dataset.images.astype("float32") / 127.5 - 1
    result = {
        "command": "make parity",
        "date": date.today().isoformat(),
        "data": dataset.name,
        "steps": STEPS,
        "designs": {
            name: [compare(name, images, seed) for seed in range(SEEDS)] for name in DESIGNS
        },
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(table(result))
    return 0


if __name__ == "__main__":
    run_command(main)
