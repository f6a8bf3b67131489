"""Where images come from: MNIST, Fashion-MNIST, the user's own, or the built-in digits.

Every source ends as the same thing: uint8 images [N, H, W, C] in 0..255, a name and a digest.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gan.data.digits import draw_digits
from gan.data.download import FASHION, MNIST, Unreachable, cache_folder, fetch
from gan.data.formats import IDX_NAMES, check_shape, read_idx, read_image_folder, read_npz
from gan.support.errors import UserError, disk_errors
from gan.support.files import replacing

# SHA-256 of the pixels of MNIST's training and test images, as they were published.
MNIST_PIXELS = "5b92582eb909c82a9bfefcd44acbe9233be3eb5b419a44cf211022ad2bf4bf96"
ARRAY = "an array in Python"
SETS = ("mnist", "fashion", "synthetic")
SYNTHETIC_COUNT, SYNTHETIC_SEED = 60_000, 0
SYNTHETIC_CACHE = "gan-digits-1.npz"  # a new number whenever the drawing changes


class Dataset(NamedTuple):
    """Training images uint8 [N, H, W, 1 or 3] in 0..255 and where they came from.

    `source` is what `load_images` takes to find them again, `name` is for people, `digest` is
    the SHA-256 of shape and pixels; `warning` says what was put in the place of what was asked,
    `resized_to` is the (height, width) that was asked for, if any.
    """

    images: np.ndarray
    source: str
    name: str
    digest: str
    warning: str | None = None
    resized_to: tuple[int, int] | None = None


def load_images(
    source: str = "auto",
    image_size: tuple[int, int] | None = None,
    say: Callable[[str], None] = print,
) -> Dataset:
    """Load training images from `source`; `say` is told of anything that takes a while.

    `mnist`, `fashion` and `synthetic` are those sets, the first two from Keras' cache or else
    downloaded. Another word is a path: an .npz with `x_train` as Keras lays it out, a folder of
    IDX files, or a folder of images. `auto` is the file that GAN_DATA names, else MNIST, and
    where that can be reached neither in the cache nor by network, the built-in digits.
    `image_size` = (height, width) resizes the images of a folder, which may then differ in size.
    Raises UserError when there is no such source, or its images are not uint8, not of one size,
    or of sides that are no multiples of 4 (the convolutional designs halve them twice).
    """
    if source == "auto":
        if (named := os.environ.get("GAN_DATA", "auto")) not in ("", "auto"):
            if not os.path.exists(named):
                raise UserError(
                    f"GAN_DATA names {named!r}, and there is no such file or folder to be read"
                )
            return load_images(named, image_size, say)
        try:
            return load_images("mnist", image_size, say)
        except Unreachable as error:
            warning = (
                f"NOT MNIST: {error}. Training on the built-in drawn digits instead, as with "
                "--data synthetic. For MNIST put mnist.npz somewhere, set GAN_DATA to its path, "
                "and repeat the command with --fresh (with make: ARGS=--fresh)."
            )
            return load_images("synthetic", image_size, say)._replace(warning=warning)
    path = Path(source)
    if image_size and (os.path.isfile(path) or source in SETS):
        raise UserError("--image-size goes with --data FOLDER, a folder of images")
    if source == "mnist":
        return describe(read_npz(fetch(*MNIST, say)), source, "MNIST")
    if source == "fashion":
        return describe(read_idx(fetch(*FASHION, say)), source, "Fashion-MNIST")
    if source == "synthetic":
        return describe(built_in_digits(say), source, "the built-in digits")

    with disk_errors("read", path):
        images = read_path(path, image_size)
    return describe(images, str(path.resolve()), path.name)._replace(resized_to=image_size)


def read_path(path: Path, image_size: tuple[int, int] | None) -> np.ndarray:
    """The images of an .npz, a folder of IDX files or a folder of images. UserError, OSError."""
    if path.is_dir():
        idx_files = [
            file
            for name in IDX_NAMES
            for ending in ("", ".gz")
            if (file := path / f"{name}{ending}").is_file()
        ]
        if not idx_files:
            return read_image_folder(path, image_size)
        if image_size:
            raise UserError(f"--image-size goes with image files, and {path} holds IDX files")
        return read_idx(idx_files[0])
    if path.exists():
        return read_npz(path)
    raise UserError(
        f"no data {str(path)!r}: it is neither auto, mnist, fashion nor synthetic, and there is no "
        "such file or folder"
    )


def of_array(images: np.ndarray) -> Dataset:
    """The data set of an array in Python, uint8 [N, H, W] or [N, H, W, 1 or 3] in 0..255.

    Raises UserError for another type or shape, or sides that are no multiples of 4.
    """
    images = np.asarray(images)
    if images.dtype != np.uint8:
        raise UserError(f"images must be uint8, 0..255, not {images.dtype}")
    check_shape(images.shape, "images")
    return describe(np.ascontiguousarray(images), ARRAY, ARRAY)


class Mnist(NamedTuple):
    """All images of MNIST, uint8 [60000 and 10000, 28, 28, 1], and the file they are from.

    A file may hold other images in their place: `is_real` tells.
    """

    train: np.ndarray
    test: np.ndarray
    path: Path

    @property
    def is_real(self) -> bool:
        """Whether these are the published images, all of them, in their order."""
        pixels = self.train.tobytes() + self.test.tobytes()
        return hashlib.sha256(pixels).hexdigest() == MNIST_PIXELS


def load_mnist(source: str = "auto", say: Callable[[str], None] = print) -> Mnist:
    """Load both parts of MNIST: from GAN_DATA's file, the cache or the network, or from a path.

    Raises UserError if it cannot be found, with what to do.
    """
    if source == "auto":
        source = os.environ.get("GAN_DATA") or "auto"
    if source in ("auto", "mnist"):
        try:
            source = fetch(*MNIST, say)
        except Unreachable as error:
            raise UserError(
                f"this takes the real MNIST, and {error}; "
                "put mnist.npz somewhere and set GAN_DATA to its path"
            ) from None
    path = Path(source)
    if path.is_dir():
        raise UserError(f"{path} is a folder; this takes MNIST as one .npz with x_train and x_test")
    with disk_errors("read", path):
        images = [read_npz(path, array) for array in ("x_train", "x_test")]
    images = [each[..., np.newaxis] if each.ndim == 3 else each for each in images]
    for each in images:
        if each.shape[1:] != (28, 28, 1):
            raise UserError(f"{path} is not MNIST: it has images {each.shape[1:]}, not (28, 28, 1)")
    return Mnist(*images, path)


def describe(images: np.ndarray, source: str, name: str) -> Dataset:
    """The data set of `images` [N, H, W] or [N, H, W, C] with its digest."""
    if len(images) == 0:
        raise UserError(f"{source} holds no images")
    digest = hashlib.sha256(repr(images.shape).encode() + images.tobytes()).hexdigest()
    if images.ndim == 3:
        images = images[..., np.newaxis]
    return Dataset(images, source, name, digest)


def built_in_digits(say: Callable[[str], None]) -> np.ndarray:
    """The 60,000 built-in digits, uint8 [N, 28, 28], drawn once and then cached."""
    path = cache_folder() / SYNTHETIC_CACHE
    try:
        return read_npz(path)
    except (OSError, UserError):
        pass  # not drawn yet, or damaged: drawing heals it
    say(f"drawing {SYNTHETIC_COUNT:,} digits (once, some seconds)")
    images, labels = draw_digits(SYNTHETIC_COUNT, SYNTHETIC_SEED)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, x_train=images, y_train=labels)
    except OSError:
        pass  # a home folder that cannot be written to costs only the drawing, each time
    return images
