"""The content of a run's config.json: what the run was started with."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from gan.data import Dataset
from gan.recipe import FREE, PRECISIONS, Recipe

if TYPE_CHECKING:
    from gan.design import Design


def make_config(design: Design, dataset: Dataset) -> dict:
    """The content of a run's config.json: what its bytes depend on, as far as it can be read."""
    from gan.support.exact import cores, is_deterministic, uses_tf32
    from gan.support.gpus import cuda_libraries
    from gan.support.tensorflow import keras, tf

    on_gpu = design.device_kind == "GPU"
    recipe = dataclasses.asdict(design.recipe)
    if design.precision in PRECISIONS:  # a global policy of Keras may have set another than asked
        recipe["precision"] = design.precision
    return {
        "design": design.name,
        "recipe": recipe,
        "seed": design.seed,
        "start": None,  # see gan.runs.start
        "precision": design.precision,
        "optimizers": optimizers_of(design),
        "frozen": [  # layers that a script keeps from training
            f"{net.name} {number}"
            for net in (design.generator, design.discriminator)
            for number, layer in enumerate(net.layers)
            if layer.weights and not layer.trainable
        ],
        "xla": design.uses_xla,
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


def optimizers_of(design: Design) -> dict:
    """The class and the settings of D's and of G's optimizer, as JSON has them."""
    found = {}
    for net, optimizer in (("d", design.d_optimizer), ("g", design.g_optimizer)):
        settings = {}
        with suppress(NotImplementedError):  # a schedule of the user's own
            settings = optimizer.get_config()
        found[net] = {"class": type(optimizer).__name__, **_plain(settings)}
    return found


def _plain(value: object) -> object:
    """`value` as JSON has it: without names, which count up, and without the code of functions."""
    match value:
        case {"class_name": "__lambda__" | "function"}:
            return "a function"
        case dict():
            return {str(name): _plain(each) for name, each in value.items() if name != "name"}
        case list() | tuple():
            return [_plain(each) for each in value]
        case None | bool() | int() | float() | str():
            return value
    return value.item() if hasattr(value, "item") else type(value).__name__


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
    own["frozen"] = config.get("frozen", [])
    for net, optimizer in (config.get("optimizers") or {}).items():
        own |= {f"{net}_optimizer's {name}": value for name, value in optimizer.items()}
    start = config.get("start")
    own["start"] = start and (start["digest"], start.get("average"))
    return own | {"data": config["data"]["digest"]}


def describe_start(start: dict | None) -> str:
    """The weights with which a run began, as text."""
    if start is None:
        return "the weights of its seed"
    if start["run"] is None:
        return f"weights that a script set (digest {start['digest'][:8]})"
    count = start["steps"]
    steps = f" after {count:,} step{'s' if count > 1 else ''}" if count else ""
    return f"the weights of {start['run']}{steps}"


def difference(old: dict, new: dict) -> str | None:
    """The first part of the identities that differs, as "<old>, not <new>"; None if none does."""
    was, now = identity(old), identity(new)
    if was["start"] != now["start"]:
        return f"{describe_start(old.get('start'))}, not {describe_start(new.get('start'))}"
    for name in [*now, *was]:
        # Versions of Keras, and older runs, may not have a setting of an optimizer.
        known = name in was and name in now if "_optimizer's" in name else name != "data"
        if known and was.get(name) != now.get(name):
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
    was = old.get("xla", new["xla"])
    if devices == new["devices"] and was != new["xla"]:
        how = {True: "with XLA", False: "without XLA"}
        yield f"the run was trained {how[was]}, and goes on {how[new['xla']]}; its bytes may differ"
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
