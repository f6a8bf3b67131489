"""Which images a command trains on: those of its --data, or those of the run that it continues."""

import os
from contextlib import suppress
from pathlib import Path

from gan.cli.progress import say
from gan.data.images import ARRAY, Dataset, load_images
from gan.support.errors import UserError


def load_dataset(source: str, image_size: tuple | None, config: dict | None) -> Dataset:
    """Load the data `source`. For a run that has a `config`, `auto` means the data of that run."""
    if source == "auto" and config is not None:
        data = config["data"]
        if data["source"] == ARRAY:
            raise UserError(
                f"the run was trained on {ARRAY}; continue it in Python: design.train(images=...)"
            )
        try:
            dataset = load_images(data["source"], image_size or data["resized_to"], say)
        except UserError as error:
            dataset = load_images(source, image_size, say)  # the file may have moved
            if dataset.digest != data["digest"]:
                raise UserError(
                    f"the run was started with {data['name']}, which cannot be found: {error}; "
                    "if it has moved, give its path with --data or GAN_DATA"
                ) from None
            return dataset
        named = os.environ.get("GAN_DATA") or "auto"
        if named != "auto" and not holds(named, dataset):
            say(f"the run still uses {dataset.name}, not GAN_DATA's images; --fresh starts over")
        return dataset
    return load_images(source, image_size, say)


def holds(source: str, dataset: Dataset) -> bool:
    """Whether `source` holds the same images as `dataset`."""
    if Path(source).resolve() == Path(dataset.source).resolve():
        return True
    with suppress(UserError):
        return load_images(source, dataset.resized_to, say).digest == dataset.digest
    return False
