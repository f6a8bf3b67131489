"""The settings of a design.

This module defines the type, range and help text of each setting, once. The values are in the
design's own module, as in its document. The options of `python -m gan.train` are made from
`Recipe`.
"""

import operator
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from math import ceil
from typing import Any

from gan.support.errors import UserError


def _number(kind: type, least: float, most: float, wanted: str) -> Callable:
    """A check that a value, or its text, is a number from `least` to `most`."""

    def check(value: object) -> int | float:
        try:
            number = kind(value)
            if least <= number <= most and (isinstance(value, str) or number == value):
                return number
        except (TypeError, ValueError, OverflowError):
            pass
        raise UserError(f"must be {wanted}, not {value!r}")

    return check


def whole_number(least: int, most: int) -> Callable:
    """A check that a value, or its text, is a whole number from `least` to `most`."""
    return _number(int, least, most, f"a whole number from {least} to {most}")


positive_int = whole_number(1, 2**31 - 1)
size_number = whole_number(1, 2**16)  # of a batch or a vector; larger ones fill any memory
seed_number = whole_number(0, 2**31 - 1)  # the range that NumPy, Keras and TensorFlow accept
positive_float = _number(float, 5e-324, 1e6, "a number above 0, at most a million")
fraction = _number(  # 1 - 0.99999 is still above 0 in float32
    float, 0, 0.99999, "a number of at least 0 and at most 0.99999"
)

less_than_half = _number(float, 0, 0.49999, "a number of at least 0 and below 0.5")


def is_side(pixels: int) -> bool:
    """Whether images may have this height or width: the convolutional designs halve it twice."""
    return pixels % 4 == 0 and 12 <= pixels <= 1024


def image_shape_of(value: object) -> tuple[int, int, int]:
    """`value` as (height, width, channels), if images may have this shape."""
    try:
        height, width, channels = (operator.index(size) for size in value)
        if is_side(height) and is_side(width) and channels in (1, 3):
            return height, width, channels
    except (TypeError, ValueError):
        pass
    raise UserError(
        "must be (height, width, channels), with sides in multiples of 4 from 12 to 1024 and "
        f"1 or 3 channels, not {value!r}"
    )


def yes_or_no(value: object) -> bool:
    """A check that a value is True or False."""
    if not isinstance(value, bool):
        raise UserError(f"must be True or False, not {value!r}")
    return value


def checked(name: str, check: Callable | tuple[str, ...], value: object) -> Any:
    """`value`, if it is one of the values `check`, or the result of the function `check`.

    Raises UserError with the name of the setting.
    """
    if isinstance(check, tuple):
        if value not in check:
            raise UserError(f"{name} must be {' or '.join(check)}, not {value!r}")
        return value
    try:
        return check(value)
    except UserError as error:
        raise UserError(f"{name} {error}") from None


def setting(check: Callable | tuple[str, ...], help: str, **default: object) -> Any:
    """Declare a field with the check (see `checked`) and the help of its command-line option."""
    return field(metadata={"check": check, "help": help}, **default)


PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one design is trained. None means that the design has no such setting.

    The default of a new setting must keep the old behaviour, because older runs have no such
    setting in their config and get the default. Raises UserError with the name of the setting if
    a value has the wrong type or is out of range.
    """

    steps: int | None = setting(
        positive_int,
        "total steps, with those already trained (a step uses one batch)",
        default=None,
    )
    epochs: int | None = setting(
        positive_int, "total passes through the data, instead of --steps", default=None
    )
    batch_size: int = setting(size_number, "real images per step")
    latent_dim: int = setting(size_number, "length of a noise vector")
    learning_rate: float = setting(positive_float, "learning rate of both nets")
    d_rate_factor: float = setting(
        positive_float, "D's learning rate, as a multiple of --learning-rate", default=1.0
    )
    label_smoothing: float = setting(
        less_than_half, "D is to give real images the probability 1 - N, not 1", default=0.0
    )
    beta_1: float | None = setting(fraction, "beta_1 of Adam", default=None)
    momentum: float | None = setting(fraction, "SGD's Nesterov momentum", default=None)
    dropout: float | None = setting(
        fraction, "share of D's activations that are set to 0 in training", default=None
    )
    noise: str = setting(
        ("normal", "uniform"), "normal: N(0, 1), or uniform: U(-1, 1)", default="normal"
    )
    order: str = setting(
        ("random", "shuffled", "sequential"),
        "random: drawn with replacement; shuffled: in a new order every epoch; or sequential",
        default="random",
    )
    last_batch: str | None = setting(
        ("kept", "dropped"),
        "keep or drop the last batch of an epoch if it is incomplete",
        default=None,
    )
    sample_interval: int | None = setting(
        positive_int, "draw a grid of samples every N steps", default=None
    )
    checkpoint_epochs: int | None = setting(
        positive_int, "every N epochs, keep a checkpoint that is never deleted", default=None
    )

    average_decay: float = setting(
        fraction,
        "averaged generator: share of the old average that each step keeps (0: no average)",
        default=0.999,
    )

    sync_batchnorm: bool = setting(
        yes_or_no,
        "on several devices, compute BatchNorm's statistics over the whole batch",
        default=False,
    )

    precision: str = setting(
        PRECISIONS,
        "float32, or bfloat16: faster on new CPUs and GPUs; the weights stay float32",
        default="float32",
    )

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if value is None and each.default is None:
                continue
            value = checked(each.name, each.metadata["check"], value)  # a NumPy number is converted
            object.__setattr__(self, each.name, value)
        if (self.steps is None) == (self.epochs is None):
            raise UserError("give either steps or epochs")

    def steps_per_epoch(self, count: int) -> int:
        """The steps of one pass through `count` images.

        If images are drawn with replacement, it is the number of steps that a pass would need.
        """
        batches = count / self.batch_size
        return ceil(batches) if self.last_batch == "kept" else max(1, int(batches))

    def total_steps(self, count: int) -> int:
        """The length of the whole training on `count` images, in steps."""
        return self.steps or self.epochs * self.steps_per_epoch(count)


LENGTH = ("steps", "epochs")
FREE = (*LENGTH, "average_decay")  # may change when a run continues: no step depends on them


def override(recipe: Recipe, **overrides: object) -> Recipe:
    """`recipe` with some settings replaced; None leaves a setting unchanged.

    `epochs` replaces `steps` and the other way round. Raises UserError for a setting that the
    design does not have.
    """
    overrides = {name: value for name, value in overrides.items() if value is not None}
    for name in overrides:
        if getattr(recipe, name, None) is None and name not in LENGTH:
            known = ", ".join(name for name, value in asdict(recipe).items() if value is not None)
            raise UserError(f"no setting {name!r} in this design; it has {known}")
    if overrides.keys() & set(LENGTH):
        overrides = dict.fromkeys(LENGTH) | overrides
    return replace(recipe, **overrides)
