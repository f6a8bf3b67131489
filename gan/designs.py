"""The table of designs: a name for each document."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from gan.recipe import Recipe, override
from gan.support.errors import UserError

if TYPE_CHECKING:
    from gan.design import Design


class Entry(NamedTuple):
    """Where a design is defined, and one line about it.

    The module is only a name here: importing it would load TensorFlow.
    """

    module: str
    class_name: str
    summary: str

    def design_class(self) -> type[Design]:
        """The class, with its document's numbers in `recipe`."""
        return getattr(import_module(self.module), self.class_name)


DESIGNS = {
    "dense": Entry("gan.dense", "GAN", "dense nets, one Adam: the Keras GAN class"),
    "dense-sgd": Entry("gan.dense", "SGDGAN", "the same nets, SGD: the SGD article"),
    "d-on-g": Entry("gan.d_on_g", "DOnG", "upsampling, tanh, SGD: the d_on_g notebook"),
    "mlp": Entry("gan.mlp", "MLPGAN", "dense nets as in PyTorch: the PyTorch article"),
    "dcgan": Entry("gan.dcgan", "ConvolutionalGAN", "convolutions: the DCGAN article"),
}


def find_recipe(name: str) -> Recipe:
    """The recipe of design `name`, with its document's numbers. Raises UserError if unknown."""
    if name not in DESIGNS:
        raise UserError(f"no design {name!r}; choose one of {', '.join(DESIGNS)}")
    return DESIGNS[name].design_class().recipe


def build_design(
    name: str, image_shape: tuple = (28, 28, 1), seed: int = 0, **recipe_overrides: object
) -> Design:
    """Build the nets and optimizers of design `name`, ready to train.

    The initial weights are those of `python -m gan.train NAME --seed SEED`. `recipe_overrides`
    replace the document's numbers; None leaves a number unchanged. Raises UserError for an unknown
    name or setting, or a value out of range.
    """
    recipe = override(find_recipe(name), **recipe_overrides)
    return DESIGNS[name].design_class()(recipe, image_shape, name, seed)
