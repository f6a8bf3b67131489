"""Images as the eye wants them: a mosaic in one PNG."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
from PIL import Image

from gan.files import replacing

ZOOM = 3  # screen pixels for one of ours: 28 pixels are too few to look at


def to_pixels(images: np.ndarray) -> np.ndarray:
    """Images in [-1, 1], any shape -> uint8 in 0..255, rounded down as document 001 does."""
    return np.clip(np.asarray(images, np.float32) * 127.5 + 127.5, 0, 255).astype(np.uint8)


def combine_images(generated_images: np.ndarray) -> np.ndarray:
    """Lay images [N, H, W, C] out row by row as one mosaic [rows*H, columns*W, C].

    int(sqrt(N)) columns and as many rows as that takes, as in document 001; what is left of the
    last row stays 0. The dtype is kept. Raises ValueError without images.
    """
    count, height, width, channels = generated_images.shape
    if count == 0:
        raise ValueError("no images to combine")
    columns = math.isqrt(count)
    rows = math.ceil(count / columns)
    cells = np.zeros((rows * columns, height, width, channels), generated_images.dtype)
    cells[:count] = generated_images
    mosaic = cells.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    return mosaic.reshape(rows * height, columns * width, channels)


def encode_grid(images: np.ndarray, zoom: int = ZOOM) -> bytes:
    """PNG of the mosaic of images [N, H, W, 1 or 3] in [-1, 1], each pixel `zoom` pixels wide."""
    mosaic = combine_images(to_pixels(images))
    mosaic = mosaic.repeat(zoom, axis=0).repeat(zoom, axis=1)
    buffer = io.BytesIO()
    Image.fromarray(mosaic.squeeze(-1) if mosaic.shape[-1] == 1 else mosaic).save(buffer, "PNG")
    return buffer.getvalue()


def save_grid(path: Path, images: np.ndarray, zoom: int = ZOOM) -> None:
    """Write `encode_grid(images)` to `path`, whole or not at all. Raises OSError."""
    png = encode_grid(images, zoom)
    with replacing(path) as temporary:
        temporary.write_bytes(png)
