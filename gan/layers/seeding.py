"""The seed of the initial weights."""

import random
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def first_weights(seed: int) -> Iterator[None]:
    """In nets built in this block, initial weights and dropout masks depend only on `seed`.

    A Keras layer takes the seed of its weights from Python's random state when it is created. The
    caller's state is restored at the end.
    """
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)
