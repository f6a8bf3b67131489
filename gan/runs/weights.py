"""The weights of trained nets in half precision, as the project ships them.

<name>-<n>.npy   float16, all variables one after another, split into files of at most 8 MB

The name is `weights` for both nets, `average` for the averages of G's variables.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gan.layers.seeding import digest
from gan.support.errors import UserError
from gan.support.files import remove, replacing

if TYPE_CHECKING:
    from gan.design import Design

VALUES_IN_A_FILE = 4_000_000


def save_weights(folder: Path, variables: Sequence, name: str = "weights") -> None:
    """Write Keras `variables` to `folder`, rounded to half precision.

    Raises ValueError if a value is too large for half precision, NaN or infinite.
    """
    values = np.concatenate([np.ravel(variable.numpy()) for variable in _weights(variables)])
    with np.errstate(over="ignore"):
        values = values.astype(np.float16)
    if not np.isfinite(values).all():
        raise ValueError("a weight is too large for half precision, or is NaN or infinite")
    folder.mkdir(parents=True, exist_ok=True)
    written = set()
    for number, first in enumerate(range(0, len(values), VALUES_IN_A_FILE)):
        path = folder / f"{name}-{number}.npy"
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.save(file, values[first : first + VALUES_IN_A_FILE], allow_pickle=False)
        written.add(path)
    for old in set(folder.glob(f"{name}-*.npy")) - written:
        remove(old)


def load_weights(folder: Path, variables: Sequence, name: str = "weights") -> None:
    """Set `variables` to the values that `save_weights` wrote. Raises UserError if it cannot."""
    try:
        files = sorted(folder.glob(f"{name}-*.npy"), key=lambda path: int(path.stem.split("-")[1]))
        values = np.concatenate([np.load(path, allow_pickle=False) for path in files])
    except (OSError, ValueError, EOFError):
        raise UserError(f"the weights in {folder} are missing or damaged") from None
    variables = _weights(variables)
    ends = np.cumsum([np.prod(variable.shape, dtype=int) for variable in variables])
    if len(values) != ends[-1]:
        raise UserError(f"the weights in {folder} belong to other nets, or are not complete")
    for variable, part in zip(variables, np.split(values, ends[:-1]), strict=True):
        variable.assign(part.reshape(variable.shape).astype(np.float32))


def _weights(variables: Sequence) -> list:
    """All variables but the states of random generators, which are not weights."""
    return [variable for variable in variables if "float" in variable.dtype]


def remember_source(design: Design, name: str, folder: Path, steps: int) -> None:
    """Note that `design` has the weights of `name`, which lie in `folder`, after `steps` steps."""
    design.source_folder = folder
    design.source = {"run": name, "steps": steps, "digest": digest(design.net_weights)}
