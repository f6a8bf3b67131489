"""Our BatchNormalization beside what the documents' libraries do."""

import numpy as np

from gan.layers.replicas import BatchNormalization


def test_the_moving_variance_takes_the_biased_variance():
    norm = BatchNormalization(momentum=0.0)
    images = np.random.default_rng(0).normal(size=(2, 3, 3, 4)).astype("float32")
    norm(images, training=True)
    np.testing.assert_allclose(norm.moving_variance, images.var((0, 1, 2)), rtol=1e-5)
