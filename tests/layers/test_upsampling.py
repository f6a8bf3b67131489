"""The folded layer is UpSampling2D and Conv2D: values, gradients and weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from gan.layers.upsampling import UpSamplingConv2D


@pytest.mark.parametrize("shape", [(7, 7, 6), (3, 5, 2), (1, 1, 1)])
@pytest.mark.usefixtures("float64")
def test_it_equals_the_plain_layers(shape):
    images = tf.random.stateless_normal((2, *shape), [1, 2], dtype=tf.float64)
    plain = keras.Sequential(
        [keras.Input(shape), layers.UpSampling2D(2), layers.Conv2D(4, 5, padding="same")]
    )
    folded = keras.Sequential([keras.Input(shape), UpSamplingConv2D(4)])
    bias = np.arange(4.0)
    kernel = plain.get_weights()[0]
    for model in (plain, folded):
        model.set_weights([kernel, bias])
    results = []
    for model in (plain, folded):
        with tf.GradientTape() as tape:
            tape.watch(images)
            outputs = model(images)
            loss = tf.reduce_sum(tf.sin(outputs))
        gradients = tape.gradient(loss, [images, *model.trainable_variables])
        results.append([outputs, *gradients])
    assert results[0][0].shape == (2, 2 * shape[0], 2 * shape[1], 4)
    for expected, found in zip(*results, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


def test_its_initial_kernel_is_that_of_the_plain_layer():
    def kernel(make_layer):
        keras.utils.set_random_seed(0)
        return keras.Sequential([keras.Input((7, 7, 128)), make_layer()]).get_weights()[0]

    plain, folded = kernel(lambda: layers.Conv2D(64, 5)), kernel(lambda: UpSamplingConv2D(64))
    np.testing.assert_array_equal(plain, folded)
