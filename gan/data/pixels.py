"""Convert pixels to [-1, 1], the range of tanh, and back."""

import numpy as np

from gan.support.tensorflow import tf


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
