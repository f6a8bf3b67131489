"""In which floating-point format a design computes.

In bfloat16 all layers do but for the last, where it would show: images, and D's judgement, of which
the losses are, come out in float32 (`dtype=keras.config.floatx()` in the designs). Weights,
gradients and optimizers are float32. BatchNorm takes its statistics in float32, as Keras has it.
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
