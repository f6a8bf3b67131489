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
    such images and labels. Raises UserError for images of another shape or type.
    """
    if isinstance(batch, dict):
        raise UserError(f"a batch must be images or (images, labels), not a dict of {list(batch)}")
    images = tf.convert_to_tensor(batch[0] if isinstance(batch, (tuple, list)) else batch)
    check_shape(images.shape, image_shape)
    check_type(images.dtype.name)
    images = tf.reshape(images, (-1, *image_shape))
    return scale_pixels(images) if images.dtype == tf.uint8 else tf.cast(images, tf.float32)


def check_shape(shape: tuple, image_shape: tuple) -> None:
    """Raise UserError unless `shape` is [B, H, W] or [B, H, W, C] for images of `image_shape`."""
    height, width, channels = image_shape
    if tuple(shape[1:]) not in ([(height, width)] if channels == 1 else []) + [image_shape]:
        raise UserError(
            f"images {tuple(shape[1:])} do not fit nets that were built for {image_shape}"
        )


def check_type(name: str) -> None:
    """Raise UserError unless `name` is that of a type of pixels."""
    if name != "uint8" and not name.startswith(("float", "bfloat")):
        raise UserError(f"images must be uint8 from 0 to 255, or float from -1 to 1, not {name}")


def images_to_fit(x: object, image_shape: tuple) -> object:
    """The images in the argument `x` of `fit`: an array, or a Dataset or generator as it is.

    Raises UserError for anything else, and for an array of the wrong shape, type or range.
    """
    x = x[0] if isinstance(x, tuple) else x
    if x is None or isinstance(x, (list, dict)):
        raise UserError("fit takes an array of images, (images, labels) or a tf.data.Dataset")
    if not hasattr(x, "__array__"):
        return x
    x = np.asarray(x)
    check_shape(x.shape, image_shape)
    check_type(x.dtype.name)
    if not len(x):
        raise UserError("fit got no images")
    if x.dtype != np.uint8:
        least, greatest = x.min(), x.max()
        if not (-1 <= least < 0 and greatest <= 1):  # also refuses NaN
            raise UserError(
                f"the images range from {least:g} to {greatest:g}; "
                "give uint8 from 0 to 255, or float from -1 to 1"
            )
    return x
