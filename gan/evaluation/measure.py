"""Compute the figures that gan.evaluate prints, for images of a trained design or of a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from gan.data.images import Mnist
from gan.evaluation import metrics
from gan.evaluation.classifier import classify, load_classifier
from gan.evaluation.sampling import collect, draw_samples
from gan.runs import Run, Shipped

if TYPE_CHECKING:
    from gan.design import Design


def draw(
    trained: Run | Shipped,
    design: Design,
    steps: int,
    seed: int = 0,
    count: int = metrics.COUNT,
    average: bool = False,
    say: Callable[[str], None] = print,
) -> tuple[dict, np.ndarray]:
    """Draw `count` images with a trained `design`: a dict of their source, and the images.

    The images are uint8 [count, 28, 28, 1]. `average`: draw them with its averaged generator.
    """
    config = trained.config()
    length = f"{steps:,} steps on {config['data']['name']}"
    averaged = "averaged generator, " if average else ""
    say(f"{trained.title}: {design.name}, {averaged}{length}; drawing {count:,} images")
    source = {"run": trained.name, "design": config["design"], "data": config["data"]["name"]}
    source |= {"recipe": config["recipe"], "training_seed": config["seed"], "steps": steps}
    images = collect(draw_samples(design, seed, count, average)).images
    return source | {"average": average, "seed": seed, "count": count}, images


def measure(images: np.ndarray, mnist: Mnist, say: Callable[[str], None] = print) -> dict:
    """Compute every figure of `images`, uint8 [N, 28, 28, 1], and its floor.

    The floor is the same figure of N real training images, chosen at random. Distances to training
    images are divided by those of MNIST's test images, so their floor is 1.
    """
    say("classifying these and real images")
    classifier = load_classifier()
    chosen = np.random.default_rng(0).choice(len(mnist.train), len(images), replace=False)
    real_features, _ = classify(classifier, mnist.test)
    result = {}
    for kind, candidates in (("figures", images), ("floor", mnist.train[chosen])):
        features, probabilities = classify(classifier, candidates)
        result[kind] = {
            "frechet_distance": metrics.frechet_distance(real_features, features),
            "classifier_score": metrics.classifier_score(probabilities),
            **metrics.neighbourhood_metrics(real_features, features),
        }
        digits = np.bincount(probabilities.argmax(axis=1), minlength=10) / len(candidates)
        result[kind]["digits"] = digits.round(4).tolist()
    say("finding their nearest training images")
    nearest, of_test = (
        metrics.nearest_distances(each, mnist.train).mean() for each in (images, mnist.test)
    )
    result["figures"]["nearest_training_image"] = float(nearest / of_test)
    result["floor"]["nearest_training_image"] = 1.0
    return result


def distance(images: np.ndarray, mnist: Mnist) -> float:
    """Only the Fréchet distance, of images uint8 [N, 28, 28, 1]: takes seconds, not a minute."""
    classifier = load_classifier()
    real, fake = (classify(classifier, each)[0] for each in (mnist.test, images))
    return metrics.frechet_distance(real, fake)
