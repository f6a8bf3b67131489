"""python -m gan.evaluate: measure the images of a trained run against real ones."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gan.cli.commands import next_commands, run_command
from gan.cli.options import (
    a_file,
    a_path,
    add_seed,
    check_excluded,
    choose,
    make_parser_of_trained,
    not_empty,
)
from gan.cli.progress import say, warn
from gan.data.download import PUBLISHED
from gan.data.images import RealImages, load_real
from gan.evaluation.against import CLASSES, check_comparable, choose_against, opening_line
from gan.evaluation.metrics import FIGURES, IMAGES_MEASURED
from gan.formats.arrays import read_npz
from gan.recipe import LENGTH, override, whole_number
from gan.runs import Run, load
from gan.support.errors import UserError, disk_errors
from gan.support.files import make_folder, replacing, shown_path

if TYPE_CHECKING:
    from gan.design import Design

LEAST = 100


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = make_parser_of_trained(
        "evaluate",
        "Measure the images of a trained run, or of a file, against the 10,000 test images of "
        "MNIST or of Fashion-MNIST.",
    )
    add_seed(parser)
    add = parser.add_argument
    text = "measure the array `images` of this file instead: uint8 [N, 28, 28] or [N, 28, 28, 1]"
    add("--npz", metavar="FILE.npz", type=a_path, help=text)
    most = IMAGES_MEASURED
    text = f"images to measure, {LEAST} to {most:,} (default: {most:,})"
    add("--count", metavar="N", type=whole_number(LEAST, most), default=most, help=text)
    text = """write the figures to this file (default: experiments/RUN/evaluation.json, or
        evaluation-average.json with --average; no file with --step)"""
    add("--json", metavar="FILE.json", type=a_file(), help=text)
    text = """compare with MNIST or with Fashion-MNIST (default: the set that the run was trained
        on, which the built-in digits imitate; with --npz, MNIST)"""
    add("--against", choices=PUBLISHED, help=text)
    text = """where that set is: an .npz with x_train and x_test, or a folder of IDX files (default:
        auto, which is $GAN_DATA or the run's own data if they hold it, else Keras' cache or a
        download)"""
    add("--data", type=not_empty, default="auto", help=text)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Print the figures and write them as JSON. Returns 0. Raises UserError."""
    options = parse(arguments)
    trained = None
    if options.npz:
        check_excluded(options, {"npz": ["name", "design", "shipped", "step", "average"]})
        everything = read_images(options.npz)
        images = everything[: options.count]
        name = options.against or "mnist"
        say(opening_line(name))
        say(f"{options.npz}: the first {len(images):,} of {len(everything):,} images")
        source, target = {"file": str(options.npz), "count": len(images)}, options.json
        real = load_reference(name, options.data, len(images))
    else:
        trained = choose(options)
        data = trained.config()["data"]
        name = choose_against(options.against, data, f"run {trained.name!r}")
        say(opening_line(name, data))
        real = load_reference(name, options.data, options.count, beside=data["source"])
        # The run's own file of results is of its newest checkpoint, which its page shows.
        usual = None if options.step else trained.results(options.average)
        target = options.json or usual
    if target:
        make_folder(target.parent)
    from gan.evaluation.measure import draw, measure
    from gan.support.exact import set_gpu_kernels

    set_gpu_kernels()  # so that equal images have equal figures
    if trained:
        average = options.average
        design, steps = load(trained, average=average, step=options.step)
        source, images = draw(trained, design, steps, options.seed, options.count, average, say)
    title, is_published = PUBLISHED[name].title, real.is_published
    if not is_published:
        warn(
            f"NOT {title}: the real images of this comparison are not those of {title}, but the "
            f"classifier was trained on {title}. Do not compare these figures with those in the "
            "README files."
        )
    source |= {"compared_with": title if is_published else "other images"}
    result = source | measure(images, real, say)
    say(table(result, CLASSES[name]))
    if target:
        with disk_errors("written", target), replacing(target) as temporary:
            temporary.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        say(f"\n{shown_path(target)}")
    if target and not options.json:
        with disk_errors("written", trained.images):
            publish_again(trained, design)
    return 0


def load_reference(name: str, source: str, count: int, beside: str = "") -> RealImages:
    """Load the set `name`, see `load_real`. UserError unless each part has `count` images."""
    real = load_real(name, source, say, beside)
    if (most := min(len(real.train), len(real.test))) < count:
        raise UserError(f"there are only {most} images to compare with; choose a smaller --count")
    return real


def read_images(path: Path) -> np.ndarray:
    """Read images, uint8 [N, 28, 28, 1], from an .npz of gan.generate. Raises UserError."""
    with disk_errors("read", path):
        images = read_npz(path, "images")
    images = images[..., np.newaxis] if images.ndim == 3 else images
    check_comparable(images.shape[1:], str(path))
    if len(images) < LEAST:
        raise UserError(f"{path} holds {len(images)} images; at least {LEAST} are needed")
    return images


def publish_again(run: Run, design: Design) -> None:
    """Write the run's page again, now with the figures.

    The page shows the newest checkpoint, because the run may have more steps now than `design`.
    While the run is being trained, this does nothing: the training writes the page itself, with
    its next checkpoint.
    """
    from gan.data.batches import Schedule
    from gan.pictures.gallery import Gallery

    if not run.folder.exists():
        return  # `locked` would create it again
    with suppress(UserError), run.locked():
        config = run.config()
        if not config or not (steps := run.resume(design, config, say=lambda line: None)):
            return  # the run was deleted or started over
        length = {name: config["recipe"][name] for name in LENGTH}
        recipe = override(design.recipe, **length)
        schedule = Schedule(recipe, config["data"]["images"][0], config["seed"])
        run.images.mkdir(parents=True, exist_ok=True)
        commands = next_commands(run, config, steps, schedule.total_steps)
        metrics = run.checkpoints.path(steps) / "metrics.csv"
        Gallery(design, run, schedule).publish(steps, commands, metrics)


def table(result: dict, classes: Sequence[str]) -> str:
    """The figures as a text table, beside their floor: the same figures of real images.

    `classes` are the names of what the classifier tells apart.
    """
    lines = [f"{'':30}{'these':>8}{'real':>8}  better"]
    for name, (title, form, better) in FIGURES.items():
        these, real = (format(result[kind][name], form) for kind in ("figures", "floor"))
        lines.append(f"{title:30}{these:>8}{real:>8}  {better}")
    lines.append("")
    shares = (result[kind]["digits"] for kind in ("figures", "floor"))
    for name, these, real in zip(classes, *shares, strict=True):
        lines.append(f"{f'share of {name}':30}{these:>8.1%}{real:>8.1%}")
    return "\n".join(lines)


if __name__ == "__main__":
    run_command(main)
