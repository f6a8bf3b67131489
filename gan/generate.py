"""python -m gan.generate: draw new images with a trained run, or list the runs."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from gan.cli.commands import run_command
from gan.cli.listing import list_runs
from gan.cli.options import (
    a_file,
    a_path,
    add_seed,
    check_excluded,
    choose,
    make_parser_of_trained,
    one_digit,
    rows_and_columns,
    some_digits,
)
from gan.cli.outputs import USUAL_ZOOM, check_count, choose_outputs, make_folders, write
from gan.cli.progress import say, with_progress
from gan.evaluation.against import check_digits
from gan.recipe import positive_int, whole_number
from gan.runs import load
from gan.runs.config import how_far
from gan.support.errors import UserError, disk_errors

if TYPE_CHECKING:
    from gan.design import Design
    from gan.evaluation.labelled import Labelled
    from gan.evaluation.sampling import Samples

LONGEST_WALK = 1_000  # images
IMAGES_DRAWN = 100
OF_EACH_DIGIT = 10  # images that --digits draws
EXCLUDES = {
    "count": ["grid"],
    "interpolate": ["count", "nice"],
    "digit": ["digits", "nice", "interpolate"],
    "digits": ["grid", "nice", "interpolate"],
}
WALK = (10, 10)  # legs, images per leg
CANDIDATES = 20  # per kept image, as in the d_on_g notebook
LARGEST_ZOOM = 40  # width of an image's pixel in screen pixels


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = make_parser_of_trained(
        "generate",
        "Draw new images with a trained run. Writes one PNG unless you ask for another output.",
    )
    add = parser.add_argument
    # How many images, and which.
    add("--count", metavar="N", type=positive_int, help=f"images to draw (default: {IMAGES_DRAWN})")
    add("--grid", metavar="ROWSxCOLS", type=rows_and_columns, help="images to draw, in this grid")
    add_seed(parser)
    add("--nice", action="store_true", help="keep only the images that D scores as most real")
    text = f"images to draw for each image that --nice keeps (default: {CANDIDATES})"
    add("--candidates", metavar="N", type=positive_int, help=text)
    text = "draw only this digit, as MNIST's classifier sees it; only for runs on MNIST"
    add("--digit", metavar="D", type=one_digit, help=text)
    text = f"draw --count images (default: {OF_EACH_DIGIT}) of each of these digits, a row for each"
    add("--digits", metavar="DIGITS", type=some_digits, help=text)
    text = "walk from noise to noise in small steps, as a PNG (row by row) and as a GIF"
    add("--interpolate", action="store_true", help=text)
    # Where they go.
    text = "write the picture to this file (default: in images/RUN/)"
    add("--out", metavar="FILE.png", type=a_file(".png"), help=text)
    text = f"enlarge each pixel N times (default: {USUAL_ZOOM}, or 1 for many images)"
    add("--zoom", metavar="N", type=whole_number(1, LARGEST_ZOOM), help=text)
    text = "write images and D's scores to this file"
    add("--npz", metavar="FILE.npz", type=a_file(".npz"), help=text)
    text = "write each image's digit, as MNIST's classifier sees it, and its probability to --npz"
    add("--labels", action="store_true", help=text)
    add("--separate", metavar="DIR", type=a_path, help="write one PNG per image to this folder")
    # No images.
    add("--list", action="store_true", help="draw nothing: list all runs, the newest last")
    for moved in ("--nets", "--page"):
        add(moved, type=has_moved, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def has_moved(value: str) -> None:
    """Refuse an option of earlier versions."""
    raise UserError("has moved to another command: python -m gan.export")


def main(arguments: list[str] | None = None) -> int:
    """Run the command. Returns 0. Raises UserError."""
    options = parse(arguments)
    if options.list:
        others = [name for name in vars(options) if name not in ("list", "root")]
        check_excluded(options, {"list": others})
        say("\n".join(list_runs(options.root)))
        return 0
    check(options)
    rows, columns = options.grid or (1, options.count or IMAGES_DRAWN)
    count = rows * columns
    trained = choose(options)
    if options.digit or options.digits or options.labels:
        check_digits(trained.config()["data"], trained.title)
    outputs = choose_outputs(options, trained)
    check_count(count, outputs, trained.config()["data"]["images"][1:])
    make_folders(outputs)

    # This starts TensorFlow, which takes seconds, so it comes after all cheap checks.
    from gan.support.exact import set_gpu_kernels

    set_gpu_kernels()  # so that the same seed draws the same images
    design, steps = load(trained, average=options.average, step=options.step)
    averaged = "averaged generator, " if options.average else ""
    trained_for = how_far(trained.config(), steps)
    say(f"{trained.title}: {design.name}, {averaged}{trained_for}; seed {options.seed}")
    chunks = draw(design, options, rows, columns)
    with disk_errors("written", Path()):
        write(chunks, count, design.image_shape, outputs)
    return 0


def draw(
    design: Design, options: argparse.Namespace, rows: int, columns: int
) -> Iterable[Samples | Labelled]:
    """The chunks of samples that the options ask for. Raises UserError for too few of a digit."""
    from gan.evaluation.labelled import choose_digits, label, most_drawn
    from gan.evaluation.sampling import draw_samples, draw_walk, keep_best

    count, seed, average = rows * columns, options.seed, options.average
    if options.interpolate:
        chunks = draw_walk(design, seed, rows, columns, average)
    elif options.nice:
        candidates = count * (options.candidates or CANDIDATES)
        drawn = with_progress(draw_samples(design, seed, candidates, average), candidates)
        best, everything = keep_best(drawn, count)
        say(f"D's scores of all {candidates:,} images: {everything}")
        chunks = [best]
    elif digits := options.digit or options.digits:
        each = count // len(digits)
        most = most_drawn(each)
        drawn = with_progress(draw_samples(design, seed, most, average), most, is_limit=True)
        chosen, how_many = choose_digits(label(drawn), digits, each)
        say(how_many)
        chunks = [chosen]
    else:
        chunks = with_progress(draw_samples(design, seed, count, average), count)
    return label(chunks) if options.labels else chunks


def check(options: argparse.Namespace) -> None:
    """Raise UserError for options that cannot be combined; set the grid of a walk or of digits."""
    check_excluded(options, EXCLUDES)
    if options.candidates and not options.nice:
        raise UserError("--candidates needs --nice")
    if options.labels and not options.npz:
        raise UserError("--labels needs --npz, the file that holds them")
    if options.zoom and options.npz and not (options.out or options.separate):
        raise UserError(
            "--zoom is for pictures, and --npz writes none; leave out --zoom or add --out"
        )
    if options.digits:
        options.grid = len(options.digits), options.count or OF_EACH_DIGIT
    if options.interpolate:
        legs, images = options.grid = options.grid or WALK
        if legs < 2:
            raise UserError("--interpolate needs a --grid of two rows or more: each is one leg")
        if legs * images > LONGEST_WALK:
            raise UserError(f"--interpolate draws at most {LONGEST_WALK:,} images")


if __name__ == "__main__":
    run_command(main)
