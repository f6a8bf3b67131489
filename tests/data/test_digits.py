"""Tests of the built-in digits."""

import numpy as np
import pytest

from gan.data.digits import BLOCK, draw_digits
from gan.evaluation.classifier import classify, load_classifier


@pytest.fixture(scope="module")
def drawn() -> tuple[np.ndarray, np.ndarray]:
    return draw_digits(1000, seed=0)


def test_images_and_labels_have_the_format_of_mnist(drawn):
    images, labels = drawn
    assert images.shape == (1000, 28, 28)
    assert labels.shape == (1000,)
    assert images.dtype == labels.dtype == np.uint8
    assert (images.max(axis=(1, 2)) == 255).mean() > 0.9  # full ink within a stroke
    assert (images.min(axis=(1, 2)) == 0).all()
    assert ((images > 0) & (images < 255)).any(axis=(1, 2)).all()  # antialiased edges


def test_brightness_is_that_of_mnist(drawn):
    images, _ = drawn
    assert images.mean() == pytest.approx(33.3, abs=3)
    assert images.std() == pytest.approx(78.6, abs=4)


def test_digits_are_equally_frequent_and_shuffled(drawn):
    _, labels = drawn
    tens = labels.reshape(-1, 10)
    assert (np.sort(tens, axis=1) == np.arange(10)).all()
    assert len(np.unique(tens, axis=0)) > 90


def test_images_depend_only_on_seed_and_position(drawn):
    images, labels = drawn
    for count in (0, 7, BLOCK, BLOCK + 1):
        first_images, first_labels = draw_digits(count, seed=0)
        assert len(first_images) == len(first_labels) == count
        np.testing.assert_array_equal(first_images, images[:count])
        np.testing.assert_array_equal(first_labels, labels[:count])


def test_seeds_and_blocks_differ(drawn):
    images, labels = drawn
    other_images, other_labels = draw_digits(BLOCK, seed=1)
    for block in (0, BLOCK):
        assert (images[block : block + BLOCK] != other_images).any(axis=(1, 2)).all()
        assert (labels[block : block + BLOCK] != other_labels).any()
    assert (images[:BLOCK] != images[BLOCK:]).any(axis=(1, 2)).all()


def test_layout_is_that_of_mnist(drawn):
    images, _ = drawn
    mass = images.sum(axis=(1, 2))
    for axis in (1, 2):
        centre = images.sum(axis=axis) @ np.arange(28) / mass
        np.testing.assert_allclose(centre, 14, atol=0.5)
    # The longer side of the ink is 20 pixels; off the pixel grid, antialiasing makes it 21.
    sides = [np.ptp(np.nonzero(image), axis=1).max() + 1 for image in images]
    assert set(sides) <= {20, 21}


def test_images_of_a_digit_vary_but_look_alike(drawn):
    images, labels = drawn
    images = images.reshape(1000, -1) / 255
    means = np.stack([images[labels == digit].mean(axis=0) for digit in range(10)])
    distances = np.linalg.norm(images[:, None] - means, axis=2)
    assert distances.min() > 2  # copies would lie at their mean, at 0
    assert (distances.argmin(axis=1) == labels).mean() > 0.75  # chance: 0.1


def test_labels_name_the_digits(drawn):
    images, labels = drawn
    means = np.stack([images[labels == digit].mean(axis=0) for digit in range(10)])
    least_ink = means.mean(axis=(1, 2)).argsort()
    assert least_ink[:2].tolist() == [1, 7]
    middle = means[:, 12:17, 12:17].mean(axis=(1, 2))
    assert middle[0] < 25  # only a zero is empty there
    assert middle[1:].min() > 50


def test_a_classifier_of_mnist_reads_what_the_labels_say(drawn):
    images, labels = drawn
    _, probabilities = classify(load_classifier(), images[:300, ..., np.newaxis])
    assert (probabilities.argmax(axis=1) == labels[:300]).mean() > 0.97


def test_negative_count_is_refused():
    with pytest.raises(ValueError, match="count"):
        draw_digits(-1, seed=0)
