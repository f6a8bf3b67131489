"""Importing this starts TensorFlow and Keras, without what they write to stderr while they do.

That comes from C++ before TensorFlow's own log level applies, so the descriptor is turned away.
Where the start fails, what was written is shown.
"""

import os
import sys
import tempfile


def _start() -> None:
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as chatter:
        os.dup2(chatter.fileno(), 2)
        try:
            import keras  # noqa: F401
            import tensorflow as tf

            tf.config.list_physical_devices()  # looks for GPUs, and says so
        except Exception:
            chatter.seek(0)
            os.write(stderr, chatter.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


_start()
