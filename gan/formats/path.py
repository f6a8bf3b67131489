"""Read images from a path: a file in one of the formats, or a folder."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from gan.formats.arrays import IDX_NAMES, read_csv, read_idx, read_npy, read_npz
from gan.formats.folder import FolderOptions, read_image_folder
from gan.formats.photo import ENDINGS
from gan.support.errors import UserError


def read_path(path: Path, options: FolderOptions, say: Callable[[str], None]) -> np.ndarray:
    """Read a file of images, or a folder of IDX files or of images. Raises UserError, OSError."""
    if path.is_dir():
        if not (idx_files := find_idx(path)):
            return read_image_folder(path, options, say)
        if options != FolderOptions():
            raise UserError(f"{path} holds IDX files: leave out the options for image files")
        if images := [file.name for file in path.iterdir() if file.suffix.lower() in ENDINGS]:
            say(f"using {idx_files[0].name}, and not {len(images):,} images beside it")
        return read_idx(idx_files[0])
    if path.exists():
        match path.suffix.lower():
            case ".npy":
                return read_npy(path, say)
            case ".csv":
                return read_csv(path)
        if path.suffix.lower() != ".npz" and not zipfile.is_zipfile(path):
            raise UserError(
                f"{path} is no .npz, .npy or .csv; for image files, give the folder they are in"
            )
        return read_npz(path)
    raise UserError(
        f"no data {str(path)!r}: give auto, mnist, fashion, synthetic, or the path of an existing "
        "file or folder"
    )


def find_idx(folder: Path, part: str = "train") -> list[Path]:
    """The IDX files in `folder` with the images of `part`: "train" or "t10k", the test images."""
    names = [name.replace("train", part) + ending for name in IDX_NAMES for ending in ("", ".gz")]
    return [folder / name for name in names if (folder / name).is_file()]
