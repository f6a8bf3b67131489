"""Which images and which noise a step uses: functions of (seed, step) and of nothing else.

No iterator and no generator state exists that a resumed run would have to restore: step t draws
the same images and the same noise whenever, and on however many devices, it is run.
"""

from __future__ import annotations

import tensorflow as tf

# Each use of randomness draws from a stream of its own, so that no two share numbers.
IMAGES, D_NOISE, G_NOISE, GRID_NOISE, SAMPLE_NOISE = range(5)
STREAMS = 8  # room for more without changing the numbers of these


def stream_seed(seed: int, step: tf.Tensor | int, stream: int) -> tf.Tensor:
    """The seed, int64 [2], of one stream at one step: a different pair for each."""
    return tf.stack([tf.cast(seed, tf.int64), tf.cast(step, tf.int64) * STREAMS + stream])


def draw_uniform(seed: int, step: tf.Tensor | int, stream: int, shape: tuple) -> tf.Tensor:
    """Uniform numbers, float32 of `shape`, in the open interval (0, 1)."""
    # From the bits, as stateless_uniform makes other floats of them under XLA than without. Philox
    # by name, as the default algorithm depends on the device. (k + 1/2) / 2**23 is exact.
    key = stream_seed(seed, step, stream)
    bits = tf.random.stateless_uniform(shape, key, None, None, tf.uint32, alg="philox")
    return (tf.cast(tf.bitwise.right_shift(bits, 9), tf.float32) + 0.5) * 2.0**-23


def draw_noise(seed: int, step: tf.Tensor | int, stream: int, shape: tuple) -> tf.Tensor:
    """Standard normal noise, float32 of `shape` = (count, latent_dim)."""
    return tf.math.ndtri(draw_uniform(seed, step, stream, shape))


def draw_indices(seed: int, step: tf.Tensor | int, batch_size: int, count: int) -> tf.Tensor:
    """Indices of the step's images, int32 [batch_size] in 0..count-1, with replacement."""
    return tf.random.stateless_uniform(
        [batch_size], stream_seed(seed, step, IMAGES), 0, count, tf.int32, alg="philox"
    )


def scale_pixels(images: tf.Tensor) -> tf.Tensor:
    """uint8 pixels in 0..255 to float32 in [-1, 1], the range of tanh."""
    return tf.cast(images, tf.float32) / 127.5 - 1.0
