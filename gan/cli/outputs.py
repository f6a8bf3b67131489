"""What gan.generate writes: a picture, a GIF, an .npz, a folder of pictures."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gan.cli.progress import say
from gan.runs import Run, Shipped
from gan.support.errors import UserError, disk_errors
from gan.support.files import make_folder, shown_path

if TYPE_CHECKING:
    from gan.evaluation.sampling import Samples

LARGEST_PICTURE = 40_000  # images in one PNG: 200 x 200
LARGEST_AREA = 5e8  # bytes of one picture's pixels
LARGEST_COUNT = 1_000_000  # images: 0.8 GB at 28x28; --nice needs up to three times that memory
USUAL_ZOOM = 3  # width of an image's pixel in screen pixels
ENLARGED_UP_TO = 1_000  # images; a picture of more images is not enlarged


class Outputs(NamedTuple):
    """What to write: one picture of all images, a GIF, an .npz, a folder with one PNG per image."""

    picture: Path | None = None
    gif: Path | None = None
    archive: Path | None = None
    separate: Path | None = None
    columns: int | None = None  # of the picture; None: int(sqrt(number of images))
    zoom: int | None = None


def choose_outputs(options: argparse.Namespace, trained: Run | Shipped) -> Outputs:
    """The outputs that the options ask for. The default is one picture in the run's folder."""
    usual = "walk" if options.interpolate else "nice" if options.nice else "generated"
    usual = f"digit-{options.digit}" if options.digit else usual
    usual = f"digits-{options.digits}" if options.digits else usual
    usual += "-average" if options.average else ""
    usual += f"-step-{options.step}" if options.step else ""
    others = options.npz or options.separate
    picture = options.out or (None if others else trained.grid(usual))
    gif = picture.with_suffix(".gif") if picture and options.interpolate else None
    columns = options.grid[1] if options.grid else None
    return Outputs(picture, gif, options.npz, options.separate, columns, options.zoom)


def check_count(count: int, outputs: Outputs, shape: Sequence[int]) -> None:
    """Raise UserError if `count` images of `shape` are too many for the outputs."""
    largest = LARGEST_PICTURE if outputs.picture else LARGEST_COUNT
    if count > largest:
        hint = "; use --npz or --separate for more" if outputs.picture else ""
        raise UserError(f"you asked for {count:,} images; the limit is {largest:,}{hint}")
    in_picture, zoom = (count, usual_zoom(count)) if outputs.picture else (1, 1)
    area = in_picture * math.prod(shape) * (outputs.zoom or zoom) ** 2
    if (outputs.picture or outputs.separate) and area > LARGEST_AREA:
        raise UserError(
            f"{in_picture:,} images are too many for one picture; try --zoom 1, or --npz"
        )


def make_folders(outputs: Outputs) -> None:
    """Make the folders of the outputs. Raises UserError if that of single pictures has files."""
    if outputs.separate:
        make_folder(outputs.separate)
        with disk_errors("read", outputs.separate):
            if any(outputs.separate.iterdir()):
                raise UserError(
                    f"{outputs.separate} is not empty; choose another folder, or empty it"
                )
    for file in filter(None, (outputs.picture, outputs.archive)):
        make_folder(file.parent)


def usual_zoom(count: int) -> int:
    """The default zoom of a picture of `count` images."""
    return USUAL_ZOOM if count <= ENLARGED_UP_TO else 1


def write(chunks: Iterable[Samples], count: int, shape: tuple, outputs: Outputs) -> None:
    """Write `count` samples of `shape` to `outputs`, chunk by chunk, and print the paths."""
    import numpy as np

    from gan.evaluation.archive import archive_of
    from gan.evaluation.sampling import summary
    from gan.pictures.grid import gif_zoom, save_grid, save_images_gif

    picture, gif, archive, separate, columns, zoom = outputs
    images, scores, digits = [], [], len(str(count - 1))
    with archive_of(archive, count, shape) if archive else nullcontext() as append:
        for chunk in chunks:
            if archive:
                append(chunk)
            if separate:
                for index, image in enumerate(chunk.images, sum(map(len, scores))):
                    file = separate / f"{index:0{digits}d}.png"
                    save_grid(file, image[np.newaxis], zoom=zoom or 1)
            if picture:  # the only output that needs all images at once
                images.append(chunk.images)
            scores.append(chunk.scores)
    if picture:
        save_grid(picture, np.concatenate(images), zoom or usual_zoom(count), columns)
    if gif:
        save_images_gif(gif, np.concatenate(images), zoom or gif_zoom(shape[1]))
    say(f"D's scores of these {count:,} images: {summary(np.concatenate(scores))}")
    if picture:
        say(f"{shown_path(picture)}: {count:,} images")
    if gif:
        say(f"{shown_path(gif)}: the same images, one after another")
    if archive:
        others = "".join(f", {name} {(count,)}" for name in chunk._fields[1:])
        say(f"{shown_path(archive)}: images {(count, *shape)}{others}")
    if separate:
        say(f"{shown_path(separate)}/: {count:,} pictures")
