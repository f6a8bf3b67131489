"""python -m gan.generate: draw new images with a trained run."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from gan.cli.commands import load_tensorflow, run_command
from gan.cli.options import a_path, add_choice, make_parser, rows_and_columns
from gan.cli.outputs import USUAL_ZOOM, check_count, choose_outputs, write
from gan.cli.progress import say, with_progress
from gan.recipe import positive_int
from gan.runs import Run, Shipped, choose_trained, load
from gan.runs.trained import has_average
from gan.support.errors import UserError, disk_errors
from gan.support.files import check_file, make_folder, shown_path

if TYPE_CHECKING:
    from gan.design import Design

LONGEST_WALK = 1_000  # images
IMAGES_DRAWN = 100
WALK = (10, 10)  # legs, images per leg
CANDIDATES = 20  # per kept image, as in the d_on_g notebook
ON_ONE_PAGE = ("dense", "dcgan")
LARGEST_ZOOM = 40  # width of an image's pixel in screen pixels


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = make_parser(
        "generate",
        "Draw new images with a trained run. Writes one PNG unless you ask for another output.",
        which_run="your newest run, or the shipped weights if you have no run",
    )
    add_choice(parser)
    parser.add_argument(
        "--count", metavar="N", type=positive_int, help=f"images to draw (default: {IMAGES_DRAWN})"
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
        help=f"enlarge each pixel N times (default: {USUAL_ZOOM}, or 1 for many images)",
    )
    parser.add_argument(
        "--interpolate",
        action="store_true",
        help="walk from noise to noise in small steps, as a PNG (row by row) and as a GIF",
    )
    parser.add_argument(
        "--nice", action="store_true", help="keep only the images that D scores as most real"
    )
    parser.add_argument(
        "--candidates",
        metavar="N",
        type=positive_int,
        help=f"images to draw for each image that --nice keeps (default: {CANDIDATES})",
    )
    parser.add_argument(
        "--out",
        metavar="FILE.png",
        type=a_path,
        help="write the picture to this file (default: in images/RUN/)",
    )
    parser.add_argument(
        "--npz", metavar="FILE.npz", type=a_path, help="write images and D's scores to this file"
    )
    parser.add_argument(
        "--separate", metavar="DIR", type=a_path, help="write one PNG per image to this folder"
    )
    parser.add_argument(
        "--nets",
        metavar="DIR",
        type=a_path,
        help="write generator.keras and discriminator.keras for plain Keras, and no images",
    )
    parser.add_argument(
        "--page",
        metavar="FILE.html",
        type=a_path,
        help="write a page on which the nets run in a browser, and no images (--shipped without "
        f"--design: {' and '.join(ON_ONE_PAGE)} on one page)",
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the command. Returns 0. Raises UserError."""
    options = parse(arguments)
    check(options)
    if options.page:
        return write_page(options)
    if options.interpolate:
        options.grid = options.grid or WALK
    rows, columns = options.grid or (1, options.count or IMAGES_DRAWN)
    count = rows * columns
    trained = choose_trained(options.root, options.name, options.design, options.shipped, say)
    outputs = choose_outputs(options, trained)
    if options.interpolate and count > LONGEST_WALK:
        raise UserError(f"--interpolate draws at most {LONGEST_WALK:,} images")
    check_count(count, outputs, trained.config()["data"]["images"][1:])
    if outputs.separate:
        make_folder(outputs.separate)
        with disk_errors("read", outputs.separate):
            if any(outputs.separate.iterdir()):
                raise UserError(
                    f"{outputs.separate} is not empty; choose another folder, or empty it"
                )
    files = (outputs.picture, outputs.archive, options.nets and options.nets / "generator.keras")
    for folder in (file.parent for file in files if file):
        make_folder(folder)

    load_tensorflow()
    from gan.evaluation.sampling import draw_samples, draw_walk, keep_best

    average = options.average
    design, steps = load(trained, average=average)
    length = length_of(trained, design, steps)
    averaged = "averaged generator, " if average else ""
    print(f"{trained.title}: {design.name}, {averaged}{length}; seed {options.seed}")
    if options.nets:
        with disk_errors("written", options.nets):
            design.save_nets(options.nets, average)
        print(f"{shown_path(options.nets)}/: generator.keras, discriminator.keras")
        return 0
    if options.interpolate:
        chunks = draw_walk(design, options.seed, rows, columns, average)
    elif options.nice:
        candidates = count * (options.candidates or CANDIDATES)
        drawn = with_progress(draw_samples(design, options.seed, candidates, average), candidates)
        best, everything = keep_best(drawn, count)
        print(f"D's scores of all {candidates:,} images: {everything}")
        chunks = [best]
    else:
        chunks = with_progress(draw_samples(design, options.seed, count, average), count)
    with disk_errors("written", Path()):
        write(chunks, count, design.image_shape, outputs)
    return 0


def length_of(trained: Run | Shipped, design: Design, steps: int) -> str:
    """How many steps a design was trained, of how many, as text."""
    from gan.data.batches import Schedule

    total = Schedule(design.recipe, trained.config()["data"]["images"][0], 0).total_steps
    return f"{steps:,} steps" if steps >= total else f"{steps:,} of {total:,} steps"


def write_page(options: argparse.Namespace) -> int:
    """Write the page of --page. Returns 0. Raises UserError.

    It holds both generators of a design. A page of several designs holds one of each, the averaged
    one if it was kept, so that the file stays small.
    """
    together = options.shipped and not (options.design or options.name)
    if together:
        chosen = [Shipped(name, options.root) for name in ON_ONE_PAGE]
    else:
        root, name = options.root, options.name
        chosen = [choose_trained(root, name, options.design, options.shipped, say)]
    load_tensorflow()
    from gan.pictures.play import write_play_page

    nets = []
    for trained in chosen:
        design, steps = load(trained, average=options.average)
        kinds = ("last", "averaged") if has_average(trained, steps) else ("last",)
        generators = kinds[-1:] if together or options.average else kinds
        length = length_of(trained, design, steps)
        nets.append((design, length, generators))
        print(f"{trained.title}: {design.name}, {length}; generator: {', '.join(generators)}")
    title = "GANs in the browser" if together else chosen[0].name
    make_folder(options.page.parent)
    with disk_errors("written", options.page):
        write_play_page(options.page, title, nets)
    size = options.page.stat().st_size / 1e6
    print(f"{shown_path(options.page)}: {size:.1f} MB; open it in a browser")
    return 0


def check(options: argparse.Namespace) -> None:
    """Raise UserError for options that are invalid or cannot be combined."""
    if options.candidates and not options.nice:
        raise UserError("--candidates needs --nice")
    for option, other in (("count", "grid"), ("interpolate", "count"), ("interpolate", "nice")):
        if getattr(options, option) and getattr(options, other):
            raise UserError(f"give --{option} or --{other}, not both")
    if options.interpolate and options.grid and options.grid[0] < 2:
        raise UserError(
            "--interpolate needs a --grid with two rows or more: each row is one leg of the walk"
        )
    if options.zoom and options.zoom > LARGEST_ZOOM:
        raise UserError(f"--zoom can be at most {LARGEST_ZOOM}")
    if options.zoom and options.npz and not (options.out or options.separate):
        raise UserError(
            "--zoom is for pictures, and --npz writes none; leave out --zoom or add --out"
        )
    of_images = ("count", "grid", "zoom", "interpolate", "nice", "out", "npz", "separate")
    for option, others in (("nets", of_images), ("page", (*of_images, "nets"))):
        given = [f"--{name}" for name in others if getattr(options, name)]
        if getattr(options, option) and given:
            raise UserError(f"--{option} takes no other output: leave out {' '.join(given)}")
    for option, ending in (("out", ".png"), ("npz", ".npz"), ("page", ".html")):
        path = getattr(options, option)
        if path and path.suffix.lower() != ending:
            raise UserError(f"--{option} must be a {ending} file, not {str(path)!r}")
        if path:
            check_file(path, f"--{option}")


if __name__ == "__main__":
    run_command(main)
