"""In which floating-point format a design computes.

In bfloat16 all layers do except the last, where it would show: images, and D's output, from which
the losses are computed, are float32 (`dtype=keras.config.floatx()` in the designs). So are weights,
gradients and optimizers, and BatchNorm's statistics.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras


@contextmanager
def precision(name: str) -> Iterator[None]:
    """Build nets that compute in `name`: float32, or bfloat16 with float32 weights."""
    before = keras.config.dtype_policy()
    if name == "bfloat16":
        keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
