"""Show that D of the Keras GAN class never learns on Keras 3: `make frozen`

The document compiles D, sets `discriminator.trainable = False`, compiles G with D behind it, and
calls `train_on_batch` on both in turn. On Keras 2 both nets learn, because Keras 2 remembers what
was trainable when D was compiled. Keras 3 reads the flag when the step is traced, so D never
learns. This script trains the same nets for 100 iterations in the document's way and with the step
of `gan.dense`. Takes half a minute.
"""

from __future__ import annotations

import json
import warnings

from results import FIGURES, store

from gan.cli import load_tensorflow, run_command

load_tensorflow()

import keras  # noqa: E402
import numpy as np  # noqa: E402

from gan.data.digits import draw_digits  # noqa: E402
from gan.dense import GAN  # noqa: E402

RESULT = FIGURES / "frozen_discriminator.json"
ITERATIONS, BATCH_SIZE = 100, 32


def the_documents_way(gan: GAN):
    """Return the iteration of the Keras GAN class.

    It has two Adams, not the document's one, because Keras 3 does not let two nets share one.
    """
    d, g = gan.discriminator, gan.generator
    adam = keras.optimizers.Adam(2e-4, 0.5)
    d.compile(adam, "binary_crossentropy")
    noise = keras.Input((100,))
    d.trainable = False
    combined = keras.Model(noise, d(g(noise)))
    combined.compile(keras.optimizers.Adam(2e-4, 0.5), "binary_crossentropy")
    real, fake = np.ones((BATCH_SIZE, 1)), np.zeros((BATCH_SIZE, 1))

    def iterate(images, d_noise, g_noise) -> None:
        d.train_on_batch(images, real)
        d.train_on_batch(g.predict(d_noise, verbose=0), fake)
        combined.train_on_batch(g_noise, real)

    return iterate


def train(iterate, gan: GAN, images: np.ndarray) -> tuple[float, float]:
    """Train for ITERATIONS; return the largest change of a weight of D, and of G."""
    random = np.random.default_rng(0)
    nets = gan.discriminator, gan.generator
    before = [net.get_weights() for net in nets]
    for _ in range(ITERATIONS):
        batch = images[random.integers(0, len(images), BATCH_SIZE)]
        iterate(batch, *random.normal(size=(2, BATCH_SIZE, 100)).astype("float32"))
    return tuple(
        max(
            np.abs(new - old).max()
            for new, old in zip(net.get_weights(), start, strict=True)
            if old.ndim == 2  # kernels only: BatchNorm's statistics move even if nothing learns
        )
        for net, start in zip(nets, before, strict=True)
    )


def main() -> int:
    warnings.simplefilter("ignore")  # Keras gives only a generic warning, once
    moved = {}
    images = draw_digits(1000, seed=0)[0][..., np.newaxis].astype("float32") / 127.5 - 1
    for title, way in (
        ("the document's way", the_documents_way),
        ("gan.dense", lambda gan: gan.step),
    ):
        gan = GAN()
        moved[title] = [float(change) for change in train(way(gan), gan, images)]
    result = {"iterations": ITERATIONS, "moved": moved}
    print(text(result))
    if text(json.loads(RESULT.read_text())) != text(result):  # else a reader's copy stays clean
        store(RESULT, "make frozen", result)
    return 0


def text(result: dict) -> str:
    """Return a line for each way of training, indented as a Markdown code block."""
    return "\n".join(
        f"    {title:20} D's weights changed by up to {of_d:.3f}, G's by up to {of_g:.3f}"
        for title, (of_d, of_g) in result["moved"].items()
    )


if __name__ == "__main__":
    run_command(main)
