"""The convolutional GAN of document 001: UpSampling and tanh, trained by SGD through `d_on_g`.

What is distinctive, and kept:

1. G upsamples by repeating pixels, then convolves; all activations of both nets are tanh, D's last
   a sigmoid. D pools by maximum, and its second convolution has no padding.
2. D takes one update a step, on real and fake images in one batch of 2B, targets 1 and 0.
3. The fakes D learns from come out of `predict`: BatchNorm uses its moving statistics and leaves
   them. G's update, through the stacked model G -> D, runs BatchNorm in training mode.
4. Both nets have an SGD of their own, learning rate 1e-3, Nesterov momentum 0.9.
5. Noise is uniform in (-1, 1); images come in file order, the remainder of an epoch is dropped.

The theory the document tells: the best D is p_data / (p_data + p_g), and with it ln 2 minus D's
mean cross-entropy, the `d_loss` here, is the Jensen-Shannon divergence of p_data and p_g.

Deviations, each on purpose:

- The document leaves its batch size open; 128 is that of the design it follows.
- The step names the variables it changes; the document sets `d.trainable`, which Keras 3 reads at
  another time than Keras 2 did.
- UpSampling2D and the convolution after it are one layer, the same function of the same weights
  computed with fewer multiplications: `gan.layers.upsampling` says how.
- A grid shows one fixed noise, after the step it is named for; the document shows that step's own
  fakes, from before its updates. A last one, `final.png`, is drawn at the end.
- Where D is sure, Keras 3 takes the loss from the logit, as in `gan.dense`.
- Weights are saved as the run's checkpoints, not in every iteration that ends in 09.

    make train-d-on-g         python -m gan.train d-on-g        30 epochs

Fréchet distance to MNIST, real images 0.55 (`make reproduce-d-on-g`): d-on-g 198.
"""

from __future__ import annotations

import gan.support.quiet  # noqa: F401  # isort: skip

import keras
import tensorflow as tf
from keras import layers

from gan.layers.precision import precision
from gan.layers.replicas import BatchNormalization, global_mean
from gan.layers.upsampling import UpSamplingConv2D
from gan.recipe import Recipe

D_ON_G = Recipe(
    epochs=30,
    batch_size=128,
    latent_dim=100,
    learning_rate=1e-3,
    momentum=0.9,
    noise="uniform",
    order="sequential",
    last_batch="dropped",
    sample_interval=100,  # counted anew in each epoch
)


def generator_model(
    latent_dim: int = 100, image_shape: tuple = (28, 28, 1), sync_batchnorm: bool = False
) -> keras.Model:
    """Noise [B, latent_dim] -> images [B, height, width, channels] in [-1, 1]."""
    height, width, channels = image_shape
    model = keras.Sequential(name="generator")
    model.add(keras.Input((latent_dim,)))
    model.add(layers.Dense(1024))
    model.add(layers.Activation("tanh"))
    model.add(layers.Dense(128 * (height // 4) * (width // 4)))
    model.add(BatchNormalization(synchronized=sync_batchnorm))
    model.add(layers.Activation("tanh"))
    model.add(layers.Reshape((height // 4, width // 4, 128)))  # [B, 7, 7, 128]
    model.add(UpSamplingConv2D(64))  # [B, 14, 14, 64]
    model.add(layers.Activation("tanh"))
    model.add(UpSamplingConv2D(channels))  # [B, 28, 28, 1]
    model.add(layers.Activation("tanh", dtype=keras.config.floatx()))
    return model


def discriminator_model(image_shape: tuple = (28, 28, 1)) -> keras.Model:
    """Images [B, height, width, channels] in [-1, 1] -> probability of real [B, 1]."""
    model = keras.Sequential(name="discriminator")
    model.add(keras.Input(image_shape))
    model.add(layers.Conv2D(64, 5, padding="same"))  # [B, 28, 28, 64]
    model.add(layers.Activation("tanh"))
    model.add(layers.MaxPooling2D())  # [B, 14, 14, 64]
    model.add(layers.Conv2D(128, 5))  # [B, 10, 10, 128]
    model.add(layers.Activation("tanh"))
    model.add(layers.MaxPooling2D())  # [B, 5, 5, 128]
    model.add(layers.Flatten())
    model.add(layers.Dense(1024))
    model.add(layers.Activation("tanh"))
    model.add(layers.Dense(1, dtype=keras.config.floatx()))
    model.add(layers.Activation("sigmoid", dtype=keras.config.floatx()))
    return model


def generator_containing_discriminator(g: keras.Model, d: keras.Model) -> keras.Model:
    """Noise [B, latent_dim] -> D's probability that G's image of it is real [B, 1]."""
    return keras.Sequential([g, d], name="d_on_g")


def binary_crossentropy(targets: tf.Tensor, probabilities: tf.Tensor) -> tf.Tensor:
    """Mean of -t log p - (1 - t) log(1 - p) over targets and probabilities [B, 1]; a scalar.

    With several replicas it is this one's share of the mean over all (`gan.layers.replicas`).
    """
    return global_mean(keras.losses.binary_crossentropy(targets, probabilities))


class DOnG:
    """Generator, discriminator, the two stacked, and their training step: document 001."""

    metrics = ("d_loss", "g_loss")
    d_loss_terms = 1
    compile_with_xla = False  # on a CPU, XLA halves the speed of convolutions

    def __init__(
        self, recipe: Recipe = D_ON_G, image_shape: tuple = (28, 28, 1), name: str = "d-on-g"
    ) -> None:
        self.name = name
        self.recipe = recipe
        self.image_shape = image_shape
        self.grid_count = recipe.batch_size  # the document shows a whole batch
        with precision(recipe.precision):
            self.generator = generator_model(recipe.latent_dim, image_shape, recipe.sync_batchnorm)
            self.discriminator = discriminator_model(image_shape)
            self.d_on_g = generator_containing_discriminator(self.generator, self.discriminator)
        self.d_optimizer, self.g_optimizer = (
            keras.optimizers.SGD(recipe.learning_rate, recipe.momentum, nesterov=True)
            for _ in range(2)
        )
        self.d_optimizer.build(self.discriminator.trainable_variables)
        self.g_optimizer.build(self.generator.trainable_variables)

    def train_step(
        self, real_images: tf.Tensor, d_noise: tf.Tensor, g_noise: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """One iteration: D on `real_images` [B, H, W, C] and as many fakes, then G through D.

        Both noises are [B, latent_dim]. Returns scalars, each from before its own update: `d_loss`,
        the mean over the 2B images, and `g_loss`.
        """
        fake_images = self.generator(d_noise, training=False)
        images = tf.concat([tf.cast(real_images, fake_images.dtype), fake_images], axis=0)
        real_targets = tf.ones((real_images.shape[0], 1))
        targets = tf.concat([real_targets, tf.zeros_like(real_targets)], axis=0)
        with tf.GradientTape() as tape:
            d_loss = binary_crossentropy(targets, self.discriminator(images))
        variables = self.discriminator.trainable_variables
        self.d_optimizer.apply(tape.gradient(d_loss, variables), variables)

        with tf.GradientTape() as tape:
            g_loss = binary_crossentropy(real_targets, self.d_on_g(g_noise, training=True))
        variables = self.generator.trainable_variables
        self.g_optimizer.apply(tape.gradient(g_loss, variables), variables)
        return {"d_loss": d_loss, "g_loss": g_loss}

    def sample(self, noise: tf.Tensor) -> tf.Tensor:
        """Noise [B, latent_dim] -> images [B, H, W, C] in [-1, 1], as the document samples."""
        return self.generator(noise, training=False)

    def noise_counts(self, real_count: int) -> tuple[int, int]:
        """How many noise vectors a step on `real_count` images takes: D's and G's."""
        return real_count, real_count

    def grid_name(self, step: int, steps_per_epoch: int) -> str | None:
        """Name of the grid drawn after `step` (from 0), or None if it draws none there."""
        epoch, index = divmod(step, steps_per_epoch)
        return f"{epoch}_{index}" if index % self.recipe.sample_interval == 0 else None
