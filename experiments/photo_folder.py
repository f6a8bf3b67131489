"""Folders of photos, as a user has them, made from the first images of a data set."""

from pathlib import Path

import numpy as np
from PIL import Image


def make_folder(root: Path, images: np.ndarray, count: int) -> Path:
    """Return the folder below `root` of the first `count` grey images [N, H, W, 1], as PNGs."""
    folder = root / "experiments" / f"photos-{count}"
    folder.mkdir(parents=True, exist_ok=True)
    for index, image in enumerate(images[:count]):
        file = folder / f"{index:05d}.png"
        if not file.exists():
            Image.fromarray(image[..., 0]).save(file)
    return folder
