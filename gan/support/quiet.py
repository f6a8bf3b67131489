"""Importing this starts TensorFlow and Keras quietly, and makes equal runs give equal bytes.

TensorFlow's C++ code writes to stderr before its log level applies, so the file descriptor is
redirected. If the start fails, the text is shown.

With more than one inter-op thread, TensorFlow runs operations of a step in parallel, and the
convolutional designs then give different bytes in every run. One thread costs no speed: each
operation still uses all cores.
"""

import os
import sys
import tempfile
from contextlib import suppress


def _start() -> None:
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as chatter:
        os.dup2(chatter.fileno(), 2)
        try:
            import keras  # noqa: F401
            import tensorflow as tf

            with suppress(RuntimeError):  # TensorFlow is already running; see `is_exact`
                tf.config.threading.set_inter_op_parallelism_threads(1)
            for gpu in tf.config.list_physical_devices("GPU"):  # the search for GPUs is logged
                with suppress(RuntimeError):  # take memory only as needed: others may use the GPU
                    tf.config.experimental.set_memory_growth(gpu, True)
            # On the gradient of dcgan's convolutions this pass prints an error, changes nothing.
            tf.config.optimizer.set_experimental_options({"remapping": False})
        except Exception:
            chatter.seek(0)
            os.write(stderr, chatter.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def is_exact() -> bool:
    """Whether operations run one at a time, so that equal runs give equal bytes."""
    import tensorflow as tf

    threads = tf.config.threading.get_inter_op_parallelism_threads()
    return (threads or os.environ.get("TF_NUM_INTEROP_THREADS")) in (1, "1")


_start()
