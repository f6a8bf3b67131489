"""The floating-point format in which a design computes.

With bfloat16, all layers compute in bfloat16 except the last ones, where the rounding would be
visible: images, and D's output, from which the losses are computed, stay float32
(`dtype=keras.config.floatx()` in the designs). Weights, gradients, optimizers and BatchNorm's
statistics stay float32, too.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from gan.support.errors import UserError
from gan.support.tensorflow import keras


@contextmanager
def precision(name: str) -> Iterator[None]:
    """Nets built in this block compute in `name`: float32, or bfloat16 with float32 weights.

    Raises UserError if Keras' floatx has 16 bits.
    """
    if (floatx := keras.config.floatx()) in ("float16", "bfloat16"):
        raise UserError(
            f"Keras' floatx is {floatx}; set it to float32, in keras.json or with "
            "keras.config.set_floatx, and choose bfloat16 with precision"
        )
    before = keras.config.dtype_policy()
    if name == "bfloat16":
        keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def format_of(*nets: keras.Model) -> str:
    """The format in which the layers of `nets` compute.

    float32 or bfloat16 as above; or what a script has set for all of Keras, by the names of Keras'
    policies: float64, mixed_float16, float32+float64.
    """
    found = {layer.dtype_policy.name for net in nets for layer in net._flatten_layers()}
    if len(mixed := found - {"float32"}) == 1 and mixed < {"mixed_bfloat16", "mixed_float16"}:
        return mixed.pop().replace("mixed_bfloat16", "bfloat16")
    return "+".join(sorted(found))
