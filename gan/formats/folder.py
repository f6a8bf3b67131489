"""Read a folder of image files: photos, scans, drawings, icons, pictures of a microscope."""

import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from gan.formats.arrays import IDX_NAMES, SIDES, check_set_fits, check_sides
from gan.formats.photo import DEEP_MODE, ENDINGS, Damaged, Photo, Unread, read_photo
from gan.recipe import is_side
from gan.support.errors import UserError
from gan.support.stderr import quiet_stderr

NOBODYS = {".DS_Store", "Thumbs.db", "desktop.ini", "__MACOSX", "@eaDir"}  # systems write them
BACKGROUNDS = {"white": 255, "black": 0}
NAMES_SHOWN = 10  # in one line; the others are only counted
SECONDS_BETWEEN_LINES = 10


class FolderOptions(NamedTuple):
    """How a folder of images is read; `gan.train` has an option for each.

    `image_size`: the (height, width) to resize the images to; None: all must have one size.
    `background`: "white" or "black", under transparent pixels; None: the one from which the ink
    stands out. `subfolders`: read them, too. `skip_damaged`: leave out damaged files.
    """

    image_size: tuple[int, int] | None = None
    background: str | None = None
    subfolders: bool = False
    skip_damaged: bool = False

    def check(self) -> None:
        """Raise UserError for a size or a background that no image can have."""
        size = self.image_size
        is_size = isinstance(size, (tuple, list)) and len(size) == 2
        is_size = is_size and all(isinstance(side, int) and is_side(side) for side in size)
        if size is not None and not is_size:
            raise UserError(f"image_size must be (height, width), {SIDES}, not {size!r}")
        if self.background not in (None, *BACKGROUNDS):
            raise UserError(f"background must be white or black, not {self.background!r}")


def read_image_folder(
    folder: Path, options: FolderOptions, say: Callable[[str], None]
) -> np.ndarray:
    """Read images uint8 [N, H, W, 1 or 3], in order of path, from a folder of image files.

    The content of a file says whether it is an image, not its ending. If not all images are grey,
    all are converted to RGB. `say` prints what is left out and why, and what was done to the
    images. Raises UserError if there is no image, if a file is damaged, too large or may not be
    read, if it is a link to another folder, or if the images differ in size and there is no
    `image_size`.
    """
    files, others = find_files(folder, options.subfolders)
    unread, damaged, several, photos = [], [], [], []
    with warnings.catch_warnings(), quiet_stderr():  # libtiff prints what is wrong with a file
        warnings.simplefilter("ignore")  # Pillow's warnings are about files that it can read
        for file in _watched(files, say):
            name = file.relative_to(folder).as_posix()
            try:
                photo = read_photo(file, options.image_size)
            except Unread:
                unread.append(file.suffix.lower() or "no ending")
                continue
            except Damaged as error:
                damaged.append(f"{name} ({error})" if str(error) else name)
                continue
            photos.append(photo)
            height, width = photo.image.height, photo.image.width
            check_sides((height, width), str(file))
            if photo.image.size != photos[0].image.size:
                raise UserError(
                    f"{file} is {height}x{width} and the first image {photos[0].image.height}x"
                    f"{photos[0].image.width}; --image-size resizes all images"
                )
            if len(photos) == 1:
                count = max(1, sum(file.suffix.lower() in ENDINGS for file in files))
                shape = (count, height, width, 1 if photo.is_grey else 3)
                check_set_fits(shape, str(folder))
            if photo.is_first_of_several:
                several.append(name)
    kinds = [f"{ending} ({count})" for ending, count in sorted(Counter(unread).items())]
    parts = [
        f"{counted(files, 'file')}: {len(photos)} taken",
        unread and f"{len(unread):,} of a kind that is not read: {listed(kinds)}",
        damaged and f"{len(damaged)} damaged, or no image: {listed(damaged)}",
        *others,
    ]
    counts = "; ".join(filter(None, parts))
    if damaged and not options.skip_damaged:
        raise UserError(
            f"{folder}: {counts}; mend or remove what is damaged, or add --skip-damaged"
        )
    if not photos:
        raise UserError(f"{folder} holds neither {IDX_NAMES[0]} nor image files ({counts})")
    if len(photos) < len(files) or others:
        say(counts)
    if several:
        say(f"only the first picture is used of files that hold several: {listed(several)}")
    return as_pixels(photos, options.background, say)


def find_files(folder: Path, subfolders: bool) -> tuple[list[Path], list[str]]:
    """The files in `folder` in order of path, and texts that count and name all else in it.

    Raises UserError for a link to an image outside the folder; OSError if it may not be read.
    """
    home, files, folders, links, no_files = folder.resolve(), [], [], [], []
    waiting = sorted(folder.iterdir(), reverse=True)
    while waiting:
        path = waiting.pop()
        name = path.relative_to(folder).as_posix()
        if path.name in NOBODYS or path.name.startswith("._"):
            continue
        if path.is_symlink() and (path.is_dir() or not path.resolve().is_relative_to(home)):
            if path.suffix.lower() in ENDINGS and path.is_file():
                raise UserError(
                    f"{path} links to a file outside the folder; copy that image into it"
                )
            links.append(name)
        elif path.is_file():
            files.append(path)
        elif not path.is_dir():
            no_files.append(name)
        elif not path.name.startswith("."):  # programs keep their own images in hidden folders
            if subfolders:
                waiting += sorted(path.iterdir(), reverse=True)
            else:
                folders.append(name)
    others = [
        folders
        and f"{counted(folders, 'subfolder')}, read only with --subfolders: {listed(folders)}",
        links and f"{counted(links, 'link')} to a folder or out of this one: {listed(links)}",
        no_files and f"{len(no_files)} neither file nor folder: {listed(no_files)}",
    ]
    return files, list(filter(None, others))


def as_pixels(
    photos: Sequence[Photo], background: str | None, say: Callable[[str], None]
) -> np.ndarray:
    """The photos as uint8 [N, H, W, 1 or 3], on one background, and from one range of greys."""
    mode = "L" if all(photo.is_grey for photo in photos) else "RGB"
    if transparent := [photo.image for photo in photos if photo.is_transparent]:
        dark = sum(map(is_ink_dark, transparent))
        light = len(transparent) - dark
        chosen = background or ("white" if dark >= light else "black")
        ink = f"dark ink in {dark:,}, light ink in {light:,}"
        hint = "" if background else "; --background chooses another"
        say(f"images with transparency: {len(transparent):,}, {ink}, laid on {chosen}{hint}")
    if deep := [photo for photo in photos if photo.image.mode == DEEP_MODE]:
        least, greatest = min(p.least for p in deep), max(p.greatest for p in deep)
        scaled = f"{least:g} becomes 0, {greatest:g} becomes 255"
        say(f"grey images of 16 bits or more: {len(deep):,}, scaled by one range: {scaled}")
    if lost_bits := sum(photo.lost_bits for photo in photos):
        say(f"colour images of 16 bits: {lost_bits:,}; only their upper 8 bits are used")
    pixels = np.empty((len(photos), *photos[0].image.size[::-1], len(mode)), np.uint8)
    for index, photo in enumerate(photos):
        image = photo.image
        if image.mode == DEEP_MODE:
            values = (np.asarray(image) - least) * (255 / ((greatest - least) or 1))
            image = values.clip(0, 255).round().astype(np.uint8)[..., np.newaxis]
        elif photo.is_transparent:
            values = np.asarray(image, np.float32)
            alpha = values[..., -1:] / 255
            image = values[..., :-1] * alpha + BACKGROUNDS[chosen] * (1 - alpha)
            image = image.round().astype(np.uint8)
        else:
            image = np.asarray(image.convert(mode)).reshape(pixels.shape[1:])
        pixels[index] = image  # a grey image in a set of RGB is copied to all channels
    return pixels


def is_ink_dark(image: Image.Image) -> bool:
    """Whether what is visible of a transparent image is darker than medium grey, in the mean."""
    alpha = np.asarray(image.getchannel("A"), np.float32)
    ink = np.asarray(image.convert("L"), np.float32)
    return (ink * alpha).sum() <= 127.5 * alpha.sum()


def counted(things: Sequence, name: str) -> str:
    return f"{len(things):,} {name}{'' if len(things) == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """Up to ten names, and how many there are besides; what cannot be printed becomes a "?"."""
    more = len(names) - NAMES_SHOWN
    shown = ("".join(c if c.isprintable() else "?" for c in name) for name in names[:NAMES_SHOWN])
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _watched(files: Sequence[Path], say: Callable[[str], None]) -> Iterator[Path]:
    """Yield the files; say now and then how many were read."""
    last = time.monotonic()
    for index, file in enumerate(files):
        if time.monotonic() - last > SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            say(f"read {index:,} of {len(files):,} files")
        yield file
