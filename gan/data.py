"""Where images come from: MNIST, Fashion-MNIST, the user's own, or the built-in digits.

Every source ends as the same thing: uint8 images [N, H, W, C] in 0..255, a name and a digest.
No pickle is ever read, and no more bytes than the images need.
"""

from __future__ import annotations

import gzip
import hashlib
import lzma
import math
import os
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from gan.digits import draw_digits
from gan.download import FASHION, MNIST, Unreachable, cache_folder, fetch
from gan.errors import UserError
from gan.files import replacing

SYNTHETIC_COUNT, SYNTHETIC_SEED = 60_000, 0
SYNTHETIC_CACHE = "gan-digits-1.npz"  # a new number whenever the drawing changes
IMAGE_ENDINGS = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp"}
EIGHT_BIT_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"}
LARGEST_SET = 2**31  # bytes of all images; they must fit into memory, more than once
LARGEST_IMAGE = 2**24  # pixels of a file in a folder; more is no picture to train on
IDX_NAMES = ("train-images-idx3-ubyte", "train-images.idx3-ubyte")


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
            return load_images(named, image_size, say)
        try:
            return load_images("mnist", say=say)
        except Unreachable as error:
            warning = (
                f"NOT MNIST: {error}. Training on the built-in drawn digits instead. "
                "For MNIST put mnist.npz somewhere and set GAN_DATA to its path."
            )
            return load_images("synthetic", say=say)._replace(warning=warning)
    path = Path(source)
    if image_size and not path.is_dir():
        raise UserError("--image-size goes with --data FOLDER, a folder of images")
    if source == "mnist":
        return describe(read_npz(fetch(*MNIST, say)), source, "MNIST")
    if source == "fashion":
        return describe(read_idx(fetch(*FASHION, say)), source, "Fashion-MNIST")
    if source == "synthetic":
        return describe(built_in_digits(say), source, "the built-in digits")

    try:
        if path.is_dir():
            idx_files = [
                file
                for name in IDX_NAMES
                for ending in ("", ".gz")
                if (file := path / f"{name}{ending}").is_file()
            ]
            if idx_files and not image_size:
                images = read_idx(idx_files[0])
            else:
                images = read_image_folder(path, image_size)
        elif path.exists():
            images = read_npz(path)
        else:
            raise UserError(
                f"no data {source!r}: it is neither auto, mnist, fashion or synthetic, nor a path"
            )
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None
    return describe(images, str(path.resolve()), path.name)._replace(resized_to=image_size)


class Mnist(NamedTuple):
    """All of MNIST: uint8 images [60000 and 10000, 28, 28, 1]; labels [N] in 0..9, or None."""

    train: np.ndarray
    test: np.ndarray
    train_labels: np.ndarray | None
    test_labels: np.ndarray | None


def load_mnist(source: str = "auto", say: Callable[[str], None] = print) -> Mnist:
    """Load both parts of MNIST: from GAN_DATA's file, the cache or the network, or from a path.

    Raises UserError when it is not to be had, with what to do.
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
    try:
        images = [read_npz(path, array) for array in ("x_train", "x_test")]
        images = [each[..., np.newaxis] if each.ndim == 3 else each for each in images]
        with np.load(path, allow_pickle=False) as archive:
            labels = [archive.get(name) for name in ("y_train", "y_test")]
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    except UserError:
        raise
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{path} cannot be read as MNIST: {error}") from None
    for each in images:
        if each.shape[1:] != (28, 28, 1):
            raise UserError(f"{path} is not MNIST: it has images {each.shape[1:]}, not (28, 28, 1)")
    return Mnist(*images, *labels)


def describe(images: np.ndarray, source: str, name: str) -> Dataset:
    """The data set of `images` [N, H, W] or [N, H, W, C] with its digest."""
    if len(images) == 0:
        raise UserError(f"{source} holds no images")
    digest = hashlib.sha256(repr(images.shape).encode() + images.tobytes()).hexdigest()
    if images.ndim == 3:
        images = images[..., np.newaxis]
    return Dataset(images, source, name, digest)


def check_shape(shape: tuple, where: str) -> None:
    """Raise UserError unless `shape` is one of images the nets can make and memory can hold."""
    sides, channels = shape[1:3], shape[3:] or (1,)
    if len(shape) not in (3, 4) or channels not in ((1,), (3,)):
        raise UserError(f"{where} has the shape {shape}; it must be [N, H, W], [N, H, W, 1 or 3]")
    if any(side % 4 or not 12 <= side <= 1024 for side in sides):
        raise UserError(
            f"{where} holds {sides[0]}x{sides[1]} images; both sides must be multiples of 4 "
            "from 12 to 1024 (MNIST's are 28x28); a folder of images takes --image-size"
        )
    if not 0 <= math.prod(shape) <= LARGEST_SET:
        raise UserError(f"{where} claims to hold {shape[0]:,} images, more than fit into memory")


def read_npz(path: Path, array: str = "x_train") -> np.ndarray:
    """Images uint8 [N, H, W] or [N, H, W, C] from `array` of an .npz, never unpickling anything."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{array}.npy") as member:
            version = np.lib.format.read_magic(member)
            read_header = getattr(np.lib.format, f"read_array_header_{version[0]}_0")
            shape, fortran_order, dtype = read_header(member)
            if dtype != np.uint8:
                raise UserError(f"{path}: {array} is {dtype}; it must be uint8 pixels in 0..255")
            check_shape(shape, f"{path}: {array}")
            order = "F" if fortran_order else "C"
            return np.ascontiguousarray(read_pixels(member, shape, path, order))
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, AttributeError):
        raise UserError(f"{path} is no .npz file, or a damaged one") from None
    except KeyError:
        raise UserError(f"{path} has no array {array!r}") from None
    except UserError:
        raise
    except RuntimeError:
        raise UserError(f"{path} is encrypted or packed in a way Python cannot read") from None
    except ValueError as error:
        raise UserError(f"{path}: {array} cannot be read: {str(error).splitlines()[0]}") from None


def read_idx(path: Path) -> np.ndarray:
    """Images uint8 [N, H, W] from an IDX file as MNIST is published in, gzipped or not."""
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
            header = np.frombuffer(file.read(16), ">u4")
            if len(header) < 4 or header[0] != 0x803:  # unsigned byte, three dimensions
                raise UserError(f"{path} is no IDX file of images")
            shape = tuple(int(size) for size in header[1:])
            check_shape(shape, str(path))
            return read_pixels(file, shape, path)
    except (gzip.BadGzipFile, zlib.error, EOFError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path} is damaged: {error}") from None


def read_pixels(file: BinaryIO, shape: tuple, path: Path, order: str = "C") -> np.ndarray:
    """The uint8 pixels of `shape` that end `file`; UserError when it has fewer or more."""
    size = math.prod(shape)
    pixels = bytearray()
    while len(pixels) <= size and (block := file.read(min(2**24, size + 1 - len(pixels)))):
        pixels += block
    if len(pixels) != size:
        raise UserError(f"{path} is damaged: its header speaks of {size} pixels, not what it holds")
    return np.frombuffer(bytes(pixels), np.uint8).reshape(shape, order=order)


def read_image_folder(folder: Path, image_size: tuple[int, int] | None) -> np.ndarray:
    """Images uint8 [N, H, W, 1 or 3], in order of file name, from a folder of image files.

    They are all grey, or else all made RGB; `image_size` is (height, width), by default the
    first one's, which the others must have too.
    """
    from PIL import Image, UnidentifiedImageError

    files = [
        file
        for file in sorted(folder.iterdir())
        if file.suffix.lower() in IMAGE_ENDINGS and file.is_file()
    ]
    home = folder.resolve()
    for file in files:
        if file.is_symlink() and not file.resolve().is_relative_to(home):
            raise UserError(f"{file} is a link out of the folder; copy the image there instead")
    if not files:
        raise UserError(f"{folder} itself holds neither {IDX_NAMES[0]} nor image files")
    images, resize = [], image_size is not None
    for file in files:
        try:
            with Image.open(file) as image:  # reads the header only
                if image.width * image.height > LARGEST_IMAGE:
                    raise UserError(f"{file} is too large: {image.width}x{image.height} pixels")
                height, width = image_size = image_size or (image.height, image.width)
                check_shape((len(files), height, width, 3), str(file))
                if image.size != (width, height) and not resize:
                    raise UserError(
                        f"{file} is {image.height}x{image.width} and the first image "
                        f"{height}x{width}; --image-size makes them equal"
                    )
                if image.mode not in EIGHT_BIT_MODES:
                    raise UserError(f"{file} is of mode {image.mode}; make it 8 bits a channel")
                image = image.convert("L" if image.mode in ("1", "L", "LA") else "RGB")
                images.append(image.resize((width, height), Image.Resampling.LANCZOS))
        except (UnidentifiedImageError, Image.DecompressionBombError, SyntaxError, OSError):
            raise UserError(f"{file} is no image, or a damaged one") from None
    mode = "L" if all(image.mode == "L" for image in images) else "RGB"
    pixels = np.stack([np.asarray(image.convert(mode), np.uint8) for image in images])
    return pixels.reshape(len(images), height, width, len(mode))


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
