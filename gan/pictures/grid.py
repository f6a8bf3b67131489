"""Draws many images as one PNG, and grids or images one after another as a GIF."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from gan.data.pixels import to_pixels
from gan.support.files import replacing

ZOOM = 3  # screen pixels for one of ours: 28 pixels are too few to look at
GIF_FRAMES = 50  # at most, and of GIF_WIDTH pixels: together under 5 MB even for noise
GIF_WIDTH = 340
GIF_SECONDS = 8  # from the first frame to the last
GIF_GREYS, GIF_COLOURS = 16, 64
FILM_ZOOM = 8  # at most, as far as GIF_WIDTH has room for it
FILM_MILLISECONDS = 80  # for each image


def combine_images(generated_images: np.ndarray, columns: int | None = None) -> np.ndarray:
    """Lay images [N, H, W, C] out row by row as one mosaic [rows*H, columns*W, C].

    By default int(sqrt(N)) columns and as many rows as that takes, as in the d_on_g notebook. The
    rest of the last row is 0. The dtype is kept. Raises ValueError without images.
    """
    count, height, width, channels = generated_images.shape
    if count == 0:
        raise ValueError("no images to combine")
    columns = columns or math.isqrt(count)
    rows = math.ceil(count / columns)
    cells = np.zeros((rows * columns, height, width, channels), generated_images.dtype)
    cells[:count] = generated_images
    mosaic = cells.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    return mosaic.reshape(rows * height, columns * width, channels)


def draw_grid(images: np.ndarray, zoom: int = ZOOM, columns: int | None = None) -> Image.Image:
    """The mosaic of images [N, H, W, 1 or 3], each of their pixels `zoom` pixels wide.

    They are what `to_pixels` takes: float in [-1, 1], or uint8.
    """
    mosaic = combine_images(to_pixels(images), columns)
    mosaic = mosaic.repeat(zoom, axis=0).repeat(zoom, axis=1)
    return Image.fromarray(mosaic.squeeze(-1) if mosaic.shape[-1] == 1 else mosaic)


def save_grid(path: Path, images: np.ndarray, zoom: int = ZOOM, columns: int | None = None) -> None:
    """Write `draw_grid` of the images as a PNG, whole or not at all. Raises OSError."""
    picture = draw_grid(images, zoom, columns)
    with replacing(path) as temporary:
        picture.save(temporary, "PNG")


def read_picture(path: Path) -> Image.Image | None:
    """The picture at `path`, or None where it is missing, damaged, or too large for Pillow."""
    try:
        with Image.open(path) as image:
            image.load()
            return image
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None


def save_gif(path: Path, grids: Sequence[Path]) -> None:
    """Animate the PNG files `grids`, in order, or 50 of them from the first to the last.

    What is missing or damaged among them is left out; without any, nothing is written. Raises
    OSError.
    """
    grids = [grid for grid in grids if grid.exists()]
    chosen = np.linspace(0, len(grids) - 1, min(len(grids), GIF_FRAMES)).round().astype(int)
    frames = [frame for index in chosen if (frame := _gif_frame(grids[index]))]
    if not frames:
        return
    milliseconds = [max(40, 1000 * GIF_SECONDS // len(frames))] * (len(frames) - 1) + [2000]
    _write_gif(path, frames, milliseconds)


def film_zoom(width: int, most: int = FILM_ZOOM) -> int:
    """Screen pixels for one of ours in a GIF of pictures `width` of ours wide."""
    return max(1, min(most, GIF_WIDTH // width))


def save_film(path: Path, images: np.ndarray, zoom: int) -> None:
    """Animate images [N, H, W, 1 or 3], one after another, as a GIF. Raises OSError."""
    frames = [_few_colours(draw_grid(image[np.newaxis], zoom)) for image in images]
    _write_gif(path, frames, FILM_MILLISECONDS)


def _write_gif(path: Path, frames: list[Image.Image], milliseconds: int | list[int]) -> None:
    with replacing(path) as temporary:
        frames[0].save(
            temporary, "GIF", save_all=True, append_images=frames[1:], duration=milliseconds, loop=0
        )


def _gif_frame(grid: Path) -> Image.Image | None:
    """The grid with as many screen pixels for one of ours as GIF_WIDTH has room for, or None."""
    if (image := read_picture(grid)) is None:
        return None
    width, height = (size // ZOOM for size in image.size)
    zoom = film_zoom(width, ZOOM)
    return _few_colours(image.resize((width * zoom, height * zoom), Image.Resampling.NEAREST))


def _few_colours(frame: Image.Image) -> Image.Image:
    return frame.quantize(GIF_GREYS if frame.mode == "L" else GIF_COLOURS)
