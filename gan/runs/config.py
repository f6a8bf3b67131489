"""The content of a run's config.json: what the run was started with."""

from __future__ import annotations

import dataclasses
import platform
from typing import TYPE_CHECKING

import numpy as np

from gan.data import Dataset
from gan.recipe import FREE, Recipe

if TYPE_CHECKING:
    from gan.design import Design


def describe(design: Design, dataset: Dataset) -> dict:
    """The content of a run's config.json: everything that its bytes depend on."""
    import keras
    import tensorflow as tf

    return {
        "design": design.name,
        "recipe": dataclasses.asdict(design.recipe),
        "seed": design.seed,
        "data": {
            "source": dataset.source,
            "name": dataset.name,
            "digest": dataset.digest,
            "images": list(dataset.images.shape),
            "resized_to": dataset.resized_to,
        },
        "versions": {
            "python": platform.python_version(),
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "numpy": np.__version__,
        },
    }


def settings(config: dict) -> dict:
    """The recipe in a run's config; settings that are newer than the run get their defaults."""
    defaults = {each.name: each.default for each in dataclasses.fields(Recipe)}
    return defaults | config["recipe"]


def identity(config: dict) -> dict:
    """The part of a run's config that its steps depend on: not its length or its data's path."""
    recipe = {name: value for name, value in settings(config).items() if name not in FREE}
    names = ("design", "seed")
    return {name: config[name] for name in names} | recipe | {"data": config["data"]["digest"]}


def is_config(config: object) -> bool:
    """Whether `config` has everything that the commands read from a config."""
    match config:
        case {
            "design": str(),
            "recipe": dict(),
            "seed": int(),
            "data": {
                "source": str(),
                "name": str(),
                "digest": str(),
                "images": [int(), int(), int(), int()],
                "resized_to": None | [int(), int()],
            },
            "versions": dict(),
        }:
            return True
    return False
