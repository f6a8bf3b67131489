"""Read one image file: upright, in grey or in colour, with its transparency and its depth."""

import struct
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from gan.support.errors import UserError, disk_errors
from gan.support.memory import check_memory

ENDINGS = {".png", ".jpg", ".jpeg", ".mpo", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".avif"}
# MPO, which phones write, is a kind of JPEG to Pillow. To read others, Pillow may start programs.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "AVIF")
DEEP_MODES = {"I;16", "I;16L", "I;16B", "I;16N", "I", "F"}  # grey of more than 8 bits
DEEP_MODE = "F"  # what they become
MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"} | DEEP_MODES
LARGE = 2**24  # pixels of a JPEG that is decoded at reduced size; smaller ones keep their digest
BYTES_PER_PIXEL = 8  # while an image file is decoded: Pillow's four, for two copies


class Unread(Exception):
    """A file is no image of a kind that is read."""


class Damaged(Exception):
    """A file is an image, but cannot be decoded."""


class Photo(NamedTuple):
    """An image in the size that the training needs.

    `image` has the mode L or RGB; LA or RGBA if some of its pixels are transparent; DEEP_MODE, with
    values from `least` to `greatest`, if it is grey with more than 8 bits.
    """

    image: Image.Image
    is_first_of_several: bool  # pictures in its file
    least: float = 0.0
    greatest: float = 0.0

    @property
    def is_grey(self) -> bool:
        return self.image.mode not in ("RGB", "RGBA")

    @property
    def is_transparent(self) -> bool:
        return self.image.mode in ("LA", "RGBA")


def read_photo(file: Path, image_size: tuple[int, int] | None) -> Photo:
    """Read `file`, resized to (height, width) if `image_size` is given.

    Raises Unread, Damaged; UserError for a file that may not be read or is too large.
    """
    with disk_errors("read", file):
        file.open("rb").close()  # Pillow's own OSErrors mean a damaged file
    try:
        with Image.open(file, formats=FORMATS) as image:
            needed = BYTES_PER_PIXEL * image.width * image.height
            check_memory(needed, f"to read {file} ({_size(image)} pixels)", "make it smaller")
            several = getattr(image, "is_animated", False)
            if image_size and image.width * image.height > LARGE:
                image.draft(None, (2 * max(image_size),) * 2)  # only JPEG has this
            return _prepare(ImageOps.exif_transpose(image), image_size, several, file)
    except UserError:
        raise
    except UnidentifiedImageError:
        kind = Damaged if file.suffix.lower() in ENDINGS else Unread
        raise kind from None
    except Image.DecompressionBombError:
        raise UserError(f"{file} has more pixels than Pillow reads; make it smaller") from None
    except (OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError):
        raise Damaged from None
    except (struct.error, zlib.error, OverflowError, RuntimeError):
        raise Damaged from None


def _prepare(image: Image.Image, image_size: tuple | None, several: bool, file: Path) -> Photo:
    if image.mode not in MODES:
        raise UserError(f"{file} has mode {image.mode}; convert it to grey or RGB")
    is_grey = image.mode in ("1", "L", "LA")
    if image.mode in DEEP_MODES:
        if image.has_transparency_data:
            raise UserError(f"{file} has 16 bits and a transparent grey; convert it to 8 bits")
        values = np.asarray(image, np.float32)
        if not np.isfinite(values).all():
            raise UserError(f"{file} has pixels that are NaN or infinite; convert it to 8 bits")
        least, greatest = float(values.min()), float(values.max())
        return Photo(_resize(Image.fromarray(values), image_size), several, least, greatest)
    if image.has_transparency_data:
        with_alpha = image.convert("LA" if is_grey else "RGBA")
        if with_alpha.getextrema()[-1][0] < 255:  # Pillow's resize weighs colours by their alpha
            return Photo(_resize(with_alpha, image_size), several)
    return Photo(_resize(image.convert("L" if is_grey else "RGB"), image_size), several)


def _resize(image: Image.Image, image_size: tuple | None) -> Image.Image:
    if image_size is None:
        return image
    height, width = image_size
    return image.resize((width, height), Image.Resampling.LANCZOS)


def _size(image: Image.Image) -> str:
    return f"{image.height:,}x{image.width:,}"
