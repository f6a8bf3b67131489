"""Which devices a run uses."""

from __future__ import annotations

import tensorflow as tf


def choose_strategy() -> tuple[tf.distribute.Strategy, str]:
    """The strategy to build and train in, and a phrase that says which devices that means.

    With one GPU, memory is taken as it is needed, so that a desktop keeps what it draws with.
    """
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    found = f"GPU (one of the {len(gpus)} found)" if gpus else "CPU, no GPU found"
    return tf.distribute.get_strategy(), found
