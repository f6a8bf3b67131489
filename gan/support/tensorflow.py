"""Keras and TensorFlow for all modules of `gan`. Importing this starts them quietly.

TensorFlow's C++ code writes to stderr before its log level applies. If the start fails, the text is
shown.
"""

import functools
import importlib.util
import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from gan.support.errors import UserError
from gan.support.files import keras_home
from gan.support.stderr import quiet_stderr

XLA_FLAGS = "--xla_cpu_copy_insertion_use_region_analysis=true"


@contextmanager
def usable_backend() -> Iterator[None]:
    """Let Matplotlib, which Keras imports, start although MPLBACKEND names a missing module.

    A notebook sets it for its own Python, and so for each command that a cell starts.
    """
    name = os.environ.get("MPLBACKEND", "")
    package = name.removeprefix("module://").split(".")[0]
    if name == package or importlib.util.find_spec(package):  # a usual name, or a module there
        yield
        return
    del os.environ["MPLBACKEND"]
    try:
        yield
    finally:
        os.environ["MPLBACKEND"] = name


with quiet_stderr(), usable_backend():
    try:
        import keras
    except Exception as error:
        where = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
        if not any(name.endswith("keras/src/backend/config.py") for name in where):
            raise
        raise UserError(
            f"Keras cannot start with its settings: {error}; correct or delete "
            f"{keras_home() / 'keras.json'}, and check the variables KERAS_..."
        ) from None
    import tensorflow as tf
    from keras import layers

__all__ = ["keras", "layers", "set_xla_flags", "tf"]


@functools.cache
def set_xla_flags() -> None:
    """From here on, XLA compiles without an additional copy of G's weights in every step.

    `dense` is 1.05 times as fast, with equal bytes. XLA reads its flags from the environment once,
    when it first compiles, so it compiles a trifle here. The flags do not stay there, as another
    library of this process may not know them. If the user has set some, they stay as they are.
    """
    if "XLA_FLAGS" not in os.environ:
        os.environ["XLA_FLAGS"] = XLA_FLAGS
        try:
            tf.function(lambda x: x + 1, jit_compile=True, autograph=False)(tf.constant(1.0))
        finally:
            os.environ.pop("XLA_FLAGS", None)


def configure() -> None:
    """Choose the settings that TensorFlow has only once for the whole process."""
    for gpu in tf.config.list_physical_devices("GPU"):
        with suppress(RuntimeError):  # take memory only as needed: others may use the GPU
            tf.config.experimental.set_memory_growth(gpu, True)
    # On the gradient of dcgan's convolutions this pass prints an error, changes nothing.
    tf.config.optimizer.set_experimental_options({"remapping": False})


with quiet_stderr():  # the search for GPUs is logged
    configure()
