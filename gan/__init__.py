"""The classic MNIST GANs in Keras 3: five documents, ported faithfully.

Start with `gan/dense.py`; the commands are `python -m gan.train`,
`python -m gan.generate` and `python -m gan.evaluate`.
"""

import importlib.util
import os
import sys

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

# TensorFlow and Keras read these variables once, when they are first imported.
# Log errors only. Several workers log nothing: if one is lost, the others print one line instead.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3" if os.environ.get("TF_CONFIG") else "2")
os.environ["KERAS_BACKEND"] = "tensorflow"  # the steps use tf.GradientTape
# Saves XLA a copy of G's weights in every step: `dense` is 1.05 times as fast, with equal bytes.
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_copy_insertion_use_region_analysis=true")
