"""Convert pixels to [-1, 1], the range of tanh, and back."""

from collections.abc import Callable

import numpy as np

from gan.support.tensorflow import tf


def keep_on_device(images: np.ndarray) -> Callable[[tf.Tensor], tf.Tensor]:
    """Copy `images`, uint8 [N, H, W, C], to the device; return `take(indices) -> uint8 [M, ...]`.

    They stay uint8, a quarter of the memory of float32. TensorFlow has no kernel that gathers uint8
    on a GPU, and would copy all images to the CPU and back in each call. So eight pixels are one
    int64: H and W are multiples of 4.
    """
    shape = images.shape[1:]
    packed = tf.constant(np.ascontiguousarray(images).reshape(len(images), -1).view(np.int64))
    return lambda indices: tf.reshape(
        tf.bitcast(tf.gather(packed, indices), tf.uint8), (-1, *shape)
    )


def scale_pixels(images: tf.Tensor) -> tf.Tensor:
    """uint8 pixels in 0..255, any shape -> float32 in [-1, 1]."""
    return tf.cast(images, tf.float32) / 127.5 - 1.0


def to_pixels(images: np.ndarray) -> np.ndarray:
    """Images in [-1, 1], any shape -> uint8 in 0..255, rounded down as the d_on_g notebook does.

    Images that are already uint8 are returned unchanged.
    """
    if getattr(images, "dtype", None) == np.uint8:
        return images
    with np.errstate(invalid="ignore"):  # NaN, of nets that diverged
        return np.clip(np.asarray(images, np.float32) * 127.5 + 127.5, 0, 255).astype(np.uint8)
