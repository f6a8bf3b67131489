"""Read one image file: upright, in grey or in colour, with its transparency and its depth."""

import struct
import zlib
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from gan.support.errors import UserError, disk_errors
from gan.support.memory import check_memory

ENDINGS = {".png", ".jpg", ".jpeg", ".mpo", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".avif"}
# A camera's raw files look like TIFF, but are only a thumbnail to Pillow.
RAW_ENDINGS = {".nef", ".dng", ".arw", ".cr2", ".cr3", ".orf", ".raf", ".rw2", ".pef", ".srw"}
# MPO, which phones write, is a kind of JPEG to Pillow. To read others, Pillow may start programs.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "AVIF")
DEEP_MODES = {"I;16", "I;16L", "I;16B", "I;16N", "I", "F"}  # grey of more than 8 bits
DEEP_MODE = "F"  # what they become
MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"} | DEEP_MODES
LARGE = 2**24  # pixels of a JPEG that is decoded at reduced size; smaller ones keep their digest
BYTES_PER_PIXEL = 8  # while an image file is decoded: Pillow's four, for two copies
DAMAGE = (  # what Pillow raises for damaged files
    *(OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, OverflowError),
    *(RuntimeError, struct.error, zlib.error),
)
ORIENTATION = 0x0112  # EXIF's tag, and how to turn an image that has it
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SUBFILE_TYPE, PHOTOMETRIC, BITS, SAMPLE_FORMAT = 254, 262, 258, 339  # tags of TIFF
PNG_KEY_FACTORS = {"L;2": 85, "L;4": 17}  # Pillow scales the pixels, but not the transparent grey


class Unread(Exception):
    """A file is no image of a kind that is read."""


class Damaged(Exception):
    """A file is an image, but cannot be decoded or used. The text says why, if it is known."""


class Photo(NamedTuple):
    """An image in the size that the training needs.

    `image` has the mode L or RGB; LA or RGBA if some of its pixels are transparent; DEEP_MODE, with
    values from `least` to `greatest`, if it is grey with more than 8 bits.
    """

    image: Image.Image
    is_first_of_several: bool  # pictures in its file
    lost_bits: bool = False  # its colours have 16 bits, and the upper 8 are used
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

    Raises Unread, Damaged; UserError for an image that may not be read or is too large.
    """
    is_image_by_name = file.suffix.lower() in ENDINGS
    if is_image_by_name:
        with disk_errors("read", file):
            file.open("rb").close()  # Pillow's own OSErrors mean a damaged file
    elif file.suffix.lower() in RAW_ENDINGS:
        raise Unread
    try:
        image = Image.open(file, formats=FORMATS)
    except Image.DecompressionBombError:
        raise UserError(f"{file} has more pixels than Pillow reads; make it smaller") from None
    except DAMAGE:
        raise (Damaged if is_image_by_name else Unread) from None
    with image:
        tags = tiff_tags(image)
        raw_mode = str(image.tile[0][3]) if image.tile else ""
        if tags.get(SUBFILE_TYPE) == (1,):  # a thumbnail
            raise Unread
        size = f"{image.height:,}x{image.width:,} pixels"
        needed = BYTES_PER_PIXEL * image.width * image.height
        check_memory(needed, f"to read {file} ({size})", "make it smaller")
        if image_size and image.width * image.height > LARGE:
            image.draft(None, (2 * max(image_size),) * 2)  # only JPEG has this
        try:
            image.load()
            upright = turned(image)
        except DAMAGE:
            raise Damaged from None
        several = False
        with suppress(*DAMAGE):  # what follows the first picture may be damaged
            several = getattr(image, "is_animated", False)
    if upright.mode not in MODES:
        raise Damaged(f"{upright.mode} colours")
    if upright.mode in DEEP_MODES:
        values = deep_values(upright, tags)
        least, greatest = float(values.min()), float(values.max())
        return Photo(resized(Image.fromarray(values), image_size), several, False, least, greatest)
    if 2 in tags.get(SAMPLE_FORMAT, ()):
        raise Damaged("signed bytes")
    lost_bits = ";16" in raw_mode
    scale_key(upright, raw_mode)
    return Photo(resized(as_eight_bits(upright), image_size), several, lost_bits)


def tiff_tags(image: Image.Image) -> dict[int, tuple]:
    """The values of those tags of a TIFF that Pillow does not apply itself."""
    tags = {}
    for tag in (SUBFILE_TYPE, PHOTOMETRIC, BITS, SAMPLE_FORMAT) if image.format == "TIFF" else ():
        with suppress(*DAMAGE):  # it has no such tag, or a damaged one
            tags[tag] = tuple(np.ravel(image.tag_v2[tag]).tolist())
    return tags


def turned(image: Image.Image) -> Image.Image:
    """The image as its camera was held."""
    orientation = None
    with suppress(*DAMAGE):  # other tags of EXIF may be damaged
        orientation = image.getexif().get(ORIENTATION)
    return image.transpose(TURNS[orientation]) if orientation in TURNS else image.copy()


def deep_values(image: Image.Image, tags: dict) -> np.ndarray:
    """The greys of an image of more than 8 bits, float32 [H, W]; the brightest is the largest."""
    if image.has_transparency_data:
        raise Damaged("16 bits and a transparent grey")
    values = np.asarray(image)
    if image.mode == "I" and tags.get(BITS) == (32,) and tags.get(SAMPLE_FORMAT, (1,)) == (1,):
        values = values.view(np.uint32)  # Pillow takes them as signed
    values = values.astype(np.float32)
    if not np.isfinite(values).all():
        raise Damaged("pixels that are NaN or infinite")
    return -values if tags.get(PHOTOMETRIC) == (0,) else values  # 0 is white


def scale_key(image: Image.Image, raw_mode: str) -> None:
    """Give the transparent colour of a PNG the range of its pixels."""
    key = image.info.get("transparency")
    if raw_mode in PNG_KEY_FACTORS and isinstance(key, int):
        image.info["transparency"] = key * PNG_KEY_FACTORS[raw_mode]
    if raw_mode == "RGB;16B" and isinstance(key, tuple):
        image.info["transparency"] = tuple(value >> 8 for value in key)


def as_eight_bits(image: Image.Image) -> Image.Image:
    """The image in mode L or RGB, or in LA or RGBA if some of its pixels are transparent."""
    is_grey = image.mode in ("1", "L", "LA")
    if image.has_transparency_data:
        with_alpha = image.convert("LA" if is_grey else "RGBA")
        if with_alpha.getextrema()[-1][0] < 255:
            return with_alpha
    return image.convert("L" if is_grey else "RGB")


def resized(image: Image.Image, image_size: tuple | None) -> Image.Image:
    """The image in (height, width). Transparent pixels lend their colour to no other pixel."""
    if image_size is None:
        return image
    return image.resize(image_size[::-1], Image.Resampling.LANCZOS)
