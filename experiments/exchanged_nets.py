"""`gan.train` with two more designs: loops of two documents with the nets of a third

The SGD article says that one can modify its two net functions to explore other GANs, such as DCGAN.
Here `build_generator` and `build_discriminator` return the nets of the DCGAN article; all else is
the SGD article's (exchanged-sgd), or the Keras GAN class's (exchanged-adam), whose loop is the same
but for its optimizer. `make study-exchanged-nets` trains and measures both.
"""

import results  # noqa: F401  makes gan importable from any folder

import gan.dcgan
from gan import train
from gan.cli import run_command
from gan.dense import GAN, SGDGAN
from gan.designs import DESIGNS, Entry
from gan.layers.replicas import Dropout
from gan.support.tensorflow import keras, layers, tf


class TrainingDropout(Dropout):
    """Dropout in every call: Keras' `train_on_batch`, which the documents use, trains with it."""

    def call(self, inputs: tf.Tensor, training: bool = True) -> tf.Tensor:
        return super().call(inputs, training=True)


class DCGANNets:
    """The two net functions of `gan.dense.GAN`, with the nets of the DCGAN article."""

    compile_with_xla = False  # it slows convolutions down

    def build_generator(self) -> keras.Model:
        recipe = self.recipe
        return gan.dcgan.make_generator_model(
            recipe.latent_dim, self.image_shape, recipe.sync_batchnorm
        )

    def build_discriminator(self) -> keras.Model:
        usual, gan.dcgan.Dropout = gan.dcgan.Dropout, TrainingDropout
        try:
            model = gan.dcgan.make_discriminator_model(self.image_shape)
        finally:
            gan.dcgan.Dropout = usual
        # The loop's loss wants a probability; the DCGAN article's D ends with a logit.
        model.add(layers.Activation("sigmoid", dtype=keras.config.floatx()))
        return model


class ExchangedSGD(DCGANNets, SGDGAN):
    """The SGD article's loop and numbers."""

    usual_name = "exchanged-sgd"


class ExchangedAdam(DCGANNets, GAN):
    """The Keras GAN class's loop and numbers."""

    usual_name = "exchanged-adam"


def add_design() -> None:
    """Make `build_design("exchanged-sgd")` and "exchanged-adam" known in this process."""
    about = "the nets of the DCGAN article"
    DESIGNS["exchanged-sgd"] = Entry("exchanged_nets", "ExchangedSGD", f"{about}, SGD")
    DESIGNS["exchanged-adam"] = Entry("exchanged_nets", "ExchangedAdam", f"{about}, one Adam")


if __name__ == "__main__":
    add_design()
    run_command(train.main)
