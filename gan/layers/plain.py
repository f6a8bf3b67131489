"""Nets that contain only Keras' own layers, so they load without `gan`."""

from collections.abc import Sequence
from pathlib import Path

from gan.support.files import replacing
from gan.support.tensorflow import keras


def plain(net: keras.Model, variables: Sequence | None = None) -> keras.Model:
    """A copy of `net` with Keras' own layers instead of ours, which return them in `as_keras`.

    `variables`: values to use instead of the net's own, in the order of `net.variables`.
    """

    def as_keras(layer: keras.Layer) -> keras.Layer:
        if hasattr(layer, "as_keras"):
            return layer.as_keras()
        return type(layer).from_config(layer.get_config())

    copy = keras.models.clone_model(net, clone_function=as_keras)
    for mine, given in zip(copy.variables, variables or net.variables, strict=True):
        mine.assign(given)
    return copy


def save_plain(path: Path, net: keras.Model, variables: Sequence | None = None) -> None:
    """Write `plain(net, variables)` to the file `path`, completely or not at all."""
    with replacing(path) as temporary:
        plain(net, variables).save(temporary)
