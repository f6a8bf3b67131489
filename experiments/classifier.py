"""Train the classifier that gan.evaluate uses: `make classifier`

It trains on MNIST's training images, each shifted and rotated a little at random in every epoch,
and is tested with the weights as stored. Takes ten minutes on 2 cores. `--data fashion.npz` trains
it on other images, laid out as mnist.npz, and writes to reference/classifier-fashion/.
"""

import argparse
from pathlib import Path

from results import REFERENCE, labels, real_mnist, store

from gan.cli import run_command
from gan.data import load_mnist
from gan.evaluation.classifier import FOLDER, build_classifier, classify, load_classifier
from gan.runs.weights import save_weights
from gan.support.tensorflow import keras, layers

EPOCHS = 14
BATCH_SIZE = 128


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, metavar="FILE.npz", help="other images than MNIST's")
    data = parser.parse_args().data
    mnist = load_mnist(str(data)) if data else real_mnist()
    folder = REFERENCE / f"classifier-{data.stem}" if data else FOLDER
    keras.utils.set_random_seed(0)
    model = build_classifier()
    vary = keras.Sequential(
        [layers.RandomTranslation(0.07, 0.07, "constant"), layers.RandomRotation(0.02, "constant")]
    )
    images = keras.Input((28, 28, 1))
    trained = keras.Model(images, model(vary(images))[1])
    train_labels, test_labels = labels(mnist)
    steps = EPOCHS * len(mnist.train) // BATCH_SIZE
    rate = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    trained.compile(keras.optimizers.Adam(rate), loss)
    trained.fit(mnist.train, train_labels, BATCH_SIZE, EPOCHS, verbose=2)
    save_weights(folder, model.variables)

    _, probabilities = classify(load_classifier(folder), mnist.test)
    right = float((probabilities.argmax(axis=1) == test_labels).mean())
    size = sum(path.stat().st_size for path in folder.glob("weights-*.npy"))
    result = {"test_accuracy": right, "parameters": model.count_params(), "bytes": size}
    command = f"python experiments/classifier.py --data {data.name}" if data else "make classifier"
    print(store(folder / "result.json", command, result))
    return 0


if __name__ == "__main__":
    run_command(main)
