"""Measure with two classifiers how similar the built-in digits are to MNIST: `make drawn-digits`

That of gan.evaluate, trained on MNIST, classifies 10,000 drawn digits. One with the same layers,
trained on 60,000 drawn digits alone, classifies MNIST's test set. Takes a few minutes on 2 cores.
"""

import json
import time

import numpy as np
from results import REFERENCE, labels, real_mnist, store

from gan.cli import run_command
from gan.data.digits import draw_digits
from gan.evaluation.classifier import build_classifier, classify, load_classifier
from gan.support.tensorflow import keras

EPOCHS = 4


def train_classifier(images: np.ndarray, labels: np.ndarray) -> keras.Model:
    """Train the classifier on uint8 images [N, 28, 28, 1], unchanged, from seed 0."""
    keras.utils.set_random_seed(0)
    model = build_classifier()
    trained = keras.Model(model.input, model.output[1])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    trained.compile("adam", loss)
    trained.fit(images, labels, batch_size=128, epochs=EPOCHS, verbose=0)
    return model


def shares_right(model: keras.Model, images: np.ndarray, labels: np.ndarray) -> dict:
    """Return the accuracy of the model: over all images, and for its worst digit."""
    right = classify(model, images)[1].argmax(axis=1) == labels
    by_digit = [float(right[labels == digit].mean()) for digit in range(10)]
    return {"all": float(right.mean()), "worst_digit": min(by_digit)}


def drawn_digits(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return built-in digits, uint8 [count, 28, 28, 1], and their labels [count]."""
    images, labels = draw_digits(count, seed)
    return images[..., np.newaxis], labels


def main() -> int:
    mnist = real_mnist()
    test = mnist.test, labels(mnist)[1]
    started = time.process_time()
    drawn = drawn_digits(60_000, seed=1)
    seconds = time.process_time() - started
    real_model, drawn_model = load_classifier(), train_classifier(*drawn)
    result = {
        "cpu_seconds_to_draw_60000": round(seconds, 1),
        "trained_on_mnist_reads_mnist_test": shares_right(real_model, *test),
        "trained_on_mnist_reads_drawn": shares_right(real_model, *drawn_digits(10_000, seed=2)),
        "trained_on_drawn_reads_mnist_test": shares_right(drawn_model, *test),
    }
    result = store(REFERENCE / "drawn_digits.json", "make drawn-digits", result)
    print(json.dumps(result, indent=2))
    return 0


if __name__ == "__main__":
    run_command(main)
