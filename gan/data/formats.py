"""Read image files as arrays: Keras' .npz, NumPy's .npy, MNIST's IDX, a folder of image files.

Never unpickles anything, and reads no more bytes than the images need.
"""

import gzip
import lzma
import math
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from tokenize import TokenError
from typing import BinaryIO

import numpy as np

from gan.recipe import is_side
from gan.support.errors import UserError

IMAGE_ENDINGS = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp"}
IMAGE_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP")  # to read others, Pillow may start programs
EIGHT_BIT_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"}
LARGEST_SET = 2**31  # bytes of all images; several copies must fit into memory
LARGEST_IMAGE = 2**24  # pixels of one image file; larger images cannot be meant for training
IDX_NAMES = ("train-images-idx3-ubyte", "train-images.idx3-ubyte")


def check_shape(shape: tuple, where: str) -> None:
    """Raise UserError unless the nets can make images of `shape` and memory can hold them."""
    sides, channels = shape[1:3], shape[3:] or (1,)
    if len(shape) not in (3, 4) or channels not in ((1,), (3,)):
        raise UserError(f"{where} has the shape {shape}; it must be [N, H, W] or [N, H, W, 1 or 3]")
    if not all(map(is_side, sides)):
        raise UserError(
            f"{where}: an image is {sides[0]}x{sides[1]}, and both sides must be multiples of 4 "
            "from 12 to 1024 (MNIST's are 28x28); for a folder of images use --image-size"
        )
    if not 0 <= math.prod(shape) <= LARGEST_SET:
        raise UserError(f"{where} claims to hold {shape[0]:,} images, more than fit into memory")


def read_npz(path: Path, array: str = "x_train") -> np.ndarray:
    """Read `array` of an .npz: images uint8 [N, H, W] or [N, H, W, C]. Never unpickles anything.

    Raises UserError, OSError.
    """
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{array}.npy") as member:
            shape, order = read_header(member, f"{path}: {array}")
            check_shape(shape, f"{path}: {array}")
            return np.ascontiguousarray(read_pixels(member, shape, path, order))
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError):
        raise UserError(f"{path} is not an .npz file, or is damaged") from None
    except KeyError:
        raise UserError(f"{path} has no array {array!r}") from None
    except UserError:
        raise
    except RuntimeError:
        raise UserError(f"{path} is encrypted or compressed in a way Python cannot read") from None
    except ValueError as error:
        raise UserError(f"{path}: {array} cannot be read: {str(error).splitlines()[0]}") from None


def read_npy(path: Path, say: Callable[[str], None]) -> np.ndarray:
    """Read images uint8 [N, H, W] or [N, H, W, C] from an .npy file. Never unpickles anything.

    [T, N, H, W], N sequences of T frames as in Moving MNIST, becomes [T * N, H, W]; `say` prints
    that. Raises UserError, OSError.
    """
    try:
        with path.open("rb") as file:
            shape, order = read_header(file, str(path))
            if order == "F":
                raise UserError(
                    f"{path} is in Fortran order; save it again with "
                    "numpy.save(path, numpy.ascontiguousarray(images))"
                )
            if len(shape) == 4 and shape[3] in (2, 4):
                raise UserError(
                    f"{path} has {shape[3]} channels; convert the images to grey or RGB"
                )
            if len(shape) == 4 and shape[3] not in (1, 3):
                frames, sequences, *size = shape
                shape = (frames * sequences, *size)
                check_shape(shape, str(path))
                say(
                    f"{path.name} has the shape [{frames}, {sequences}, {size[0]}, {size[1]}]: "
                    f"using all {shape[0]:,} frames of {sequences:,} sequences as images"
                )
            check_shape(shape, str(path))
            return read_pixels(file, shape, path)
    except UserError:
        raise
    except (ValueError, EOFError) as error:
        raise UserError(f"{path} cannot be read as .npy: {str(error).splitlines()[0]}") from None


def read_header(file: BinaryIO, where: str) -> tuple[tuple, str]:
    """Read the header of an .npy of uint8: its shape, and its order, C or F.

    Raises UserError, or ValueError if it is not the header of an .npy.
    """
    if np.lib.format.read_magic(file) != (1, 0):  # its header is at most 64 KiB
        raise UserError(f"{where} is not in version 1.0 of the .npy format")
    try:
        shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
    except (TokenError, SyntaxError, TypeError, RecursionError, MemoryError):
        raise ValueError("its header is damaged") from None
    if dtype != np.uint8:
        raise UserError(f"{where} is {dtype}; it must be uint8, 0..255")
    if min(shape, default=0) < 0:
        raise ValueError("its header has a negative size")
    return shape, "F" if fortran_order else "C"


def read_idx(path: Path) -> np.ndarray:
    """Read images uint8 [N, H, W] from an IDX file, MNIST's published format, gzipped or not."""
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
            header = np.frombuffer(file.read(16), ">u4")
            if len(header) < 4 or header[0] != 0x803:  # unsigned byte, three dimensions
                raise UserError(f"{path} is not an IDX file of images")
            shape = tuple(int(size) for size in header[1:])
            check_shape(shape, str(path))
            return read_pixels(file, shape, path)
    except (gzip.BadGzipFile, zlib.error, EOFError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path} is damaged: {error}") from None


def read_pixels(file: BinaryIO, shape: tuple, path: Path, order: str = "C") -> np.ndarray:
    """Read the rest of `file` as uint8 pixels of `shape`. UserError if it has fewer or more."""
    size = math.prod(shape)
    pixels = bytearray()
    while len(pixels) <= size and (block := file.read(min(2**24, size + 1 - len(pixels)))):
        pixels += block
    if len(pixels) != size:
        raise UserError(f"{path} is damaged: it does not hold the {size} pixels of its header")
    return np.frombuffer(bytes(pixels), np.uint8).reshape(shape, order=order)


def read_image_folder(folder: Path, image_size: tuple[int, int] | None) -> np.ndarray:
    """Read images uint8 [N, H, W, 1 or 3], in order of file name, from a folder of image files.

    If not all images are grey, all are converted to RGB. `image_size` is the (height, width) to
    resize them to; without it, all images must have the size of the first.
    """
    from PIL import Image

    files = [
        file
        for file in sorted(folder.iterdir())
        if file.suffix.lower() in IMAGE_ENDINGS and file.is_file()
    ]
    home = folder.resolve()
    for file in files:
        if file.is_symlink() and not file.resolve().is_relative_to(home):
            raise UserError(f"{file} links to a file outside the folder; copy that image into it")
    if not files:
        raise UserError(
            f"{folder} holds neither {IDX_NAMES[0]} nor image files (subfolders are not read)"
        )
    images, resize = [], image_size is not None
    for file in files:
        try:
            with Image.open(file, formats=IMAGE_FORMATS) as image:  # reads the header only
                if image.width * image.height > LARGEST_IMAGE:
                    raise UserError(f"{file} is too large: {image.height}x{image.width} pixels")
                height, width = image_size = image_size or (image.height, image.width)
                check_shape((len(files), height, width, 3), str(file))
                if image.size != (width, height) and not resize:
                    raise UserError(
                        f"{file} is {image.height}x{image.width} and the first image "
                        f"{height}x{width}; --image-size resizes all images"
                    )
                if image.mode not in EIGHT_BIT_MODES:
                    raise UserError(f"{file} has mode {image.mode}; convert it to 8 bits a channel")
                image = image.convert("L" if image.mode in ("1", "L", "LA") else "RGB")
                images.append(image.resize((width, height), Image.Resampling.LANCZOS))
        except UserError:
            raise
        except (Image.DecompressionBombError, SyntaxError, ValueError, OSError):
            raise UserError(f"{file} is not an image, or is damaged") from None
    mode = "L" if all(image.mode == "L" for image in images) else "RGB"
    pixels = np.stack([np.asarray(image.convert(mode), np.uint8) for image in images])
    return pixels.reshape(len(images), height, width, len(mode))
