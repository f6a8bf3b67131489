"""Which images Keras' `fit` takes: arrays, Datasets, and loaders that give one batch at a time.

An array is checked before the first step, everything else batch by batch, when it is read.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import numpy as np

from gan.support.errors import UserError
from gan.support.tensorflow import keras, tf

HOW_TO_SCALE = (
    "give uint8 from 0 to 255, or float from -1 to 1: Rescaling(1 / 127.5, offset=-1) of "
    "keras.layers scales 0..255, Rescaling(2, offset=-1) scales 0..1"
)
ROUNDING = 1e-3  # a pixel scaled in half precision may lie this far beyond -1 and 1
READ_AHEAD = 2  # batches, as many as Keras reads ahead


def images_to_fit(x: object, image_shape: tuple) -> object:
    """What Keras' `fit` gets for its argument `x`: an array, a Dataset or a PyDataset.

    An array stays as it is, uint8 or float. The batches of everything else become images float32
    [B, height, width, channels] in [-1, 1], without labels. Nothing is read before `fit` asks.
    Raises UserError for an array of other images, and for what holds no images.
    """
    x = x[0] if isinstance(x, tuple) and x else x
    if hasattr(x, "__array__"):
        images = as_array(x)
        check_images(images, image_shape, whole=True)
        return images
    check = BatchCheck(image_shape)
    if isinstance(x, tf.data.Dataset):
        return checked_dataset(x, check)
    if isinstance(x, keras.utils.PyDataset):
        return CheckedPyDataset(x, check)
    if not hasattr(x, "__iter__") or isinstance(x, (str, list, tuple, dict)):
        raise UserError(
            "fit takes an array of images, (images, labels), a tf.data.Dataset, a PyDataset, or "
            f"a loader of batches, not {type(x).__name__}; np.stack makes an array of a list"
        )
    spec = tf.TensorSpec((None, *image_shape), tf.float32)
    batches = tf.data.Dataset.from_generator(lambda: map(check, x), output_signature=spec)
    with suppress(TypeError):  # a generator has no length
        batches = batches.apply(tf.data.experimental.assert_cardinality(len(x)))
    return batches.prefetch(READ_AHEAD)


class BatchCheck:
    """Turns a batch into images float32 [B, H, W, C] in [-1, 1]; raises UserError if it cannot.

    A batch holds images as `check_images` wants them, or is a tuple of such images and labels.
    It uses NumPy only, because Keras may call it in a worker process.
    """

    def __init__(self, image_shape: tuple) -> None:
        self.image_shape, self.is_first = image_shape, True

    def __call__(self, batch: object) -> np.ndarray:
        images = as_array(first_part(batch))
        # A later batch may have no pixel below 0 by chance.
        check_images(images, self.image_shape, whole=self.is_first)
        self.is_first = False
        is_uint8 = images.dtype == np.uint8
        images = images.astype(np.float32, copy=False).reshape(-1, *self.image_shape)
        return images / 127.5 - 1 if is_uint8 else images


class CheckedPyDataset(keras.utils.PyDataset):
    """The batches of another PyDataset, each checked when it is read."""

    def __init__(self, batches: keras.utils.PyDataset, check: BatchCheck) -> None:
        if batches.num_batches == 0:
            raise UserError("fit got no images")
        super().__init__(batches.workers, batches.use_multiprocessing, batches.max_queue_size)
        self.batches, self.check = batches, check

    def __getitem__(self, index: int) -> tuple[np.ndarray]:
        return (self.check(self.batches[index]),)

    @property
    def num_batches(self) -> int | None:
        return self.batches.num_batches

    def on_epoch_begin(self) -> None:
        self.batches.on_epoch_begin()

    def on_epoch_end(self) -> None:
        self.batches.on_epoch_end()


def checked_dataset(batches: tf.data.Dataset, check: BatchCheck) -> tf.data.Dataset:
    """The images of a Dataset, each batch checked when it is read."""
    spec = first_part(batches.element_spec)
    if not isinstance(spec, tf.TensorSpec):
        raise UserError(f"the images of a batch must be one tensor, not {type(spec).__name__}")

    @tf.autograph.experimental.do_not_convert
    def check_batch(images: tf.Tensor, *labels: object) -> tf.Tensor:
        count = images.shape[0] if images.shape.rank else None
        checked = tf.numpy_function(check, [images], tf.float32)
        return tf.ensure_shape(checked, (count, *check.image_shape))

    return batches.map(check_batch).prefetch(READ_AHEAD)


@contextmanager
def user_errors() -> Iterator[None]:
    """Raise the UserError of a check that TensorFlow ran, instead of TensorFlow's own error.

    TensorFlow's error keeps only its text, "UserError: message".
    """
    try:
        yield
    except tf.errors.OpError as error:
        if found := re.search(r"\bUserError: (.*)", error.message):
            raise UserError(found[1]) from None
        if found := re.search(
            r"expected to contain (\d+) \w+ but contained .*?(\d+)", error.message
        ):
            raise UserError(
                f"the loader gave {found[2]} batches, and not {found[1]} as its len() says"
            ) from None
        raise


def first_part(batch: object) -> object:
    """The images of a batch: itself, or the first part of (images, labels)."""
    if isinstance(batch, dict):
        raise UserError(f"a batch must be images or (images, labels), not a dict of {list(batch)}")
    return batch[0] if isinstance(batch, (tuple, list)) and len(batch) else batch


def as_array(images: object) -> np.ndarray:
    """The images as a NumPy array. Raises UserError for what NumPy cannot read."""
    try:
        return np.asarray(images)
    except (TypeError, ValueError, RuntimeError) as error:  # PyTorch's advice is one line
        raise UserError(f"the images cannot be read as an array: {error}") from None


def check_images(images: np.ndarray, image_shape: tuple, whole: bool) -> None:
    """Raise UserError unless `images` are [B, H, W] or [B, H, W, C], uint8 or float in [-1, 1].

    `whole`: they are all the images, or the first batch, so floats must also go below 0.
    """
    check_fits(images.shape, image_shape)
    check_pixels(images.dtype.name)
    if not len(images):
        raise UserError("fit got no images")
    if images.dtype == np.uint8:
        return
    least, greatest = images.min(), images.max()
    if np.isnan(least):
        raise UserError("the images hold NaN; remove these images, or mend what makes them")
    if least < -1 - ROUNDING or greatest > 1 + ROUNDING or (whole and least >= 0):
        raise UserError(f"the images range from {least:g} to {greatest:g}; {HOW_TO_SCALE}")


def check_fits(shape: tuple, image_shape: tuple) -> None:
    """Raise UserError unless `shape` is [B, H, W] or [B, H, W, C] for images of `image_shape`."""
    height, width, channels = image_shape
    fitting = [image_shape, (height, width)] if channels == 1 else [image_shape]
    if tuple(shape[1:]) in fitting:
        return
    if tuple(shape) in fitting:
        raise UserError(f"one image {tuple(shape)} is not a batch; a Dataset has .batch(64)")
    if len(shape) == 5:
        raise UserError(f"the images have the shape {tuple(shape)}; a Dataset is batched only once")
    what = f"images {tuple(shape[1:])} do not fit nets that were built for {image_shape}"
    if len(shape) == 4 and shape[1] in (1, 3) and shape[3] not in (1, 3):
        what += (
            "; their channels come first: give np.transpose(images, (0, 2, 3, 1)), "
            "or images.permute(0, 2, 3, 1) in PyTorch"
        )
    elif len(shape) in (3, 4) and tuple(shape[3:]) in ((), (1,), (3,)):
        own = (*shape[1:3], *(shape[3:] or (1,)))
        what += f"; build_design(name, {own}) builds nets for them"
    raise UserError(what)


def check_pixels(name: str) -> None:
    """Raise UserError unless `name` is the name of a dtype that pixels may have."""
    if name != "uint8" and not name.startswith(("float", "bfloat")):
        raise UserError(f"images must be uint8 from 0 to 255, or float from -1 to 1, not {name}")
