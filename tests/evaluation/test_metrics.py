"""The figures of gan.evaluate against their definitions, written out."""

import numpy as np
import pytest

from gan.evaluation import metrics

K = 3


def whitened(random, count=500, dimensions=4):
    """Points whose mean is 0 and whose sample covariance is the identity, exactly."""
    points = random.normal(size=(count, dimensions))
    points -= points.mean(axis=0)
    return points @ np.linalg.inv(np.linalg.cholesky(np.cov(points.T))).T


def test_frechet_distance_of_known_means_and_covariances():
    points = whitened(np.random.default_rng(0))
    a, b, offset = np.array([1, 2, 3, 0]), np.array([2, 2, 1, 0.5]), np.array([1, 0, 0, 2])
    expected = 5 + np.square(a - b).sum()
    assert metrics.frechet_distance(points * a, points * b + offset) == pytest.approx(expected)
    assert metrics.frechet_distance(points, points) == pytest.approx(0, abs=1e-9)


def test_frechet_distance_where_covariances_do_not_commute():
    random = np.random.default_rng(1)
    real, fake = (random.normal(size=(300, 5)) @ random.normal(size=(5, 5)) for _ in range(2))
    offset = real.mean(axis=0) - fake.mean(axis=0)
    covariances = np.cov(real.T), np.cov(fake.T)
    root_trace = np.sqrt(np.linalg.eigvals(covariances[0] @ covariances[1]).real).sum()
    expected = offset @ offset + np.trace(sum(covariances)) - 2 * root_trace
    assert metrics.frechet_distance(real, fake) == pytest.approx(expected)


def test_classifier_score_counts_the_classes_that_are_clear():
    sure = np.eye(10)
    assert metrics.classifier_score(np.tile(sure, (7, 1))) == pytest.approx(10)
    assert metrics.classifier_score(np.tile(sure[:4], (7, 1))) == pytest.approx(4)
    assert metrics.classifier_score(np.full((70, 10), 0.1)) == pytest.approx(1)


def test_neighbourhood_metrics_are_what_their_papers_define(monkeypatch):
    monkeypatch.setattr(metrics, "ROWS", 7)  # several slices, the last not whole
    random = np.random.default_rng(2)
    real, fake = random.normal(size=(40, 2)), random.normal(0.7, 1.3, size=(25, 2))

    def radii(points):
        return [sorted(np.linalg.norm(points - point, axis=1))[K] for point in points]

    def near(point, balls, radius):
        return [np.linalg.norm(point - b) <= r for b, r in zip(balls, radius, strict=True)]

    in_real = np.array([near(point, real, radii(real)) for point in fake])
    in_fake = np.array([near(point, fake, radii(fake)) for point in real])
    assert metrics.neighbourhood_metrics(real, fake, K) == pytest.approx(
        {
            "precision": in_real.any(axis=1).mean(),
            "recall": in_fake.any(axis=1).mean(),
            "density": in_real.sum() / (K * len(fake)),
            "coverage": in_real.any(axis=0).mean(),
        }
    )


def test_neighbourhood_metrics_at_the_extremes():
    real = np.random.default_rng(3).normal(size=(50, 3))
    same, far = (metrics.neighbourhood_metrics(real, real + offset) for offset in (0, 100))
    assert (same["precision"], same["recall"], same["coverage"]) == (1, 1, 1)
    assert set(far.values()) == {0}
    with pytest.raises(ValueError, match="5 neighbours"):
        metrics.neighbourhood_metrics(real, real[:5])


def test_nearest_distances(monkeypatch):
    monkeypatch.setattr(metrics, "ROWS", 4)
    random = np.random.default_rng(4)
    images, others = (random.integers(0, 256, (n, 5, 6, 1)).astype(np.uint8) for n in (9, 12))
    others[3] = images[8]
    expected = [
        min(np.sqrt(np.square(image / 255 - other / 255).sum()) for other in others)
        for image in images
    ]
    # float32 squares leave a hundredth of distances that are 5 and more between digits
    assert metrics.nearest_distances(images, others) == pytest.approx(expected, abs=0.01)
    assert metrics.nearest_distances(images, others)[8] == pytest.approx(0, abs=0.01)
