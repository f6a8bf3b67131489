"""The content of a run's config.json: what the run was started with."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from gan.data import Dataset
from gan.recipe import FREE, PRECISIONS, Recipe

if TYPE_CHECKING:
    from gan.design import Design


def make_config(design: Design, dataset: Dataset) -> dict:
    """The content of a run's config.json: everything that its bytes depend on."""
    from gan.support.exact import cores, is_deterministic, uses_tf32
    from gan.support.gpus import cuda_libraries
    from gan.support.tensorflow import keras, tf

    on_gpu = design.device_kind == "GPU"
    recipe = dataclasses.asdict(design.recipe)
    if design.precision in PRECISIONS:  # a global policy of Keras may have set another than asked
        recipe["precision"] = design.precision
    optimizers = {}
    for net, optimizer in (("d", design.d_optimizer), ("g", design.g_optimizer)):
        settings_of = optimizer.get_config() | {"class": type(optimizer).__name__}
        optimizers[net] = {name: value for name, value in settings_of.items() if name != "name"}
    return {
        "design": design.name,
        "recipe": recipe,
        "seed": design.seed,
        "start": None,  # see gan.runs.start
        "precision": design.precision,
        "optimizers": optimizers,
        "data": {
            "source": dataset.source,
            "name": dataset.name,
            "digest": dataset.digest,
            "published": dataset.published,
            "images": list(dataset.images.shape),
            "resized_to": dataset.options.image_size,
            "background": dataset.options.background,
            "subfolders": dataset.options.subfolders,
            "skip_damaged": dataset.options.skip_damaged,
        },
        "devices": devices_of(design),
        "strategy": type(design.distribute_strategy).__name__,
        "cores": None if on_gpu else cores(),
        "deterministic": is_deterministic() if on_gpu else None,  # CPUs need no such kernels
        "tf32": uses_tf32() if on_gpu else None,
        "versions": {
            "python": platform.python_version(),
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "numpy": np.__version__,
            "cuda": cuda_libraries(),
        },
    }


def devices_of(design: Design) -> str:
    """The devices that train the design, as text: "1 CPU", or "2 GPUs (NVIDIA L4)"."""
    from gan.support.gpus import names
    from gan.support.tensorflow import tf

    count, kind = design.distribute_strategy.num_replicas_in_sync, design.device_kind
    text = f"{count} {kind}{'s' if count > 1 else ''}"
    if kind == "GPU":
        kinds = dict.fromkeys(names(tf.config.get_visible_devices("GPU")))
        text += f" ({' and '.join(kinds)})"
    return text


def settings(config: dict) -> dict:
    """The recipe in a run's config; settings that are newer than the run get their defaults."""
    defaults = {each.name: each.default for each in dataclasses.fields(Recipe)}
    return defaults | config["recipe"]


def how_far(config: dict, steps: int) -> str:
    """How far a run is after `steps` steps, as text: "2,000 of 30,000 steps", or "30,000 steps"."""
    total = total_steps(config)
    return f"{steps:,} steps" if steps >= total else f"{steps:,} of {total:,} steps"


def total_steps(config: dict) -> int:
    """The length of a run in steps. Raises UserError if its recipe is damaged."""
    names = [each.name for each in dataclasses.fields(Recipe)]  # a script's design may have more
    known = {name: value for name, value in settings(config).items() if name in names}
    return Recipe(**known).total_steps(config["data"]["images"][0])


def identity(config: dict) -> dict:
    """The part of a run's config that its steps depend on: not its length or its data's path."""
    recipe = {name: value for name, value in settings(config).items() if name not in FREE}
    own = {"design": config["design"], "seed": config["seed"], **recipe}
    own["precision"] = config.get("precision", recipe["precision"])  # older runs have one only
    for net, optimizer in (config.get("optimizers") or {}).items():
        own |= {f"{net}_optimizer's {name}": value for name, value in optimizer.items()}
    start = config.get("start")
    return own | {"start": start and start["digest"], "data": config["data"]["digest"]}


def describe_start(start: dict | None) -> str:
    """The weights with which a run began, as text."""
    if start is None:
        return "the weights of its seed"
    if start["run"] is None:
        return f"weights that a script set (digest {start['digest'][:8]})"
    steps = f" after {start['steps']:,} steps" if start["steps"] else ""
    return f"the weights of {start['run']}{steps}"


def difference(old: dict, new: dict) -> str | None:
    """The first part of the identities that differs, as "<old>, not <new>"; None if none does."""
    was, now = identity(old), identity(new)
    if was["start"] != now["start"]:
        return f"{describe_start(old.get('start'))}, not {describe_start(new.get('start'))}"
    known = {name for name in (*now, *was) if "_optimizer's" not in name}
    if old.get("optimizers") and new.get("optimizers"):  # older runs do not say
        known = {*now, *was}
    for name in filter(known.__contains__, [*now, *was]):
        if name != "data" and was.get(name) != now.get(name):
            return f"{name} {was.get(name)}, not {now.get(name)}"
    if was["data"] == now["data"]:
        return None
    if old["data"]["source"] == new["data"]["source"]:
        return f"other images of {new['data']['name']}: they, or the options for them, have changed"
    was, now = (f"{c['data']['name']} (digest {c['data']['digest'][:8]})" for c in (old, new))
    return f"the data {was}, not {now}"


def changes(old: dict, new: dict, has_average: bool) -> Iterator[str]:
    """A line for each change that a run may make when it continues.

    `has_average`: whether its checkpoint has the averages of G's variables.
    """
    on_gpu = "GPU" in new["devices"]
    versions, now = (
        {name: version for name, version in each["versions"].items() if name != "cuda" or on_gpu}
        for each in (old, new)
    )
    if versions != now:
        began = ", ".join(f"{library} {version}" for library, version in versions.items())
        yield f"the run began with {began}; from here on its bytes may differ"
    devices = old.get("devices", new["devices"])  # older runs do not say
    if devices != new["devices"]:
        yield f"the run was on {devices}, and is on {new['devices']}; its bytes may differ"
    elif (was := old.get("strategy", new["strategy"])) != new["strategy"]:
        yield f"the run was trained with {was}, and is with {new['strategy']}; its bytes may differ"
    was, now = old.get("cores"), new["cores"]  # None: on GPUs, or an older run
    if was and now and was != now:
        yield f"the run used {was} core(s), and uses {now}; its bytes may differ"
    for name, what in {"deterministic": "op determinism", "tf32": "TF32"}.items():
        was, now = old.get(name), new[name]  # None: on a CPU, or an older run
        if was is not None and now is not None and was != now:
            on, off = ("on", "off") if was else ("off", "on")
            yield f"the run was trained with {what} {on}, and goes on with {what} {off}"
    before, decay = (each["recipe"].get("average_decay") for each in (old, new))
    if decay and not has_average:
        yield "the average of G's weights begins here"
    elif has_average and before != decay:
        yield f"average_decay was {before:g}, and is {decay:g} from here on"


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
