"""Show that D of two documents never learns on Keras 3: `make frozen-discriminator`

The Keras GAN class and the SGD article compile D, set `discriminator.trainable = False` and compile
G with D behind it. Keras 2 remembers what was trainable when D was compiled, so both nets learn.
Keras 3 reads the flag when the step is traced, so D never learns. Here the same nets train for 100
iterations in the document's way, and with the step of `gan.dense`. Takes a minute.
"""

import warnings

import numpy as np
from results import REFERENCE, store, stored

from gan.cli import run_command
from gan.data.digits import draw_digits
from gan.design import Design
from gan.designs import build_design
from gan.support.tensorflow import keras

RESULT = REFERENCE / "frozen_discriminator.json"
ITERATIONS, BATCH_SIZE = 100, 32


def the_documents_way(gan: Design):
    """Return the iteration of the Keras GAN class, whose nets share an Adam, or the SGD article."""
    d, g = gan.discriminator, gan.generator
    optimizer = keras.optimizers.Adam(2e-4, 0.5) if gan.name == "dense" else "sgd"
    d.compile(optimizer, "binary_crossentropy")
    noise = keras.Input((100,))
    d.trainable = False
    combined = keras.Model(noise, d(g(noise)))
    combined.compile(optimizer, "binary_crossentropy")
    real, fake = np.ones((BATCH_SIZE, 1)), np.zeros((BATCH_SIZE, 1))

    def iterate(images, d_noise, g_noise) -> None:
        d.train_on_batch(images, real)
        d.train_on_batch(g.predict(d_noise, verbose=0), fake)
        combined.train_on_batch(g_noise, real)

    return iterate


def train(iterate, gan: Design, images: np.ndarray) -> list[float]:
    """Train for ITERATIONS; return the largest change of a weight of D, and of G."""
    random = np.random.default_rng(0)
    nets = gan.discriminator, gan.generator
    before = [net.get_weights() for net in nets]
    for _ in range(ITERATIONS):
        batch = images[random.integers(0, len(images), BATCH_SIZE)]
        iterate(batch, *random.normal(size=(2, BATCH_SIZE, 100)).astype("float32"))
    changes = []
    for net, start in zip(nets, before, strict=True):
        pairs = zip(net.get_weights(), start, strict=True)
        # Kernels only: BatchNorm's statistics move even if nothing learns.
        changes.append(max(float(np.abs(new - old).max()) for new, old in pairs if old.ndim == 2))
    return changes


def main() -> int:
    warnings.simplefilter("ignore")  # Keras gives only a generic warning, once
    moved = {}
    images = draw_digits(1000, seed=0)[0][..., np.newaxis].astype("float32") / 127.5 - 1
    for name, document in (("dense", "the Keras GAN class"), ("dense-sgd", "the SGD article")):
        for title, way in ((document, the_documents_way), (name, lambda gan: gan.step)):
            gan = build_design(name)
            moved[title] = train(way(gan), gan, images)
    result = {"iterations": ITERATIONS, "moved": moved}
    print(text(result))
    if text(stored(RESULT)) != text(result):  # else a reader's copy stays clean
        store(RESULT, "make frozen-discriminator", result)
    return 0


def text(result: dict) -> str:
    """Return a line for each way of training, indented as a Markdown code block."""
    return "\n".join(
        f"    {title:20} D's weights changed by up to {of_d:.3f}, G's by up to {of_g:.3f}"
        for title, (of_d, of_g) in result["moved"].items()
    )


if __name__ == "__main__":
    run_command(main)
