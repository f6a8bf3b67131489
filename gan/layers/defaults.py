"""Keras' own defaults for our nets and losses, whatever keras.json or a script has set."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from gan.support.tensorflow import keras

LOCK = threading.RLock()  # Keras' settings are those of all threads


@contextmanager
def keras_defaults() -> Iterator[None]:
    """In this block, layers take images [B, H, W, C], and losses clip probabilities at 1e-7.

    The user's own settings are restored at the end. Other threads wait for the end.
    """
    with LOCK:
        before = keras.config.image_data_format(), keras.config.epsilon()
        keras.config.set_image_data_format("channels_last")
        keras.config.set_epsilon(1e-7)
        try:
            yield
        finally:
            keras.config.set_image_data_format(before[0])
            keras.config.set_epsilon(before[1])
