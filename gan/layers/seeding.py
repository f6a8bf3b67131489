"""The seed of the initial weights, and the digest by which weights are recognised."""

import hashlib
import random
from collections.abc import Iterator, Sequence
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


def digest(variables: Sequence) -> str:
    """SHA-256 of the bytes of Keras' `variables` in order, with their types and shapes."""
    found = hashlib.sha256()
    for variable in variables:
        array = variable.numpy()
        found.update(f"{array.dtype}{array.shape}".encode() + array.tobytes())
    return found.hexdigest()
