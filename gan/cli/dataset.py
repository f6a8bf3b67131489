"""Which images a command trains on: those of its --data, or those of the run that it continues."""

import argparse
import math
import os
import shlex
from contextlib import suppress
from pathlib import Path

import numpy as np

from gan.cli.options import a_file, not_empty, side_lengths
from gan.cli.progress import say, warn
from gan.data.download import Unreachable
from gan.data.images import ARRAY, SETS, Dataset, FolderOptions, load_images
from gan.formats.folder import BACKGROUNDS
from gan.support.errors import UserError, disk_errors
from gan.support.files import make_folder, shown_path

IMAGES_SHOWN = 100  # at most, by --show-data
BYTES_SHOWN = 2**24  # of their pixels, at most


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which images to train on."""
    add = parser.add_argument_group("data").add_argument
    text = """auto, mnist, fashion, synthetic, an .npz like Keras' mnist.npz, an .npy of uint8
        images or of Moving MNIST, a .csv of MNIST, or a folder of IDX files or of images (default:
        auto, which is $GAN_DATA if set, else MNIST, else the built-in digits)"""
    add("--data", type=not_empty, default="auto", help=text)
    text = "resize the images of a folder to height x width (default: no resizing)"
    add("--image-size", metavar="HxW", type=side_lengths, help=text)
    text = """what lies under transparent pixels (default: the one from which the ink of the
        transparent images stands out)"""
    add("--background", choices=tuple(BACKGROUNDS), help=text)
    text = "read the subfolders of a folder of images, too"
    add("--subfolders", action="store_true", help=text)
    text = "leave out damaged images; without this, they are an error"
    add("--skip-damaged", action="store_true", help=text)
    text = "draw up to 100 of the images, and train nothing; an older FILE.png is replaced"
    add("--show-data", metavar="FILE.png", type=a_file(".png"), help=text)


def load_dataset(given: argparse.Namespace, config: dict | None) -> Dataset:
    """Load the data of --data. For a run that has a `config`, `auto` means the data of that run."""
    source = given.data
    options = FolderOptions(*(getattr(given, name) for name in FolderOptions._fields))
    if config is None:
        return load(source, options)
    data = config["data"]
    if source != "auto":
        return load(source, merged(options, data) if os.path.isdir(source) else options)
    if data["source"] == ARRAY:
        raise UserError(
            f"the run was trained on {ARRAY}; continue it in Python: design.train(images=...)"
        )
    named = os.environ.get("GAN_DATA") or "auto"
    if data["source"] not in SETS and not os.path.exists(data["source"]):
        gone = f"the run was started with {data['name']}, which is not at {data['source']} any more"
        try:
            dataset = load(source, merged(options, data) if os.path.isdir(named) else options)
        except UserError as error:
            raise UserError(f"{gone}, and {error}") from None
        if dataset.digest != data["digest"]:
            raise UserError(f"{gone}; if it has moved, give its path with --data or GAN_DATA")
        return dataset
    try:
        dataset = load(data["source"], merged(options, data))
    except Unreachable:
        dataset = load(source, options)
        if dataset.digest != data["digest"]:
            raise
        return dataset
    if named != "auto" and not holds(named, dataset):
        say(f"the run still uses {dataset.name}, not GAN_DATA's images; --fresh starts over")
    return dataset


def load(source: str, options: FolderOptions) -> Dataset:
    return load_images(source, say=say, **options._asdict())


def recorded(data: dict) -> FolderOptions:
    """The options with which a run read its folder; older runs recorded only the size."""
    return FolderOptions(
        data["resized_to"] and tuple(data["resized_to"]),
        data.get("background"),
        data.get("subfolders", False),
        data.get("skip_damaged", False),
    )


def merged(options: FolderOptions, data: dict) -> FolderOptions:
    """The options given, and those recorded for a run where none is given."""
    return FolderOptions(*(own or old for own, old in zip(options, recorded(data), strict=True)))


def data_options(data: dict) -> str:
    """The options of the command line that name a run's own files, as text."""
    if data["source"] in (*SETS, ARRAY):
        return ""
    words = ["--data", data["source"]]
    for name, value in recorded(data)._asdict().items():
        text = "x".join(map(str, value)) if isinstance(value, tuple) else value
        option = f"--{name.replace('_', '-')}"
        words += [] if not value else [option] if value is True else [option, text]
    return f" {shlex.join(words)}"


def holds(source: str, dataset: Dataset) -> bool:
    """Whether `source` holds the same images as `dataset`."""
    if Path(source).resolve() == Path(dataset.source).resolve():
        return True
    with suppress(UserError):
        return load(source, dataset.options).digest == dataset.digest
    return False


def show_data(dataset: Dataset, file: Path) -> None:
    """Draw up to IMAGES_SHOWN images of the data, evenly from the first to the last, as a PNG."""
    from gan.pictures.grid import ZOOM, save_grid

    if Path(dataset.source).is_dir() and file.resolve().is_relative_to(dataset.source):
        raise UserError(f"{file} would be in the data's folder; write it elsewhere")
    if dataset.warning:
        warn(dataset.warning)
    count, *shape = dataset.images.shape
    shown = max(1, min(count, IMAGES_SHOWN, BYTES_SHOWN // math.prod(shape)))
    chosen = np.linspace(0, count - 1, shown).round().astype(int)
    make_folder(file.parent)
    with disk_errors("written", file):
        save_grid(file, dataset.images[chosen], zoom=ZOOM if max(shape) <= 100 else 1)
    say(f"data    {dataset.name}, {dataset} ({dataset.source})")
    say(f"picture {shown_path(file)}, of {shown} of them; nothing was trained")
