"""python -m gan.export: take trained nets elsewhere, into plain Keras or into a browser."""

import argparse

from gan.cli.commands import run_command
from gan.cli.options import a_file, a_path, choose, make_parser_of_trained
from gan.cli.progress import say
from gan.runs import Shipped, load
from gan.runs.config import how_far
from gan.runs.trained import has_average
from gan.support.errors import disk_errors
from gan.support.files import make_folder, shown_path

ON_ONE_PAGE = ("dense", "best", "dcgan")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = make_parser_of_trained(
        "export",
        "Write the nets of a trained run for plain Keras, or as a page that runs in a browser.",
    )
    parser.add_argument(
        "--nets",
        metavar="DIR",
        type=a_path,
        help="write generator.keras and discriminator.keras to this folder",
    )
    parser.add_argument(
        "--page",
        metavar="FILE.html",
        type=a_file(".html"),
        help="write a page on which the nets run in a browser (--shipped without --design and "
        f"--nets: {', '.join(ON_ONE_PAGE)} on one page)",
    )
    options = parser.parse_args(arguments)
    if not (options.nets or options.page):
        parser.error("give --nets DIR, --page FILE.html, or both")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Run the command. Returns 0. Raises UserError.

    The page holds both generators of a design. A page of several designs holds one of each, the
    averaged one if it was kept, so that the file stays small.
    """
    options = parse(arguments)
    together = options.shipped and not (options.design or options.name or options.nets)
    chosen = (
        [Shipped(name, options.root) for name in ON_ONE_PAGE] if together else [choose(options)]
    )
    from gan.pictures.play import write_play_page

    nets = []
    for trained in chosen:
        design, steps = load(trained, average=options.average, step=options.step)
        generators = ["averaged"] if options.average else ["last"]
        if options.page and not options.average and has_average(trained, steps):
            generators = ["averaged"] if together else ["last", "averaged"]
        trained_for = how_far(trained.config(), steps)
        name = trained.name if isinstance(trained, Shipped) else design.name
        nets.append((name, design, trained_for, generators))
        say(f"{trained.title}: {design.name}, {trained_for}; generator: {', '.join(generators)}")
    for folder in (options.nets, options.page and options.page.parent):
        if folder:
            make_folder(folder)
    if options.nets:
        with disk_errors("written", options.nets):
            design.save_nets(options.nets, options.average)
        say(f"{shown_path(options.nets)}/: generator.keras ({generators[0]}), discriminator.keras")
    if options.page:
        title = "GANs in the browser" if together else chosen[0].name
        with disk_errors("written", options.page):
            write_play_page(options.page, title, nets, say)
        size = options.page.stat().st_size / 1e6
        say(f"{shown_path(options.page)}: {size:.1f} MB; open it in a browser")
    return 0


if __name__ == "__main__":
    run_command(main)
