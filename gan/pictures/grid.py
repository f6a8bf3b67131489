"""Draw many images as one PNG, and animate grids or images as a GIF."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from gan.data.pixels import to_pixels
from gan.support.files import replacing

ZOOM = 3  # screen pixels per image pixel: at 28 screen pixels a digit is too small to see
GIF_FRAMES = 50  # at most; with frames of GIF_WIDTH pixels the GIF is under 5 MB even for noise
GIF_WIDTH = 340
GIF_SECONDS = 8  # from the first frame to the last
GIF_GREYS, GIF_COLOURS = 16, 64
GIF_ZOOM = 8  # at most; less if GIF_WIDTH has no room for it
GIF_MILLISECONDS = 80  # for each image


def combine_images(generated_images: np.ndarray, columns: int | None = None) -> np.ndarray:
    """Arrange images [N, H, W, C] row by row in one mosaic [rows*H, columns*W, C].

    The default is int(sqrt(N)) columns and as many rows as needed, as in the d_on_g notebook. The
    rest of the last row is 0. The dtype is kept. Raises ValueError if there are no images.
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
    """Draw images [N, H, W, 1 or 3] as a mosaic, with each pixel enlarged `zoom` times.

    The images are float in [-1, 1] or uint8, as for `to_pixels`.
    """
    mosaic = combine_images(to_pixels(images), columns)
    mosaic = mosaic.repeat(zoom, axis=0).repeat(zoom, axis=1)
    return Image.fromarray(mosaic.squeeze(-1) if mosaic.shape[-1] == 1 else mosaic)


def save_grid(path: Path, images: np.ndarray, zoom: int = ZOOM, columns: int | None = None) -> None:
    """Write `draw_grid` of the images as a PNG, completely or not at all. Raises OSError."""
    picture = draw_grid(images, zoom, columns)
    with replacing(path) as temporary:
        picture.save(temporary, "PNG")


def read_picture(path: Path) -> Image.Image | None:
    """The picture at `path`, or None if it is missing, damaged, or too large for Pillow."""
    try:
        with Image.open(path) as image:
            image.load()
            return image
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None


def save_gif(path: Path, grids: Sequence[Path]) -> None:
    """Animate the PNG files `grids` in order, at most 50, spread from the first to the last.

    Missing or damaged files are left out. If no file is left, nothing is written. Raises OSError.
    """
    grids = [grid for grid in grids if grid.exists()]
    chosen = np.linspace(0, len(grids) - 1, min(len(grids), GIF_FRAMES)).round().astype(int)
    frames = [frame for index in chosen if (frame := _gif_frame(grids[index]))]
    if not frames:
        return
    milliseconds = [max(40, 1000 * GIF_SECONDS // len(frames))] * (len(frames) - 1) + [2000]
    _write_gif(path, frames, milliseconds)


def gif_zoom(width: int, most: int = GIF_ZOOM) -> int:
    """The zoom, 1 to `most`, at which an image of `width` pixels fits into GIF_WIDTH."""
    return max(1, min(most, GIF_WIDTH // width))


def save_images_gif(path: Path, images: np.ndarray, zoom: int) -> None:
    """Animate images [N, H, W, 1 or 3], one after another, as a GIF. Raises OSError."""
    frames = [_few_colours(draw_grid(image[np.newaxis], zoom)) for image in images]
    _write_gif(path, frames, GIF_MILLISECONDS)


def _write_gif(path: Path, frames: list[Image.Image], milliseconds: int | list[int]) -> None:
    with replacing(path) as temporary:
        frames[0].save(
            temporary, "GIF", save_all=True, append_images=frames[1:], duration=milliseconds, loop=0
        )


def _gif_frame(grid: Path) -> Image.Image | None:
    """The grid, enlarged as far as GIF_WIDTH has room, or None if it cannot be read."""
    if (image := read_picture(grid)) is None:
        return None
    width, height = (size // ZOOM for size in image.size)
    zoom = gif_zoom(width, ZOOM)
    return _few_colours(image.resize((width * zoom, height * zoom), Image.Resampling.NEAREST))


def _few_colours(frame: Image.Image) -> Image.Image:
    return frame.quantize(GIF_GREYS if frame.mode == "L" else GIF_COLOURS)
