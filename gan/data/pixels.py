"""Convert pixels to [-1, 1], the range of tanh, and back."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from gan.support.errors import UserError


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


def as_real_images(batch: object, image_shape: tuple) -> tf.Tensor:
    """A batch from Keras' `fit` -> images float32 [B, H, W, C] in [-1, 1].

    `batch` holds images [B, H, W] or [B, H, W, C], uint8 or float in [-1, 1], or is a tuple of
    such images and labels. Raises UserError for images of another shape.
    """
    images = tf.convert_to_tensor(batch[0] if isinstance(batch, (tuple, list)) else batch)
    if images.shape.rank is not None:  # Keras does not know it after batches of several ranks
        check_shape(images.shape, image_shape)
    images = tf.reshape(images, (-1, *image_shape))
    return scale_pixels(images) if images.dtype.is_integer else tf.cast(images, tf.float32)


def check_shape(shape: tuple, image_shape: tuple) -> None:
    """Raise UserError unless `shape` is [B, H, W] or [B, H, W, C] for images of `image_shape`."""
    height, width, channels = image_shape
    if tuple(shape[1:]) not in ([(height, width)] if channels == 1 else []) + [image_shape]:
        raise UserError(
            f"images {tuple(shape[1:])} do not fit nets that were built for {image_shape}"
        )


def check_images(images: np.ndarray, image_shape: tuple) -> None:
    """Raise UserError if `images` have the wrong shape or range for `fit`."""
    check_shape(images.shape, image_shape)
    if np.issubdtype(images.dtype, np.floating) and images.size:
        least, greatest = images.min(), images.max()
        if not (-1 <= least < 0 and greatest <= 1):  # also refuses NaN
            raise UserError(
                f"the images range from {least:g} to {greatest:g}; "
                "give uint8 from 0 to 255, or float from -1 to 1"
            )
