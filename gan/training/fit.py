"""What Keras' `fit` needs to train a design: checked images, and the averages kept."""

from __future__ import annotations

import numpy as np

from gan.data.pixels import scale_pixels
from gan.design import Design
from gan.recipe import override
from gan.support.errors import UserError
from gan.support.tensorflow import keras, tf
from gan.training.average import KeepAverage

REFUSED = {"validation_data", "validation_split", "class_weight", "sample_weight"}


def fit_arguments(design: Design, x: object, batch_size: int | None, options: dict) -> dict:
    """The arguments with which Keras' own `fit` trains `design`; for those given, see `Design.fit`.

    Sets the batch size in the design's recipe. Raises UserError as `Design.fit` does.
    """
    if design.distribute_strategy.num_replicas_in_sync > 1:
        raise UserError("fit uses one device; use design.train for several")
    for name in REFUSED & options.keys():
        raise UserError(f"fit takes no {name}; gan.evaluate measures the images of a GAN")
    x = images_to_fit(x, design.image_shape)
    if isinstance(x, np.ndarray):
        design.recipe = override(design.recipe, batch_size=batch_size)
        batch_size = design.recipe.batch_size
    kind = str((getattr(x, "element_spec", None) or np.shape(x)[1:], batch_size))
    if kind != design.fitted_kind:  # Keras would keep a step compiled for the old shape and size
        design.fitted_kind, design.train_function = kind, None
    callbacks = [KeepAverage()] if design.averages else []
    callbacks += keras.tree.flatten(options.get("callbacks") or [])
    return options | {"x": x, "batch_size": batch_size, "callbacks": callbacks}


def as_real_images(batch: object, image_shape: tuple) -> tf.Tensor:
    """A batch from Keras' `fit` -> images float32 [B, H, W, C] in [-1, 1].

    `batch` holds images [B, H, W] or [B, H, W, C], uint8 or float in [-1, 1], or is a tuple of
    such images and labels. Raises UserError for images of another shape or type.
    """
    if isinstance(batch, dict):
        raise UserError(f"a batch must be images or (images, labels), not a dict of {list(batch)}")
    images = tf.convert_to_tensor(batch[0] if isinstance(batch, (tuple, list)) else batch)
    check_fits(images.shape, image_shape)
    check_pixels(images.dtype.name)
    images = tf.reshape(images, (-1, *image_shape))
    return scale_pixels(images) if images.dtype == tf.uint8 else tf.cast(images, tf.float32)


def check_fits(shape: tuple, image_shape: tuple) -> None:
    """Raise UserError unless `shape` is [B, H, W] or [B, H, W, C] for images of `image_shape`."""
    height, width, channels = image_shape
    if tuple(shape[1:]) not in ([(height, width)] if channels == 1 else []) + [image_shape]:
        raise UserError(
            f"images {tuple(shape[1:])} do not fit nets that were built for {image_shape}"
        )


def check_pixels(name: str) -> None:
    """Raise UserError unless `name` is the name of a dtype that pixels may have."""
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
    check_fits(x.shape, image_shape)
    check_pixels(x.dtype.name)
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
