"""python -m gan.generate: draw new images with a trained run."""

from __future__ import annotations

import argparse
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from gan.command import (
    a_path,
    checked,
    load_tensorflow,
    make_parser,
    run_command,
    shown_path,
)
from gan.errors import UserError
from gan.files import replacing
from gan.recipe import positive_int
from gan.trained import add_choice, choose_trained, load

LARGEST_PICTURE = 40_000  # images in one PNG: 200 x 200
LARGEST_COUNT = 1_000_000  # images: 0.8 GB of 28x28, which --nice keeps in memory
CANDIDATES = 20  # for each image kept: document 001's number
ENLARGED_UP_TO = 1_000  # images; larger pictures need no zoom to be seen


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = make_parser(
        "generate",
        "Draw new images with a trained run, as one PNG unless another output is asked for.",
    )
    add_choice(parser)
    number = checked(positive_int)
    parser.add_argument("--count", metavar="N", type=number, default=100, help="images (100)")
    parser.add_argument(
        "--nice", action="store_true", help="keep the images that the discriminator takes for real"
    )
    parser.add_argument(
        "--candidates",
        metavar="N",
        type=number,
        help=f"made for each image that --nice keeps ({CANDIDATES})",
    )
    parser.add_argument(
        "--out", metavar="FILE.png", type=a_path, help="one picture (images/RUN/generated.png)"
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
    trained = choose_trained(options)
    config = trained.config()
    only_default = not (options.out or options.npz or options.separate)
    picture = trained.grid("generated") if only_default else options.out
    check_count(options.count, picture is not None)
    for folder in (path.parent for path in (picture, options.npz) if path):
        make_folder(folder)
    if options.separate:
        make_folder(options.separate)

    load_tensorflow()
    from gan.sampling import draw_best, draw_samples

    design, steps = load(trained)
    print(f"{trained.title}: {config['design']}, {steps:,} steps; seed {options.seed}")
    if options.nice:
        candidates = options.count * (options.candidates or CANDIDATES)
        best, everything = draw_best(design, options.seed, options.count, candidates)
        print(f"D's score of all {candidates:,}: {everything}")
        chunks = [best]
    else:
        chunks = draw_samples(design, options.seed, options.count)
    try:
        write(chunks, options.count, design.image_shape, picture, options.npz, options.separate)
    except OSError as error:
        raise UserError(f"{error.filename} cannot be written: {error.strerror}") from None
    return 0


def check(options: argparse.Namespace) -> None:
    """Raise UserError for options that do not go together."""
    if options.candidates and not options.nice:
        raise UserError("--candidates goes with --nice")
    for option, ending in (("out", ".png"), ("npz", ".npz")):
        path = getattr(options, option)
        if path and path.suffix.lower() != ending:
            raise UserError(f"--{option} must be a {ending} file, not {str(path)!r}")


def check_count(count: int, as_picture: bool) -> None:
    """Raise UserError for more images than the output has room for."""
    largest = LARGEST_PICTURE if as_picture else LARGEST_COUNT
    if count > largest:
        hint = "; --npz or --separate take more" if as_picture else ""
        raise UserError(f"--count can be at most {largest:,}{hint}")


def make_folder(folder: Path) -> None:
    """Make a folder for the output before the work begins. Raises UserError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be made or is no folder: {error.strerror}") from None


def write(
    chunks: Iterable,
    count: int,
    shape: tuple,
    picture: Path | None,
    archive: Path | None,
    separate: Path | None,
) -> None:
    """Write `count` samples of `shape`, a chunk at a time, as what is asked for, and say where."""
    import numpy as np

    from gan.grid import ZOOM, save_grid
    from gan.sampling import summary

    images, scores, digits = [], [], len(str(count - 1))
    with archive_of(archive, count, shape) if archive else nullcontext() as append:
        for chunk in chunks:
            if archive:
                append(chunk)
            if separate:
                for index, image in enumerate(chunk.images, sum(map(len, scores))):
                    save_grid(separate / f"{index:0{digits}d}.png", image[np.newaxis], zoom=1)
            if picture:  # the one output that takes all images at once
                images.append(chunk.images)
            scores.append(chunk.scores)
    if picture:
        save_grid(picture, np.concatenate(images), ZOOM if count <= ENLARGED_UP_TO else 1)
    print(f"D's score of the {count:,} kept: {summary(np.concatenate(scores))}")
    if picture:
        print(f"{shown_path(picture)}: {count:,} images")
    if archive:
        print(f"{shown_path(archive)}: images {(count, *shape)}, scores {(count,)}")
    if separate:
        print(f"{shown_path(separate)}/: {count:,} pictures")


@contextmanager
def archive_of(path: Path, count: int, shape: tuple) -> Iterator[Callable]:
    """Yield a function that appends a chunk to the .npz at `path`: uint8 images, float32 scores.

    Not compressed: that would take longer than to draw them. Equal samples give equal bytes.
    """
    import numpy as np
    from numpy.lib import format as npy

    header = {"descr": "|u1", "fortran_order": False, "shape": (count, *shape)}
    scores = []
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as npz:
        with npz.open(zipfile.ZipInfo("images.npy"), "w", force_zip64=True) as array:
            npy.write_array_header_1_0(array, header)

            def append(chunk) -> None:
                array.write(chunk.images.tobytes())
                scores.append(chunk.scores)

            yield append
        with npz.open(zipfile.ZipInfo("scores.npy"), "w") as array:
            npy.write_array(array, np.concatenate(scores))


if __name__ == "__main__":
    run_command(main)
