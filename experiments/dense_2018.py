"""`gan.train` with one more design, dense-2018: the Keras GAN class with the BatchNorm of 2018

Keras then updated the moving variance with n / (n - 1 - epsilon) times the variance of the batch, a
factor of 1.032 at a batch of 32. Today's Keras uses the variance itself. The fakes that D learns
from, and the samples, use the moving statistics. `make study-batchnorm` trains and measures it.
"""

import results  # noqa: F401  makes gan importable from any folder

import gan.dense
from gan import train
from gan.cli import run_command
from gan.designs import DESIGNS, Entry
from gan.layers.pytorch import BatchNorm1d
from gan.support.tensorflow import tf


class BatchNormalization2018(BatchNorm1d):
    """BatchNorm of Keras 2.1.4 to 2.3: n / (n - 1 - epsilon) where PyTorch has n / (n - 1)."""

    def divisor(self, count: tf.Tensor) -> tf.Tensor:
        return (count - 1 - self.epsilon) / (1 + self.epsilon)


class GAN2018(gan.dense.GAN):
    """The Keras GAN class with the BatchNorm of its time."""

    def build_generator(self):
        usual, gan.dense.BatchNormalization = gan.dense.BatchNormalization, BatchNormalization2018
        try:
            return super().build_generator()
        finally:
            gan.dense.BatchNormalization = usual


def add_design() -> None:
    """Make `build_design("dense-2018")` known in this process."""
    DESIGNS["dense-2018"] = Entry("dense_2018", "GAN2018", "dense with the BatchNorm of 2018")


if __name__ == "__main__":
    add_design()
    run_command(train.main)
