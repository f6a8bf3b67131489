"""Write a page on which trained nets run in the reader's browser: `gan.export --page`.

The page is one HTML file: it needs no network, no server and no library. It holds the weights in
half precision, compressed, and computes the nets with the plain JavaScript of nets.js.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gan.layers.plain import plain
from gan.support.errors import UserError
from gan.support.files import replacing
from gan.support.tensorflow import keras, layers

if TYPE_CHECKING:
    from gan.design import Design

TEMPLATE = Path(__file__).with_name("play.html")
NETS = Path(__file__).with_name("nets.js")
LARGE = 50_000_000  # bytes of a page that says its size before it is written
ACTIVATIONS = ("linear", "tanh", "sigmoid", "relu")  # what nets.js computes


def write_play_page(
    path: Path,
    title: str,
    trained: Sequence[tuple[str, Design, str, tuple]],
    say: Callable[[str], None] = print,
) -> None:
    """Write the page `path` of trained designs, given as (name, design, length, generators).

    `length` says how long it was trained. `generators`: "last", "averaged", or both. `say` prints
    the size of a page of more than 50 MB before the page is written. Raises UserError for a layer
    that nets.js cannot compute, or a weight that is too large for half precision. Raises OSError.
    """
    weights = Weights()
    nets = [entry(weights, *each) for each in trained]
    text = json.dumps({"title": title, "nets": nets}).replace("<", "\\u003c")
    # The weights are most of the page: they are not copied into one text with the rest.
    before, after = TEMPLATE.read_text(encoding="utf-8").split("WEIGHTS")
    before = before.replace("NETS_JS", NETS.read_text(encoding="utf-8")).replace("PAGE", text)
    page = (before.encode(), weights.encoded(), after.encode())
    size = sum(map(len, page))
    if size > LARGE:
        say(f"the page will be {size / 1e6:,.0f} MB, which a browser opens slowly")
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.writelines(page)


def entry(weights: Weights, name: str, design: Design, length: str, generators: tuple) -> dict:
    """What the page knows of a design: its noise, its nets, what to say about it."""
    values = {"last": None, "averaged": design.averages}
    notes = []
    if name != design.name:
        notes.append(f"the nets of {design.name}, trained with other settings than its document's")
    if design.samples_in_training_mode:
        notes.append("drawn with BatchNorm's moving statistics (its document uses each batch's)")
    return {
        "name": name,
        "length": length,
        "note": "; ".join(notes),
        "noise": design.recipe.noise,
        "logits": design.discriminator.layers[-1].activation is keras.activations.linear,
        "latentDim": design.recipe.latent_dim,
        "shape": design.image_shape,
        "generators": {
            kind: list_layers(plain(design.generator, values[kind]), weights.add)
            for kind in generators
        },
        "discriminator": list_layers(plain(design.discriminator), weights.add),
    }


class Weights:
    """All weights of a page, one after another, in half precision."""

    def __init__(self) -> None:
        self.parts, self.count = [], 0

    def add(self, variable: keras.Variable | None) -> int | None:
        """Append a variable; return where it begins. None stays None."""
        if variable is None:
            return None
        with np.errstate(over="ignore"):
            values = np.ravel(variable.numpy()).astype("<f2")
        if not np.isfinite(values).all():
            raise UserError("a weight is too large for half precision, so the page cannot hold it")
        self.parts.append(values)
        self.count += len(values)
        return self.count - len(values)

    def encoded(self) -> bytes:
        """The weights as nets.js reads them: low bytes, then high bytes, deflated, as base64."""
        deflate = zlib.compressobj(9)
        parts = [part.view(np.uint8)[byte::2] for byte in (0, 1) for part in self.parts]
        packed = [deflate.compress(part.tobytes()) for part in parts]
        return base64.b64encode(b"".join([*packed, deflate.flush()]))


def list_layers(net: keras.Model, add: Callable) -> list[dict]:
    """The layers of a net of Keras' own layers, as nets.js reads them; the first is its input."""
    found = [{"kind": "input", "shape": net.input_shape[1:]}]
    for layer in net.layers:
        match layer:
            case keras.Sequential():  # UpSampling2D and its convolution: see UpSamplingConv2D
                found += [{"kind": "upsampled"} | kernel(layer.layers[1], add)]
            case layers.Dense():
                found += [{"kind": "dense"} | kernel(layer, add)]
            case layers.Conv2DTranspose():
                found += [{"kind": "transposed"} | kernel(layer, add)]
            case layers.Conv2D():
                found += [{"kind": "convolution"} | kernel(layer, add)]
            case layers.BatchNormalization():
                found += [{"kind": "normalise", "epsilon": layer.epsilon} | statistics(layer, add)]
            case layers.LeakyReLU():
                found += [{"kind": "leaky", "slope": layer.negative_slope}]
            case layers.MaxPooling2D(pool_size=(2, 2)):
                found += [{"kind": "pool"}]
            case layers.Reshape() | layers.Flatten() | layers.Dropout() | layers.Activation():
                found += [{"kind": "reshape"}]
            case _:
                raise UserError(f"the page cannot compute the layer {type(layer).__name__}")
        found[-1]["shape"] = layer.output.shape[1:]
        activation = getattr(getattr(layer, "activation", None), "__name__", "linear")
        if activation not in ACTIVATIONS:
            raise UserError(f"the page cannot compute the activation {activation!r}")
        if activation != "linear":
            found.append({"kind": "activation", "name": activation, "shape": found[-1]["shape"]})
    return found


def kernel(layer: keras.Layer, add: Callable) -> dict:
    """The weights and the geometry of a dense or convolutional layer."""
    found = {"kernel": add(layer.kernel), "bias": add(layer.bias if layer.use_bias else None)}
    if hasattr(layer, "kernel_size"):
        same = layer.padding == "same"
        found |= {"size": layer.kernel_size[0], "stride": layer.strides[0], "same": same}
    return found


def statistics(layer: layers.BatchNormalization, add: Callable) -> dict:
    """The weights of a BatchNormalization."""
    values = (layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance)
    return dict(zip(("gamma", "beta", "mean", "variance"), map(add, values), strict=True))
