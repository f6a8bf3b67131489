"""UpSampling2D followed by a 5x5 convolution, computed on the small image."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

# Doubling an image repeats each pixel, so the 5 taps of a row of the kernel fall on only 3 pixels
# of the small image. Which taps fall on which depends on whether the output pixel is even or odd:
# FOLD[parity, pixel, tap] is 1 where the tap reads the pixel, of those at -1, 0 and +1.
FOLD = np.array(
    [
        [[1, 1, 0, 0, 0], [0, 0, 1, 1, 0], [0, 0, 0, 0, 1]],
        [[1, 0, 0, 0, 0], [0, 1, 1, 0, 0], [0, 0, 0, 1, 1]],
    ],
    np.float32,
)


@keras.saving.register_keras_serializable("gan")
class UpSamplingConv2D(keras.layers.Layer):
    """`UpSampling2D(2)` then `Conv2D(filters, 5, padding="same")`, 2.8 times fewer multiplications.

    Maps [B, H, W, C] to [B, 2H, 2W, filters]. It is the same function of the same weights, a
    kernel [5, 5, C, filters] and a bias [filters]: each of the four kinds of output pixel (even or
    odd row, even or odd column) sees a 3x3 piece of the small image, through the taps of the 5x5
    kernel summed where they meet. So four 3x3 convolutions make the four kinds, and depth-to-space
    puts them in their places. Padding agrees: two rows of zeros around the large image are one
    around the small one. What differs is the order of the sums, hence the last digits.
    """

    def __init__(self, filters: int, **options: object) -> None:
        super().__init__(**options)
        self.filters = filters

    def get_config(self) -> dict:
        return super().get_config() | {"filters": self.filters}

    def build(self, input_shape: tuple) -> None:
        channels = input_shape[-1]
        self.kernel = self.add_weight(
            shape=(5, 5, channels, self.filters), initializer="glorot_uniform", name="kernel"
        )
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")

    def call(self, images: tf.Tensor) -> tf.Tensor:
        kernel = tf.convert_to_tensor(self.kernel)
        fold = tf.constant(FOLD, kernel.dtype)
        # rows a and columns b of the parity; pixels p, q; taps u, v; channels i, filters o
        folded = tf.einsum("apu,bqv,uvio->pqiabo", fold, fold, kernel)
        folded = tf.reshape(folded, (3, 3, kernel.shape[2], 4 * self.filters))
        phases = tf.nn.conv2d(images, folded, strides=1, padding="SAME")  # [B, H, W, 4 filters]
        return tf.nn.depth_to_space(phases, 2) + tf.convert_to_tensor(self.bias)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        batch, height, width, _ = input_shape
        return batch, 2 * height, 2 * width, self.filters

    def as_keras(self) -> keras.Sequential:
        """The two layers of Keras, which take the same weights."""
        upsampling = keras.layers.UpSampling2D(dtype=self.dtype_policy)
        convolution = keras.layers.Conv2D(self.filters, 5, padding="same", dtype=self.dtype_policy)
        return keras.Sequential([upsampling, convolution], name=self.name)
