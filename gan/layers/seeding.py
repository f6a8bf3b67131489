"""The first values of variables: the seed of the weights, their digest, and back to them."""

import hashlib
import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

LOCAL = threading.local()  # `random`, in a thread that builds nets


class _Random:
    """Python's random numbers for Keras, but those of `LOCAL` in a thread that builds nets."""

    def randint(self, least: int, most: int) -> int:
        return getattr(LOCAL, "random", random).randint(least, most)


@contextmanager
def first_weights(seed: int) -> Iterator[None]:
    """In nets built in this block, initial weights and dropout masks depend only on `seed`.

    A Keras layer takes the seed of its weights from Python's random state when it is created. Other
    threads draw from that state, too, so Keras gets a state of this thread's own. Code that itself
    draws in this block gets the same numbers. The caller's state is restored at the end.
    """
    from keras.src.random import seed_generator  # noqa: TID251  there is no public way

    seed_generator.python_random = _Random()
    LOCAL.random = random.Random(seed)
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)
        del LOCAL.random


def digest(variables: Sequence) -> str:
    """SHA-256 of the bytes of Keras' `variables` in order, with their types and shapes."""
    found = hashlib.sha256()
    for variable in variables:
        array = variable.numpy()
        found.update(f"{array.dtype}{array.shape}".encode())
        found.update(array.ravel().view(np.uint8))
    return found.hexdigest()


def first_values(variables: Sequence) -> list[tuple]:
    """Each Keras variable with its value; one 0 stands for many, to save memory (optimizers)."""
    values = [(variable, variable.numpy()) for variable in variables]
    return [(variable, value if value.any() else value.dtype.type(0)) for variable, value in values]


def reset(first: Sequence[tuple]) -> None:
    """Set variables to the values that `first_values` returned."""
    for variable, value in first:
        variable.assign(np.broadcast_to(value, variable.shape))
