"""Read files that hold arrays of images: Keras' .npz, NumPy's .npy, MNIST's IDX, MNIST as .csv.

Never unpickles anything, and reads no more bytes than the images need.
"""

import gzip
import lzma
import math
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tokenize import TokenError
from typing import BinaryIO

import numpy as np

from gan.recipe import is_side
from gan.support.errors import UserError
from gan.support.memory import check_memory

COPIES = 3  # of all images that are in memory at once, at most: while a training begins
BLOCK = 2**24  # bytes that are read at a time
IDX_NAMES = ("train-images-idx3-ubyte", "train-images.idx3-ubyte")
MNIST_COLUMNS = 28 * 28
SIDES = "in multiples of 4 from 12 to 1024"


def check_shape(shape: tuple, where: str) -> None:
    """Raise UserError unless the nets can make images of `shape` and memory can hold them."""
    channels = shape[3:] or (1,)
    if len(shape) == 4 and shape[1] <= 4 < shape[3]:
        raise UserError(
            f"{where} has the shape {shape}, most likely [N, channels, H, W]; "
            "give [N, H, W, channels]: numpy.transpose(images, (0, 2, 3, 1)) "
            f"(or, if these are frames, images.reshape(-1, {shape[2]}, {shape[3]}))"
        )
    if len(shape) == 4 and shape[3] in (2, 4):
        raise UserError(f"{where} has {shape[3]} channels; convert the images to grey or RGB")
    if len(shape) not in (3, 4) or channels not in ((1,), (3,)):
        raise UserError(f"{where} has the shape {shape}; it must be [N, H, W] or [N, H, W, 1 or 3]")
    check_sides(shape[1:3], where)
    check_set_fits(shape, where)


def check_sides(sides: tuple, where: str) -> None:
    """Raise UserError unless images may have this height and width."""
    if not all(map(is_side, sides)):
        raise UserError(
            f"{where}: an image is {sides[0]}x{sides[1]}, and both sides must be multiples of 4 "
            "from 12 to 1024 (MNIST's are 28x28); for a folder of images use --image-size"
        )


def check_set_fits(shape: tuple, where: str) -> None:
    """Raise UserError if memory cannot hold images of `shape` while a training begins."""
    images = f"{where}: to train on {shape[0]:,} images {shape[1]}x{shape[2]}"
    check_memory(COPIES * math.prod(shape), images, "use fewer or smaller images")


def check_uint8(dtype: np.dtype, blocks: Iterable[np.ndarray], where: str) -> None:
    """Raise UserError unless `dtype` is uint8; the message says how to convert these values."""
    if dtype == np.uint8:
        return
    wrong = f"{where} is {dtype}; it must be uint8, 0..255"
    if dtype.kind not in "biuf":
        raise UserError(wrong)
    ranges = [(float(block.min()), float(block.max())) for block in blocks if block.size]
    if not ranges:
        raise UserError(wrong)
    least, greatest = min(low for low, _ in ranges), max(high for _, high in ranges)
    if not np.isfinite(ranges).all():
        raise UserError(f"{wrong}, and it holds values that are NaN or infinite")
    if least >= 0 and greatest <= 1:
        scaled = "images * 255"
    elif least >= -1 and greatest <= 1:
        scaled = "(images + 1) * 127.5"
    elif least >= 0 and greatest <= 255:
        scaled = "images"
    else:
        scaled = f"numpy.interp(images, ({least!r}, {greatest!r}), (0, 255))"
    raise UserError(
        f"{wrong}. Its values are from {least:g} to {greatest:g}: "
        f"convert it with numpy.round({scaled}).astype('uint8')"
    )


def read_npz(path: Path, array: str = "x_train") -> np.ndarray:
    """Read `array` of an .npz: images uint8 [N, H, W] or [N, H, W, C]. Never unpickles anything.

    Raises UserError, OSError.
    """
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{array}.npy") as member:
            shape, order = read_header(member, f"{path}: {array}")
            check_shape(shape, f"{path}: {array}")
            return read_pixels(member, shape, path, order)
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
            if len(shape) == 4 and min(shape[1], shape[3]) > 4:
                frames, sequences, *size = shape
                check_shape((frames * sequences, *size), str(path))
                say(
                    f"{path.name} has the shape [{frames}, {sequences}, {size[0]}, {size[1]}]: "
                    f"using all {frames * sequences:,} frames of {sequences:,} sequences as images"
                )
                return read_pixels(file, shape, path, order).reshape(-1, *size)
            check_shape(shape, str(path))
            return read_pixels(file, shape, path, order)
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
    if not all(type(size) is int and 0 <= size < 2**63 for size in shape):
        raise ValueError("its header is damaged: it has a size that no array has")
    check_uint8(dtype, _blocks(file, dtype), where)
    return shape, "F" if fortran_order else "C"


def _blocks(file: BinaryIO, dtype: np.dtype) -> Iterator[np.ndarray]:
    """The rest of `file`, as arrays of numbers."""
    while block := file.read(BLOCK):
        yield np.frombuffer(block[: len(block) // dtype.itemsize * dtype.itemsize], dtype)


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


def read_csv(path: Path) -> np.ndarray:
    """Read images uint8 [N, 28, 28] from a .csv as MNIST is often published.

    A row has a label and 784 pixels, or only the pixels. The first row may be a header; then the
    label may also be the last column. Raises UserError, OSError.
    """
    check_memory(path.stat().st_size, f"to read {path}", "use fewer rows")
    try:
        with path.open(encoding="utf-8-sig") as file:
            first = [cell.strip(' "') for cell in file.readline().strip().split(",")]
            is_header = is_name(first[-1])
            file.seek(0)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it has no rows: said below
                rows = np.loadtxt(
                    file, np.uint8, None, ",", skiprows=int(is_header), ndmin=2, quotechar='"'
                )
    except ValueError as error:
        raise UserError(
            f"{path} cannot be read as .csv: {str(error).splitlines()[0][:200]}; it must have a "
            "label and 784 pixels from 0 to 255 in each row, separated by commas"
        ) from None
    if not len(rows):
        return np.empty((0, 28, 28), np.uint8)
    if rows.shape[1] not in (MNIST_COLUMNS, 1 + MNIST_COLUMNS):
        raise UserError(
            f"{path} has {rows.shape[1]} columns; it must have 785, a label and 784 pixels, "
            "or only the 784 pixels"
        )
    # The names of pixels end with their numbers, the name of the label does not.
    is_label_last = is_header and first[0][-1:].isdecimal() and not first[-1][-1:].isdecimal()
    pixels = rows[:, :MNIST_COLUMNS] if is_label_last else rows[:, -MNIST_COLUMNS:]
    if not is_header and rows.shape[1] > MNIST_COLUMNS:
        first_column, last_column = rows[:, 0].max(), rows[:, -1].max()
        if first_column == 0 < last_column <= 9:
            raise UserError(f"{path}: the label must be the first of 785 columns, not the last")
    return np.ascontiguousarray(pixels).reshape(-1, 28, 28)


def is_name(cell: str) -> bool:
    """Whether a cell of a .csv is a column's name: neither empty nor a number."""
    try:
        float(cell)
    except ValueError:
        return bool(cell)
    return False


def read_pixels(file: BinaryIO, shape: tuple, path: Path, order: str = "C") -> np.ndarray:
    """Read the rest of `file` as uint8 pixels of `shape`. UserError if it has fewer or more."""
    size = math.prod(shape)
    pixels, done = np.empty(size, np.uint8), 0
    while done < size and (count := file.readinto(memoryview(pixels)[done : done + BLOCK])):
        done += count
    if done < size or file.read(1):
        raise UserError(f"{path} is damaged: it does not hold the {size} pixels of its header")
    return np.ascontiguousarray(pixels.reshape(shape, order=order))
