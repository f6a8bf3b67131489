"""The metrics of gan.evaluate: pure functions of features, probabilities and pixels.

Features of real and of fake images are float [N, D]; N may differ. The formulas are published in:

- Fréchet distance: Heusel et al. 2017, arXiv:1706.08500 (there with Inception's features)
- classifier score: Salimans et al. 2016, arXiv:1606.03498 (there with Inception's probabilities)
- precision, recall: Kynkäänniemi et al. 2019, arXiv:1904.06991
- density, coverage: Naeem et al. 2020, arXiv:2002.09797
"""

from collections.abc import Iterator

import numpy as np

IMAGES_MEASURED = 10_000  # the size of MNIST's test set
NEIGHBOURS = 5
FIGURES = {  # title, format, and which direction is better
    "frechet_distance": ("Fréchet distance", ".2f", "lower"),
    "classifier_score": ("classifier score", ".2f", "higher, up to 10"),
    "precision": ("precision", ".3f", "higher"),
    "recall": ("recall", ".3f", "higher"),
    "density": ("density", ".3f", "higher"),
    "coverage": ("coverage", ".3f", "higher"),
    "nearest_training_image": ("distance to training images", ".3f", "copies have 0"),
}
ROWS = 1000  # of a matrix of distances in memory at a time


def frechet_distance(real: np.ndarray, fake: np.ndarray) -> float:
    """|m_r - m_f|² + tr(C_r + C_f - 2 (C_r C_f)^½) of the features' means m and covariances C."""
    real, fake = real.astype(np.float64), fake.astype(np.float64)
    offset = real.mean(axis=0) - fake.mean(axis=0)
    real_covariance, fake_covariance = np.cov(real.T), np.cov(fake.T)
    values, vectors = np.linalg.eigh(real_covariance)
    root = vectors * np.sqrt(values.clip(0)) @ vectors.T
    # This product has the eigenvalues of C_r C_f. It is symmetric, so they are real.
    values = np.linalg.eigvalsh(root @ fake_covariance @ root)
    traces = np.trace(real_covariance) + np.trace(fake_covariance)
    return float(offset @ offset + traces - 2 * np.sqrt(values.clip(0)).sum())


def classifier_score(probabilities: np.ndarray) -> float:
    """exp E_x KL(p(y|x) || p(y)) of class probabilities [N, classes]: from 1 to `classes`."""
    p = probabilities.astype(np.float64).clip(1e-12)
    return float(np.exp((p * (np.log(p) - np.log(p.mean(axis=0)))).sum(axis=1).mean()))


def neighbourhood_metrics(
    real: np.ndarray, fake: np.ndarray, k: int = NEIGHBOURS, real_radii: np.ndarray | None = None
) -> dict:
    """Precision, recall, density and coverage, from balls in the space of the features.

    The ball of an image reaches to the k-th nearest other image of its kind, real or fake.
    precision: share of fakes that lie in the ball of a real image. recall: share of real images
    that lie in the ball of a fake. density: mean number of real balls that a fake lies in, divided
    by k. coverage: share of real balls that hold a fake. `real_radii` are `radii(real, k)`, if they
    are known already. Raises ValueError for k images or fewer.
    """
    if min(len(real), len(fake)) <= k:
        raise ValueError(f"{k} neighbours need more than {k} images of each kind")
    real_radii = radii(real, k) if real_radii is None else real_radii
    fake_radii = radii(fake, k)
    in_real_ball = np.zeros(len(fake), int)  # how many balls hold this fake
    recalled, covered = [], []
    for rows, distances in all_distances(real, fake):  # [ROWS, fakes]
        inside = distances <= real_radii[rows, None]
        in_real_ball += inside.sum(axis=0)
        covered.append(inside.any(axis=1))
        recalled.append((distances <= fake_radii).any(axis=1))
    return {
        "precision": float((in_real_ball > 0).mean()),
        "recall": float(np.concatenate(recalled).mean()),
        "density": float(in_real_ball.mean() / k),
        "coverage": float(np.concatenate(covered).mean()),
    }


def nearest_distances(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Euclidean distance of each of `images` to the nearest of `others`, float [N].

    Both are uint8 images of the same shape; the distance uses pixels scaled to [0, 1].
    """
    flat = [array.reshape(len(array), -1).astype(np.float32) / 255 for array in (images, others)]
    return np.concatenate([distances.min(axis=1) for _, distances in all_distances(*flat)])


def radii(features: np.ndarray, k: int = NEIGHBOURS) -> np.ndarray:
    """Distance of each row to its k-th nearest other row, float [N]."""
    # Index 0 is the distance to itself.
    return np.concatenate(
        [
            np.partition(distances, k, axis=1)[:, k]
            for _, distances in all_distances(features, features)
        ]
    )


def all_distances(a: np.ndarray, b: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield slices of `a`, and the distances from the rows of the slice to all rows of `b`."""
    squares = np.square(b).sum(axis=1)
    for first in range(0, len(a), ROWS):
        rows = slice(first, first + ROWS)
        distances = a[rows] @ b.T
        distances *= -2
        distances += squares
        distances += np.square(a[rows]).sum(axis=1)[:, None]
        yield rows, np.sqrt(distances.clip(0, out=distances), out=distances)
