"""Measure how faithful the ports are: `make parity`

Each design and its document's own code (documents.py) start from equal weights and train side by
side for 12 steps on equal images and noise, in float32 and in float64, where rounding no longer
hides differences. The images come from GAN_DATA or are the built-in digits. Takes eight minutes on
2 cores.
"""

import numpy as np
from documents import DOCUMENTS
from results import REFERENCE, store
from tables import table

from gan.cli import run_command
from gan.data import load_images
from gan.designs import build_design
from gan.support.tensorflow import keras

STEPS = 12
SEEDS = 3
PRECISIONS = ("float32", "float64")
RESULT = REFERENCE / "parity.json"


def set_precision(floatx: str) -> None:
    """Make our code and the documents' code compute in `floatx`."""
    import tf_keras
    import torch

    keras.config.set_floatx(floatx)
    keras.config.set_dtype_policy(floatx)
    tf_keras.backend.set_floatx(floatx)
    torch.set_default_dtype(getattr(torch, floatx))


def compare(name: str, images: np.ndarray, seed: int) -> dict:
    """Train both for STEPS steps; return how far apart G's images and the losses are."""
    floatx = keras.config.floatx()
    # Without Dropout: each library draws its masks from its own generator.
    options = {"dropout": 0.0} if name == "dcgan" else {}
    ours, theirs = build_design(name, seed=seed, **options), DOCUMENTS[name](**options)
    theirs.set_weights(*map(arrays, (ours.generator, ours.discriminator)))
    random = np.random.default_rng(seed)
    shape = (ours.recipe.batch_size, ours.recipe.latent_dim)
    noise = random.normal(size=shape).astype(floatx)
    before = np.array(ours.sample(noise))
    losses = []
    for _ in range(STEPS):
        real_images = images[random.integers(0, len(images), shape[0])].astype(floatx) / 127.5 - 1
        draw = random.normal if ours.recipe.noise == "normal" else random.uniform
        limits = () if ours.recipe.noise == "normal" else (-1, 1)
        counts = ours.noise_counts(shape[0])
        noises = [draw(*limits, size=shape).astype(floatx) for _ in counts]
        figures = ours.step(real_images, *noises)
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


def text(result: dict) -> str:
    """Return the result as a Markdown table: the median of the seeds and their range."""
    headings, rows = ["design"], []
    for floatx in PRECISIONS:
        headings += [f"images apart, {floatx}", "losses apart"]
    for name in DOCUMENTS:
        cells = [f"`{name}`"]
        for floatx in PRECISIONS:
            runs = result["designs"][floatx][name]
            images, losses = (sorted(run[key] for run in runs) for key in ("images", "losses"))
            cells += [f"{images[SEEDS // 2]:.0e} ({images[0]:.0e} to {images[-1]:.0e})"]
            cells += [f"{losses[SEEDS // 2]:.0e}"]
        rows.append(cells)
    return table(headings, rows)


def main() -> int:
    dataset = load_images()
    designs = {}
    for floatx in PRECISIONS:
        set_precision(floatx)
        designs[floatx] = {
            name: [compare(name, dataset.images, seed) for seed in range(SEEDS)]
            for name in DOCUMENTS
        }
    result = {"data": dataset.name, "steps": STEPS, "designs": designs}
    result = store(RESULT, "make parity", result)
    print(text(result))
    return 0


if __name__ == "__main__":
    run_command(main)
