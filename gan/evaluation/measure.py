"""Compute the figures that gan.evaluate prints, for images of a trained design or of a file."""

from collections.abc import Callable
from functools import cached_property

import numpy as np

from gan.data.images import RealImages
from gan.design import Design
from gan.evaluation import metrics
from gan.evaluation.classifier import FOLDERS, classify, load_classifier
from gan.evaluation.sampling import collect, draw_samples
from gan.runs import Run, Shipped
from gan.runs.config import how_far
from gan.runs.start import name_of


def draw(
    trained: Run | Shipped,
    design: Design,
    steps: int,
    seed: int = 0,
    count: int = metrics.IMAGES_MEASURED,
    average: bool = False,
    say: Callable[[str], None] = print,
) -> tuple[dict, np.ndarray]:
    """Draw `count` images with a trained `design`: a dict of their source, and the images.

    The images are uint8 [count, 28, 28, 1]. `average`: draw them with its averaged generator.
    """
    config = trained.config()
    averaged = "averaged generator, " if average else ""
    trained_for = f"{how_far(config, steps)} on {config['data']['name']}"
    say(f"{trained.title}: {design.name}, {averaged}{trained_for}; drawing {count:,} images")
    source = {"run": name_of(trained), "design": config["design"], "data": config["data"]["name"]}
    source |= {"recipe": config["recipe"], "training_seed": config["seed"], "steps": steps}
    images = collect(draw_samples(design, seed, count, average)).images
    return source | {"average": average, "seed": seed, "count": count}, images


class Comparison:
    """Compares images with `real` ones; what it needs of these is computed once."""

    def __init__(self, real: RealImages) -> None:
        self.real = real
        self.classifier = load_classifier(FOLDERS[real.name])
        self.real_features, _ = classify(self.classifier, real.test)

    def figures(self, images: np.ndarray) -> dict:
        """All figures of `images`, uint8 [N, 28, 28, 1]."""
        nearest = metrics.nearest_distances(images, self.real.train).mean()
        ratio = float(nearest / self.distance_of_test_images)
        return self.figures_of_features(images) | {"nearest_training_image": ratio}

    def figures_of_features(self, images: np.ndarray) -> dict:
        """The figures that need only the classifier, and the shares of its classes, `digits`."""
        features, probabilities = classify(self.classifier, images)
        digits = np.bincount(probabilities.argmax(axis=1), minlength=10) / len(images)
        return {
            "frechet_distance": metrics.frechet_distance(self.real_features, features),
            "classifier_score": metrics.classifier_score(probabilities),
            **metrics.neighbourhood_metrics(
                self.real_features, features, real_radii=self.real_radii
            ),
            "digits": digits.round(4).tolist(),
        }

    def distance(self, images: np.ndarray) -> float:
        """Only the Fréchet distance: takes seconds, not a minute."""
        features, _ = classify(self.classifier, images)
        return metrics.frechet_distance(self.real_features, features)

    @cached_property
    def real_radii(self) -> np.ndarray:
        return metrics.radii(self.real_features)

    @cached_property
    def distance_of_test_images(self) -> float:
        """Mean distance of the real test images to the nearest training image."""
        return metrics.nearest_distances(self.real.test, self.real.train).mean()

    def floor(self, count: int) -> dict:
        """The figures of `count` real training images, chosen at random."""
        train = self.real.train
        chosen = np.random.default_rng(0).choice(len(train), count, replace=False)
        return self.figures_of_features(train[chosen]) | {"nearest_training_image": 1.0}


def measure(images: np.ndarray, real: RealImages, say: Callable[[str], None] = print) -> dict:
    """Compute every figure of `images`, uint8 [N, 28, 28, 1], and its floor.

    The floor is the same figure of N real training images. Distances to training images are divided
    by those of the real test images, so their floor is 1.
    """
    say("comparing these and real images; takes a minute")
    comparison = Comparison(real)
    return {"figures": comparison.figures(images), "floor": comparison.floor(len(images))}
