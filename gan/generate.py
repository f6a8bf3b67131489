"""python -m gan.generate: draw new images with a trained run."""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gan.cli.commands import load_tensorflow, run_command
from gan.cli.options import a_path, add_choice, make_parser
from gan.cli.progress import SECONDS_BETWEEN_PLAIN_LINES, say
from gan.recipe import positive_int, rows_and_columns
from gan.runs import Run, Shipped, choose_trained, load
from gan.support.errors import UserError, disk_errors
from gan.support.files import make_folder, shown_path

if TYPE_CHECKING:
    from gan.evaluation.sampling import Samples

LARGEST_PICTURE = 40_000  # images in one PNG: 200 x 200
LARGEST_AREA = 5e8  # bytes of one picture's pixels
LARGEST_COUNT = 1_000_000  # images: 0.8 GB of 28x28; --nice has up to three times that in memory
LONGEST_WALK = 1_000  # images
COUNT = 100
WALK = (10, 10)  # legs, and images to a leg
CANDIDATES = 20  # for each image kept: the d_on_g notebook's number
ZOOM, LARGEST_ZOOM = 3, 40  # screen pixels for one of an image's
ENLARGED_UP_TO = 1_000  # images; larger pictures need no zoom to be seen


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = make_parser(
        "generate",
        "Draw new images with a trained run, as one PNG unless another output is asked for.",
        which_run="the newest",
    )
    add_choice(parser)
    parser.add_argument(
        "--count", metavar="N", type=positive_int, help=f"images to draw (default: {COUNT})"
    )
    parser.add_argument(
        "--grid",
        metavar="ROWSxCOLS",
        type=rows_and_columns,
        help="draw ROWS x COLS images in a grid",
    )
    parser.add_argument(
        "--zoom",
        metavar="N",
        type=positive_int,
        help=f"enlarge each pixel N times (default: {ZOOM})",
    )
    parser.add_argument(
        "--interpolate",
        action="store_true",
        help="a walk through the latent space, row by row, and beside the PNG as a GIF",
    )
    parser.add_argument(
        "--nice", action="store_true", help="keep the images that the discriminator takes for real"
    )
    parser.add_argument(
        "--candidates",
        metavar="N",
        type=positive_int,
        help=f"images drawn for each that --nice keeps (default: {CANDIDATES})",
    )
    parser.add_argument(
        "--out",
        metavar="FILE.png",
        type=a_path,
        help="the picture to write (default: in images/RUN/)",
    )
    parser.add_argument(
        "--npz", metavar="FILE.npz", type=a_path, help="images and scores, as arrays"
    )
    parser.add_argument("--separate", metavar="DIR", type=a_path, help="one PNG for each image")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Write what the command line asks for; 0, or UserError."""
    options = parse(arguments)
    check(options)
    if options.interpolate:
        options.grid = options.grid or WALK
    rows, columns = options.grid or (1, options.count or COUNT)
    count = rows * columns
    trained = choose_trained(options.root, options.name, options.design, options.shipped, say)
    outputs = choose_outputs(options, trained)
    if options.interpolate and count > LONGEST_WALK:
        raise UserError(f"--interpolate draws at most {LONGEST_WALK:,} images")
    check_count(count, outputs, trained.config()["data"]["images"][1:])
    if outputs.separate:
        make_folder(outputs.separate)
        if any(outputs.separate.iterdir()):
            raise UserError(f"{outputs.separate} is not empty; choose another folder, or empty it")
    for folder in (path.parent for path in (outputs.picture, outputs.archive) if path):
        make_folder(folder)

    load_tensorflow()
    from gan.data.batches import Schedule
    from gan.evaluation.sampling import draw_samples, draw_walk, keep_best

    average = options.average
    design, steps = load(trained, average=average)
    total = Schedule(design.recipe, trained.config()["data"]["images"][0], 0).total_steps
    length = f"{steps:,} steps" if steps >= total else f"{steps:,} of {total:,} steps"
    averaged = "averaged generator, " if average else ""
    print(f"{trained.title}: {design.name}, {averaged}{length}; seed {options.seed}")
    if options.interpolate:
        chunks = draw_walk(design, options.seed, rows, columns, average)
    elif options.nice:
        candidates = count * (options.candidates or CANDIDATES)
        drawn = told(draw_samples(design, options.seed, candidates, average), candidates)
        best, everything = keep_best(drawn, count)
        print(f"D's score of all {candidates:,}: {everything}")
        chunks = [best]
    else:
        chunks = told(draw_samples(design, options.seed, count, average), count)
    with disk_errors("written", Path()):
        write(chunks, count, design.image_shape, outputs)
    return 0


def told(chunks: Iterator[Samples], total: int) -> Iterator[Samples]:
    """Pass `chunks` of `total` samples on, and say now and then how far that is."""
    drawn, last_line = 0, time.monotonic()
    for chunk in chunks:
        drawn += len(chunk.scores)
        if time.monotonic() - last_line > SECONDS_BETWEEN_PLAIN_LINES:
            last_line = time.monotonic()
            say(f"{drawn:,} of {total:,} images drawn")
        yield chunk


def check(options: argparse.Namespace) -> None:
    """Raise UserError for options that do not go together."""
    if options.candidates and not options.nice:
        raise UserError("--candidates goes with --nice")
    for option, other in (("count", "grid"), ("interpolate", "count"), ("interpolate", "nice")):
        if getattr(options, option) and getattr(options, other):
            raise UserError(f"give --{option} or --{other}, not both")
    if options.interpolate and options.grid and options.grid[0] < 2:
        raise UserError("--interpolate takes a --grid of two rows or more: a row for each leg")
    if options.zoom and options.zoom > LARGEST_ZOOM:
        raise UserError(f"--zoom can be at most {LARGEST_ZOOM}")
    if options.zoom and options.npz and not (options.out or options.separate):
        raise UserError("--zoom is for pictures; an .npz holds the pixels as they are")
    for option, ending in (("out", ".png"), ("npz", ".npz")):
        path = getattr(options, option)
        if path and path.suffix.lower() != ending:
            raise UserError(f"--{option} must be a {ending} file, not {str(path)!r}")
        if path and path.is_dir():
            raise UserError(f"--{option} must be a file, and {path} is a folder")


class Outputs(NamedTuple):
    """What is to be written: a picture of all, a film of them, an archive, a folder of each."""

    picture: Path | None = None
    film: Path | None = None
    archive: Path | None = None
    separate: Path | None = None
    columns: int | None = None  # of the picture; None: as many as rows
    zoom: int | None = None


def choose_outputs(options: argparse.Namespace, trained: Run | Shipped) -> Outputs:
    """What the command line asks for, or else one picture beside those of the run."""
    usual = "walk" if options.interpolate else "nice" if options.nice else "generated"
    usual += "-average" if options.average else ""
    picture = trained.grid(usual) if not (options.npz or options.separate) else None
    picture = options.out or picture
    film = picture.with_suffix(".gif") if picture and options.interpolate else None
    columns = options.grid[1] if options.grid else None
    return Outputs(picture, film, options.npz, options.separate, columns, options.zoom)


def check_count(count: int, outputs: Outputs, shape: Sequence[int]) -> None:
    """Raise UserError for more images of `shape` than the outputs have room for."""
    largest = LARGEST_PICTURE if outputs.picture else LARGEST_COUNT
    if count > largest:
        hint = "; --npz or --separate take more" if outputs.picture else ""
        raise UserError(f"those are {count:,} images; it can be at most {largest:,}{hint}")
    in_picture, zoom = (count, usual_zoom(count)) if outputs.picture else (1, 1)
    area = in_picture * math.prod(shape) * (outputs.zoom or zoom) ** 2
    if (outputs.picture or outputs.separate) and area > LARGEST_AREA:
        raise UserError(
            f"{in_picture:,} images are too many for one picture; try --zoom 1, or --npz"
        )


def usual_zoom(count: int) -> int:
    """Screen pixels for one of an image's in a picture of `count` images."""
    return ZOOM if count <= ENLARGED_UP_TO else 1


def write(chunks: Iterable[Samples], count: int, shape: tuple, outputs: Outputs) -> None:
    """Write `count` samples of `shape`, a chunk at a time, as what is asked for, and say where."""
    import numpy as np

    from gan.evaluation.archive import archive_of
    from gan.evaluation.sampling import summary
    from gan.pictures.grid import film_zoom, save_film, save_grid

    picture, film, archive, separate, columns, zoom = outputs
    images, scores, digits = [], [], len(str(count - 1))
    with archive_of(archive, count, shape) if archive else nullcontext() as append:
        for chunk in chunks:
            if archive:
                append(chunk)
            if separate:
                for index, image in enumerate(chunk.images, sum(map(len, scores))):
                    file = separate / f"{index:0{digits}d}.png"
                    save_grid(file, image[np.newaxis], zoom=zoom or 1)
            if picture:  # the one output that takes all images at once
                images.append(chunk.images)
            scores.append(chunk.scores)
    if picture:
        save_grid(picture, np.concatenate(images), zoom or usual_zoom(count), columns)
    if film:
        save_film(film, np.concatenate(images), zoom or film_zoom(shape[1]))
    print(f"D's score of these {count:,}: {summary(np.concatenate(scores))}")
    if picture:
        print(f"{shown_path(picture)}: {count:,} images")
    if film:
        print(f"{shown_path(film)}: the same, one after another")
    if archive:
        print(f"{shown_path(archive)}: images {(count, *shape)}, scores {(count,)}")
    if separate:
        print(f"{shown_path(separate)}/: {count:,} pictures")


if __name__ == "__main__":
    run_command(main)
