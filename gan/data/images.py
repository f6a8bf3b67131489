"""Load training images: MNIST, Fashion-MNIST, the user's own, or the built-in digits.

Every source gives a `Dataset`: uint8 images [N, H, W, C] in 0..255, a name and a digest.
"""

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gan.data.digits import built_in_digits
from gan.data.download import FASHION, FASHION_TEST, MNIST, PUBLISHED, Unreachable, fetch
from gan.formats.arrays import check_shape, check_uint8, read_idx, read_npz
from gan.formats.folder import FolderOptions
from gan.formats.path import find_idx, read_path
from gan.support.errors import UserError, disk_errors

ARRAY = "an array in Python"
SETS = ("mnist", "fashion", "synthetic")


class Dataset(NamedTuple):
    """Training images uint8 [N, H, W, 1 or 3] in 0..255 and their source.

    `source` is the argument with which `load_images` finds them again, with `options` if it is a
    folder of images; `name` is for messages; `digest` is the SHA-256 of shape and pixels. `warning`
    says which data replaces the requested data, or that all images are equal, or is None.
    `published` is "mnist" or "fashion" if these are its training images, in any order, or is None.
    """

    images: np.ndarray
    source: str
    name: str
    digest: str
    warning: str | None = None
    options: FolderOptions = FolderOptions()
    published: str | None = None

    def __str__(self) -> str:
        """Number, height x width, and colours: "40 images 28x28, grey"."""
        count, height, width, channels = self.images.shape
        colours = "grey" if channels == 1 else "colour"
        return f"{count:,} {'image' if count == 1 else 'images'} {height}x{width}, {colours}"


def load_images(
    source: str = "auto",
    image_size: tuple[int, int] | None = None,
    say: Callable[[str], None] = print,
    **options: object,
) -> Dataset:
    """Load training images from `source`; `say` prints what was done to them.

    `mnist` and `fashion` come from Keras' cache or are downloaded; `synthetic` is the built-in
    digits. Any other word is a path: an .npz with `x_train` as in Keras' mnist.npz, an .npy of
    images or of Moving MNIST's frames [T, N, H, W], a .csv of MNIST, a folder of IDX files, or a
    folder of images. `auto` is the file or folder that GAN_DATA names, else MNIST. If MNIST is not
    in the cache and cannot be downloaded, `auto` is the built-in digits. `image_size` = (height,
    width) resizes the images of a folder, which may then differ in size; `options`: the others of
    `FolderOptions`, which say how a folder is read.

    Raises UserError if the source does not exist, or if its images are not uint8, differ in size,
    or have sides that are not multiples of 4 (the convolutional designs halve them twice).
    """
    options = FolderOptions(image_size, **options)
    options.check()
    if source == "auto":
        if named := named_data():
            return load_images(named, say=say, **options._asdict())
        try:
            return load_images("mnist", say=say, **options._asdict())
        except Unreachable as error:
            warning = (
                f"NOT MNIST: {error}. Training on the built-in drawn digits instead, as with "
                "--data synthetic. For MNIST put mnist.npz somewhere, set GAN_DATA to its path, "
                "and repeat the command with --fresh (with make: ARGS=--fresh)."
            )
            return load_images("synthetic", say=say)._replace(warning=warning)
    path = Path(source)
    if os.path.isfile(path) or source in SETS:
        check_no_options(options)
    if source == "mnist":
        return make_dataset(read_npz(fetch(*MNIST, say)), source, "MNIST")
    if source == "fashion":
        return make_dataset(read_idx(fetch(*FASHION, say)), source, "Fashion-MNIST")
    if source == "synthetic":
        return make_dataset(built_in_digits(say), source, "the built-in digits")

    with disk_errors("read", path):
        images = read_path(path, options, say)
    return make_dataset(images, str(path.resolve()), path.name)._replace(options=options)


def named_data() -> str | None:
    """The file or folder that GAN_DATA names, if it is set. Raises UserError if it is not there."""
    if (named := os.environ.get("GAN_DATA", "auto")) in ("", "auto"):
        return None
    if not os.path.exists(named):
        raise UserError(
            f"GAN_DATA names {named!r}, but no such file or folder can be read; correct it"
        )
    return named


def check_no_options(options: FolderOptions) -> None:
    """Raise UserError if one of the options that are only for a folder of images is given."""
    for name, value in options._asdict().items():
        if value:
            option = f"--{name.replace('_', '-')}"
            raise UserError(f"{option} is only for --data FOLDER, a folder of images")


def of_array(images: np.ndarray) -> Dataset:
    """The data set of an array in Python, uint8 [N, H, W] or [N, H, W, 1 or 3] in 0..255.

    Raises UserError for another type or shape, or sides that are not multiples of 4.
    """
    images = np.asarray(images)
    check_uint8(images.dtype, [images], "images")
    check_shape(images.shape, "images")
    return make_dataset(np.ascontiguousarray(images), ARRAY, ARRAY)


class RealImages(NamedTuple):
    """All images of MNIST or Fashion-MNIST, uint8 [60000 and 10000, 28, 28, 1], and their file.

    `name` is "mnist" or "fashion". The file may hold other images instead: see `is_published`.
    """

    train: np.ndarray
    test: np.ndarray
    path: Path
    name: str

    @property
    def is_published(self) -> bool:
        """Whether these are the published images, in any order."""
        _, *published = PUBLISHED[self.name]
        return [fingerprint(images) for images in (self.train, self.test)] == published


def load_real(
    name: str, source: str = "auto", say: Callable[[str], None] = print, beside: str = ""
) -> RealImages:
    """Load the training and the test images of `name`: "mnist" or "fashion".

    `source`: an .npz with x_train and x_test, or a folder of IDX files, which may hold other
    images. `auto`: what GAN_DATA or `beside` names, if these are the published images; else Keras'
    cache or the download. Raises UserError if they cannot be found; the message says what to do.
    """
    title = PUBLISHED[name].title
    if source not in ("auto", name):
        return read_real(Path(source), name)
    for path in filter(None, (named_data(), beside)):
        with suppress(UserError):
            if (real := read_real(Path(path), name)).is_published:
                return real
    try:
        if name == "mnist":
            return read_real(fetch(*MNIST, say), name)
        paths = [fetch(*file, say) for file in (FASHION, FASHION_TEST)]
    except Unreachable as error:
        raise UserError(
            f"this needs the real {title}, but {error}; put it somewhere, as an .npz with x_train "
            "and x_test or as a folder of IDX files, and set GAN_DATA to its path"
        ) from None
    return RealImages(*(read_idx(path)[..., np.newaxis] for path in paths), paths[0], name)


def load_mnist(source: str = "auto", say: Callable[[str], None] = print) -> RealImages:
    """Load both parts of MNIST; see `load_real`."""
    return load_real("mnist", source, say)


def read_real(path: Path, name: str) -> RealImages:
    """Read images to compare with from an .npz or a folder of IDX files. Raises UserError."""
    title = PUBLISHED[name].title
    with disk_errors("read", path):
        if path.is_dir():
            files = [find_idx(path, part)[:1] for part in ("train", "t10k")]
            if not all(files):
                raise UserError(
                    f"{path} is a folder; this needs {title} as one .npz with x_train and x_test, "
                    "or its IDX files train-images-idx3-ubyte and t10k-images-idx3-ubyte there"
                )
            images = [read_idx(file) for [file] in files]
        else:
            images = [read_npz(path, array) for array in ("x_train", "x_test")]
    images = [each[..., np.newaxis] if each.ndim == 3 else each for each in images]
    for each in images:
        if each.shape[1:] != (28, 28, 1):
            shape = each.shape[1:]
            raise UserError(f"{path} is not {title}: it has images {shape}, not (28, 28, 1)")
    return RealImages(*images, path, name)


def fingerprint(images: np.ndarray) -> str:
    """SHA-256 of uint8 images [N, H, W] or [N, H, W, 1], the same for every order of them."""
    each = (hashlib.sha256(pixels).digest() for pixels in images.reshape(len(images), -1))
    return hashlib.sha256(b"".join(sorted(each))).hexdigest()


def published_as(images: np.ndarray) -> str | None:
    """The set whose training images `images` [N, H, W, C] are, in any order, or None."""
    if images.shape[1:] != (28, 28, 1):
        return None
    found = fingerprint(images)
    return next((name for name, each in PUBLISHED.items() if each.train == found), None)


def make_dataset(images: np.ndarray, source: str, name: str) -> Dataset:
    """The data set of contiguous `images` [N, H, W] or [N, H, W, C] with its digest."""
    if len(images) == 0:
        raise UserError(f"{source} holds no images")
    digest = hashlib.sha256(repr(images.shape).encode())
    digest.update(images)
    warning = None
    if images.min() == images.max():
        warning = f"ALL PIXELS OF {name} ARE EQUAL, so there is nothing to learn."
    elif len(images) > 1 and (images == images[0]).all():
        warning = f"ALL IMAGES OF {name} ARE EQUAL, so the nets can only learn this one."
    if images.ndim == 3:
        images = images[..., np.newaxis]
    published = published_as(images)
    return Dataset(images, source, name, digest.hexdigest(), warning, published=published)
