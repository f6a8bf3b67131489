"""The classic MNIST GANs in Keras 3: five documents, ported faithfully.

Start with `gan/dense.py`, then read `gan/training/plain.py`. The commands are `python -m gan.train`
and, in the same way, `gan.generate`, `gan.export` and `gan.evaluate`.
"""

import importlib.util
import os
import sys
from contextlib import suppress


def _open_closed_streams() -> None:
    """Make the null device of each standard stream that is closed, as by `>&-`.

    Else the next file that is opened gets its number, and what TensorFlow logs is written into it.
    """
    for name, mode in {"stdin": "r", "stdout": "w", "stderr": "w"}.items():
        if getattr(sys, name) is None:
            stream = open(os.devnull, mode, encoding="utf-8")  # noqa: SIM115
            os.set_inheritable(stream.fileno(), True)
            setattr(sys, name, stream)


_open_closed_streams()

# A command was started with a Python that is not the one in .venv.
if sys.argv[0] == "-m" and not importlib.util.find_spec("keras"):
    print(
        "error: this Python has no Keras; use .venv/bin/python (`make train-dense` creates it)",
        file=sys.stderr,
    )
    sys.exit(2)

if "keras" in sys.modules and (backend := sys.modules["keras"].config.backend()) != "tensorflow":
    raise ImportError(
        f"gan needs Keras on TensorFlow, but Keras already runs on {backend} here; "
        "import gan before keras, or set KERAS_BACKEND=tensorflow"
    )

# Keras and TensorFlow read these variables once, when they start. What the user has set stays.
os.environ["KERAS_BACKEND"] = "tensorflow"  # the one exception: the steps use tf.GradientTape
# Log errors only. Several workers log nothing: if one is lost, the others print one line instead.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3" if os.environ.get("TF_CONFIG") else "2")
# With several inter-op threads, TensorFlow runs operations of a step in parallel, and the
# convolutional designs give other bytes in every run. One costs no speed: each operation still uses
# all cores.
if "TF_NUM_INTEROP_THREADS" not in os.environ:
    if "tensorflow" not in sys.modules:
        os.environ["TF_NUM_INTEROP_THREADS"] = "1"
    elif not sys.modules["tensorflow"].config.threading.get_inter_op_parallelism_threads():
        with suppress(RuntimeError):  # TensorFlow has computed something; see `is_exact`
            sys.modules["tensorflow"].config.threading.set_inter_op_parallelism_threads(1)
