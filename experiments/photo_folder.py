"""Folders of photos, as a user has them, made from the first training images of a data set."""

from pathlib import Path

from PIL import Image

from gan.data import load_images


def make_folder(root: Path, data: Path, count: int) -> Path:
    """Return the folder below `root` of the first `count` images of the file `data`, as PNGs."""
    folder = root / "experiments" / f"photos-{count}"
    folder.mkdir(parents=True, exist_ok=True)
    for index, image in enumerate(load_images(str(data)).images[:count]):
        file = folder / f"{index:05d}.png"
        if not file.exists():
            Image.fromarray(image[..., 0]).save(file)
    return folder
