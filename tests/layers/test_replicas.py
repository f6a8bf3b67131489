"""Our BatchNormalization beside what the documents' libraries do."""

import numpy as np
from dense_2018 import GAN2018, BatchNormalization2018

from gan.layers.replicas import BatchNormalization


def test_the_moving_variance_takes_the_biased_variance():
    norm = BatchNormalization(momentum=0.0)
    images = np.random.default_rng(0).normal(size=(2, 3, 3, 4)).astype("float32")
    norm(images, training=True)
    np.testing.assert_allclose(norm.moving_variance, images.var((0, 1, 2)), rtol=1e-5)


def test_the_layer_of_2018_takes_a_little_more():
    """n / (n - 1 - epsilon) times the variance of the batch: the experiment's layer."""
    kept = 0.8
    norm = BatchNormalization2018(momentum=kept)
    rows = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
    norm(rows, training=True)
    expected = kept + (1 - kept) * rows.var(axis=0) * 32 / (32 - 1 - 1e-3)
    np.testing.assert_allclose(norm.moving_variance, expected, rtol=1e-5)
    of_gan = [type(layer) for layer in GAN2018().generator.layers]
    assert of_gan.count(BatchNormalization2018) == 3
