"""Where the first weights come from."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def first_weights(seed: int) -> Iterator[None]:
    """Build nets whose first weights and dropout masks depend on `seed` alone.

    A Keras layer takes the seed of its weights from Python's random state when it is made. The
    caller's state is restored.
    """
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)
