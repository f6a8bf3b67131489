"""Load training images: MNIST, Fashion-MNIST, the user's own, or the built-in digits.

Every source gives a `Dataset`: uint8 images [N, H, W, C] in 0..255, a name and a digest.
"""

import hashlib
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gan.data.digits import draw_digits
from gan.data.download import FASHION, MNIST, Unreachable, cache_folder, fetch
from gan.formats.arrays import (
    IDX_NAMES,
    check_shape,
    check_uint8,
    read_csv,
    read_idx,
    read_npy,
    read_npz,
)
from gan.formats.folder import FolderOptions, read_image_folder
from gan.formats.photo import ENDINGS
from gan.support.errors import UserError, disk_errors
from gan.support.files import replacing

# SHA-256 of the pixels of MNIST's published training images and then test images.
MNIST_PIXELS = "5b92582eb909c82a9bfefcd44acbe9233be3eb5b419a44cf211022ad2bf4bf96"
ARRAY = "an array in Python"
SETS = ("mnist", "fashion", "synthetic")
SYNTHETIC_COUNT, SYNTHETIC_SEED = 60_000, 0
SYNTHETIC_CACHE = "gan-digits-1.npz"  # a new number whenever the drawing changes


class Dataset(NamedTuple):
    """Training images uint8 [N, H, W, 1 or 3] in 0..255 and their source.

    `source` is the argument with which `load_images` finds them again, with `options` if it is a
    folder of images; `name` is for messages; `digest` is the SHA-256 of shape and pixels. `warning`
    says which data replaces the requested data, or that all images are equal, or is None.
    """

    images: np.ndarray
    source: str
    name: str
    digest: str
    warning: str | None = None
    options: FolderOptions = FolderOptions()

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
        if (named := os.environ.get("GAN_DATA", "auto")) not in ("", "auto"):
            if not os.path.exists(named):
                raise UserError(
                    f"GAN_DATA names {named!r}, but no such file or folder can be read; correct it"
                )
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


def check_no_options(options: FolderOptions) -> None:
    """Raise UserError if one of the options that are only for a folder of images is given."""
    for name, value in options._asdict().items():
        if value:
            option = f"--{name.replace('_', '-')}"
            raise UserError(f"{option} is only for --data FOLDER, a folder of images")


def read_path(path: Path, options: FolderOptions, say: Callable[[str], None]) -> np.ndarray:
    """Read a file of images, or a folder of IDX files or of images. Raises UserError, OSError."""
    if path.is_dir():
        idx_files = [
            file
            for name in IDX_NAMES
            for ending in ("", ".gz")
            if (file := path / f"{name}{ending}").is_file()
        ]
        if not idx_files:
            return read_image_folder(path, options, say)
        if options != FolderOptions():
            raise UserError(f"{path} holds IDX files: leave out the options for image files")
        if images := [file.name for file in path.iterdir() if file.suffix.lower() in ENDINGS]:
            say(f"using {idx_files[0].name}, and not {len(images):,} images beside it")
        return read_idx(idx_files[0])
    if path.exists():
        match path.suffix.lower():
            case ".npy":
                return read_npy(path, say)
            case ".csv":
                return read_csv(path)
        if path.suffix.lower() != ".npz" and not zipfile.is_zipfile(path):
            raise UserError(
                f"{path} is no .npz, .npy or .csv; for image files, give the folder they are in"
            )
        return read_npz(path)
    raise UserError(
        f"no data {str(path)!r}: give auto, mnist, fashion, synthetic, or the path of an existing "
        "file or folder"
    )


def of_array(images: np.ndarray) -> Dataset:
    """The data set of an array in Python, uint8 [N, H, W] or [N, H, W, 1 or 3] in 0..255.

    Raises UserError for another type or shape, or sides that are not multiples of 4.
    """
    images = np.asarray(images)
    check_uint8(images.dtype, [images], "images")
    check_shape(images.shape, "images")
    return make_dataset(np.ascontiguousarray(images), ARRAY, ARRAY)


class Mnist(NamedTuple):
    """All images of MNIST, uint8 [60000 and 10000, 28, 28, 1], and their file.

    The file may hold other images instead: `is_real` checks this.
    """

    train: np.ndarray
    test: np.ndarray
    path: Path

    @property
    def is_real(self) -> bool:
        """Whether these are all the published images, in the published order."""
        pixels = self.train.tobytes() + self.test.tobytes()
        return hashlib.sha256(pixels).hexdigest() == MNIST_PIXELS


def load_mnist(source: str = "auto", say: Callable[[str], None] = print) -> Mnist:
    """Load both parts of MNIST: from GAN_DATA's file, the cache or the network, or from a path.

    Raises UserError if it cannot be found; the message says what to do.
    """
    if source == "auto":
        source = os.environ.get("GAN_DATA") or "auto"
    if source in ("auto", "mnist"):
        try:
            source = fetch(*MNIST, say)
        except Unreachable as error:
            raise UserError(
                f"this needs the real MNIST, but {error}; "
                "put mnist.npz somewhere and set GAN_DATA to its path"
            ) from None
    path = Path(source)
    if os.path.isdir(path):
        raise UserError(f"{path} is a folder; this needs MNIST as one .npz with x_train and x_test")
    with disk_errors("read", path):
        images = [read_npz(path, array) for array in ("x_train", "x_test")]
    images = [each[..., np.newaxis] if each.ndim == 3 else each for each in images]
    for each in images:
        if each.shape[1:] != (28, 28, 1):
            raise UserError(f"{path} is not MNIST: it has images {each.shape[1:]}, not (28, 28, 1)")
    return Mnist(*images, path)


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
    return Dataset(images, source, name, digest.hexdigest(), warning)


def built_in_digits(say: Callable[[str], None]) -> np.ndarray:
    """The 60,000 built-in digits, uint8 [N, 28, 28], drawn once and then cached."""
    path = cache_folder() / SYNTHETIC_CACHE
    try:
        return read_npz(path)
    except (OSError, UserError):
        pass  # not drawn yet, or damaged: draw them again
    say(f"drawing {SYNTHETIC_COUNT:,} digits (only once; takes some seconds)")
    images, labels = draw_digits(SYNTHETIC_COUNT, SYNTHETIC_SEED)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, x_train=images, y_train=labels)
    except OSError:
        pass  # if the home folder cannot be written to, they are drawn each time
    return images
