"""Do generated images help a classifier that has few labelled ones? `make augmentation`

The PyTorch article and the article with the Keras GAN class say that a GAN can serve as data
augmentation. Here a classifier has 10, 50 or 200 training images of each digit, and nothing else.
It trains on them alone, on shifted and turned copies, on images of ten GANs (`dense`, one for each
digit, trained on the same few images; averaged generator), and on both. A copy is shifted by up to
2 pixels and turned by up to 7 degrees, as for the classifier of gan.evaluate. All train for the
same number of steps. Stores the accuracy on MNIST's test images: reference/augmentation.json. What
was measured stays; the same command continues. Takes three hours on 2 cores.

    python experiments/augmentation.py [--sizes N ...] [--seeds N] [--first N]
    python experiments/augmentation.py --steps 20        a trial, which stores nothing
"""

import argparse
from collections.abc import Callable
from statistics import mean

import numpy as np
from results import (
    PICTURES,
    REFERENCE,
    commit,
    labels,
    real_mnist,
    store,
    stored,
    with_run,
)
from tables import mean_and_range, table

from gan.cli import run_command
from gan.recipe import positive_int, seed_number

RESULT = REFERENCE / "augmentation.json"
SIZES, SEEDS = (10, 50, 200), 5  # labelled images of each digit
GAN_STEPS, BATCH_SIZE = 2000, 64
CLASSIFIER_STEPS = 1000  # after 300, BatchNorm's moving statistics are still far behind
REPEATED = 2000  # a digit's images, repeated: one compiled loop for all sizes, with long epochs
GENERATED, CANDIDATES = 500, 20  # images of each digit; drawn for each that --nice keeps
SHIFT, TURN = 0.07, 0.02  # at most: of the image's side, and of a full turn, to either side
ROWS = {  # title -> which generated images are half of each batch, and whether all are varied
    "alone": (None, False),
    "shifted and turned": (None, True),
    "images of GANs": ("all", False),
    "images of GANs, `--nice`": ("nice", False),
    "both": ("all", True),
    "both, `--nice`": ("nice", True),
}


def choose_few(mnist, size: int, seed: int) -> list[np.ndarray]:
    """Return the indices of `size` training images of each digit, chosen by the seed."""
    random, (train_labels, _) = np.random.default_rng(seed), labels(mnist)
    return [
        random.choice(np.flatnonzero(train_labels == digit), size, replace=False)
        for digit in range(10)
    ]


def compile_gan(images: np.ndarray) -> Callable:
    """Return `train(chosen, seed, steps)`, which trains `dense` on the images of these indices.

    Every call begins with new weights and returns the same design. TensorFlow never frees what it
    has compiled, 80 MB for each GAN, so all of them share one compiled loop.
    """
    from gan.data.batches import Schedule
    from gan.designs import build_design
    from gan.support.tensorflow import tf
    from gan.training.steps import STEPS_PER_CALL, compile_steps

    indices, number = tf.Variable(tf.zeros(REPEATED, tf.int32)), tf.Variable(0, dtype=tf.int64)

    class Chosen(Schedule):
        """Steps on the images of `indices` only."""

        def indices(self, step, order, size):
            return tf.gather(indices, super().indices(step, order, size))

    design = build_design("dense")
    schedule = Chosen(design.recipe, REPEATED, number)
    run_steps = compile_steps(design, images, schedule)

    def train(chosen: np.ndarray, seed: int, steps: int):
        indices.assign(np.resize(chosen, REPEATED))
        number.assign(seed)
        new = build_design("dense", seed=seed)
        variables = ([*each.all_variables, *each.averages] for each in (design, new))
        for variable, first in zip(*variables, strict=True):
            variable.assign(first)
        done = 0
        while done < steps:
            count = min(steps - done, STEPS_PER_CALL, schedule.stretch_end(done) - done)
            done += len(run_steps(done, count))
        return design

    return train


def generate(design) -> dict[str, np.ndarray]:
    """Return GENERATED images of the averaged generator: the first ones, and those of --nice."""
    from gan.evaluation.sampling import collect, draw_samples, keep_best

    samples = collect(draw_samples(design, 0, GENERATED * CANDIDATES, average=True))
    return {"all": samples.images[:GENERATED], "nice": keep_best([samples], GENERATED)[0].images}


def accuracy(row: str, few: list, generated: dict, mnist, seed: int, steps: int) -> float:
    """Return the share of test images that a classifier gets right after training on a row."""
    from gan.evaluation.classifier import build_classifier, classify
    from gan.support.tensorflow import keras, layers

    kind, varied = ROWS[row]
    random = np.random.default_rng(seed)

    def batch_of(images: list, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Images and labels for all steps, `count` in each, drawn with replacement."""
        digits = random.integers(10, size=(steps, count))
        chosen = random.integers(len(images[0]), size=(steps, count))
        return np.stack(images)[digits, chosen], digits

    parts = [batch_of(few, BATCH_SIZE // 2 if kind else BATCH_SIZE)]
    if kind:
        parts.append(batch_of([each[kind] for each in generated], BATCH_SIZE // 2))
    images, digits = (np.concatenate(each, axis=1) for each in zip(*parts, strict=True))
    keras.utils.set_random_seed(seed)
    model = build_classifier()
    first = inputs = keras.Input((28, 28, 1))
    if varied:
        first = layers.RandomTranslation(SHIFT, SHIFT, "constant")(first)
        first = layers.RandomRotation(TURN, "constant")(first)
    trained = keras.Model(inputs, model(first)[1])
    rate = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    trained.compile(keras.optimizers.Adam(rate), loss)
    images, digits = images.reshape(-1, 28, 28, 1), digits.ravel()
    trained.fit(images, digits, BATCH_SIZE, shuffle=False, verbose=0)
    _, probabilities = classify(model, mnist.test)
    return float((probabilities.argmax(axis=1) == labels(mnist)[1]).mean())


def nearness(images: np.ndarray, few: np.ndarray, others: np.ndarray) -> float:
    """Return how far `images` lie from the nearest of `few`, in units of the real `others`."""
    from gan.evaluation.metrics import nearest_distances

    return float(nearest_distances(images, few).mean() / nearest_distances(others, few).mean())


def keep_picture(size: int, few: list, generated: list) -> None:
    """Draw two images of each digit: of the few, of the GANs, and of the GANs with --nice."""
    from gan.pictures.grid import save_grid

    kinds = [few, *([each[kind] for each in generated] for kind in ("all", "nice"))]
    images = [images[:2] for kind in kinds for images in kind]
    save_grid(PICTURES / f"augmentation-{size}.png", np.concatenate(images), zoom=1, columns=20)


def measure(mnist, train: Callable, size: int, seed: int, trial: int | None) -> dict:
    """Return the accuracy of every row, and how near to the few images the generated ones are.

    `train` is what `compile_gan` returns.
    """
    from gan.support.tensorflow import keras

    chosen, generated = choose_few(mnist, size, seed), []
    few = [mnist.train[indices] for indices in chosen]
    for digit, indices in enumerate(chosen):
        design = train(indices, 10 * seed + digit, trial or GAN_STEPS)
        generated.append(generate(design))
        print(f"size {size}, seed {seed}: GAN of digit {digit} trained", flush=True)
    if seed == 0 and not trial:
        keep_picture(size, few, generated)
    near = {"all": [], "nice": []}
    for digit, (images, each) in enumerate(zip(few, generated, strict=True)):
        others = mnist.test[labels(mnist)[1] == digit]
        for kind, values in near.items():
            values.append(nearness(each[kind], images, others))
    found = {"seed": seed, "nearest": {kind: mean(values) for kind, values in near.items()}}
    found["accuracy"] = {}
    for row in ROWS:
        keras.utils.clear_session()  # else more of the classifiers stays in memory
        steps = trial or CLASSIFIER_STEPS
        found["accuracy"][row] = accuracy(row, few, generated, mnist, seed, steps)
        print(f"size {size}, seed {seed}: {row} {found['accuracy'][row]:.4f}", flush=True)
    return found


def text(result: dict) -> str:
    """Return a Markdown table: test accuracy of each row, mean and range of the seeds."""
    if not (sizes := result.get("sizes")):
        return "Not measured yet."

    rows = [
        [
            row,
            *(
                mean_and_range([run["accuracy"][row] for run in runs], ".1%")
                for runs in sizes.values()
            ),
        ]
        for row in ROWS
    ]
    for kind, what in (("all", "images of GANs"), ("nice", "images of GANs, `--nice`")):
        near = (
            mean_and_range([run["nearest"][kind] for run in runs], ".2f") for runs in sizes.values()
        )
        rows.append([f"distance of {what} to the nearest of these images", *near])
    titles = (f"{size} images of each digit, seeds: {len(runs)}" for size, runs in sizes.items())
    return table(["trained on", *titles], rows)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add(
        "--sizes", type=int, nargs="+", choices=SIZES, default=SIZES, metavar="N", help="of a digit"
    )
    add("--seeds", type=positive_int, default=SEEDS, metavar="N", help="number of seeds")
    add("--first", type=seed_number, default=0, metavar="N", help="the first seed")
    add("--steps", type=positive_int, metavar="N", help="a trial of N steps, which stores nothing")
    return parser.parse_args()


def main() -> int:
    options, version, mnist = parse(), commit(), real_mnist()
    setting = {"gan_steps": GAN_STEPS, "classifier_steps": CLASSIFIER_STEPS}
    setting |= {"batch_size": BATCH_SIZE, "generated": GENERATED, "candidates": CANDIDATES}
    setting |= {"shift": SHIFT, "turn": TURN}
    train = compile_gan(mnist.train)
    for seed in range(options.first, options.first + options.seeds):
        for size in options.sizes:
            result = stored(RESULT, {})
            sizes = result.get("sizes", {}) if setting.items() <= result.items() else {}
            runs = sizes.get(str(size), [])
            if not options.steps and seed in (run["seed"] for run in runs):
                continue
            found = measure(mnist, train, size, seed, options.steps) | {"commit": version}
            if options.steps:
                print(found)
                continue
            sizes[str(size)] = with_run(runs, found)
            known = {str(size): sizes[str(size)] for size in SIZES if str(size) in sizes}
            store(RESULT, "make augmentation", setting | {"sizes": known})
    print(text(stored(RESULT, {})))
    return 0


if __name__ == "__main__":
    run_command(main)
