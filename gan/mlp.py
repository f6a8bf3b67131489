"""The dense GAN of document 002, written in PyTorch: its semantics, in Keras.

What is distinctive, and kept:

1. G is 128-256-512-1024-784 with BatchNorm before LeakyReLU, on the middle three layers.
2. `BatchNorm1d(n, 0.8)`: the 0.8 is epsilon, the second argument. Momentum is PyTorch's default
   0.1, which Keras calls 0.9; the moving variance takes the batch's unbiased variance.
3. PyTorch's default initialisation: weights and biases are uniform within 1 / sqrt(fan_in).
4. D takes one update a step, on the sum of its two losses, not their mean.
5. Adam's epsilon, 1e-8, is added after the bias correction; Keras' own adds it before, which is as
   if it were 30 times as large in the first step, and G's first gradients are that small.
6. G is always in training mode: for the fakes D learns from, for its own update, for the grids.
   So its moving statistics move twice a step, and are never used.
7. New noise for G's update, as many as there are real images; the last batch of an epoch is kept.

Deviations, each on purpose:

- The document does not say its `sample_interval`; 400 is that of the code it follows. Its grid
  shows 25 of the fakes G is being trained on; here it is one fixed noise of 25, in training mode
  as there, with no effect on the moving statistics. A last one, `final.png`, is drawn at the end.
  Its greys are those of the images, [-1, 1] from black to white; the document stretches each grid
  from its least pixel to its greatest.
- Where D is sure, G still learns, as in `gan.dense`: Keras takes the loss from the logit, where
  PyTorch's BCELoss has no gradient once the sigmoid is 1.

    make train-mlp            python -m gan.train mlp           50 epochs

Fréchet distance to MNIST, real images 0.55 (`make reproduce-mlp`): mlp 135.
"""

from __future__ import annotations

import gan.support.quiet  # noqa: F401  # isort: skip

import keras
import tensorflow as tf
from keras import layers

from gan.layers.precision import precision
from gan.layers.replicas import BatchNormalization, global_mean, sum_over_replicas
from gan.recipe import Recipe

MLP = Recipe(
    epochs=50,
    batch_size=64,
    latent_dim=100,
    learning_rate=2e-4,
    beta_1=0.5,
    noise="normal",
    order="shuffled",
    last_batch="kept",  # 32 images
    sample_interval=400,
)


def linear(inputs: int, units: int, **options: object) -> layers.Dense:
    """PyTorch's `nn.Linear(inputs, units)` with its default initialisation."""
    limit = inputs**-0.5
    return layers.Dense(
        units,
        kernel_initializer=keras.initializers.RandomUniform(-limit, limit),
        bias_initializer=keras.initializers.RandomUniform(-limit, limit),
        **options,
    )


@keras.saving.register_keras_serializable("gan")
class Adam(keras.optimizers.Adam):
    """PyTorch's Adam: Keras' own, but for where epsilon is added."""

    def update_step(
        self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: tf.Tensor
    ) -> None:
        index = self._get_variable_index(variable)
        m, v = self._momentums[index], self._velocities[index]
        step = tf.cast(self.iterations + 1, variable.dtype)
        beta_1, beta_2 = (tf.cast(beta, variable.dtype) for beta in (self.beta_1, self.beta_2))
        m.assign_add((gradient - m) * (1 - beta_1))
        v.assign_add((gradient * gradient - v) * (1 - beta_2))
        m_hat, v_hat = m / (1 - beta_1**step), v / (1 - beta_2**step)
        rate = tf.cast(learning_rate, variable.dtype)
        variable.assign_sub(rate * m_hat / (tf.sqrt(v_hat) + self.epsilon))


@keras.saving.register_keras_serializable("gan")
class BatchNorm1d(BatchNormalization):
    """PyTorch's BatchNorm1d: Keras' layer with the unbiased variance in the moving average."""

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        before = tf.identity(self.moving_variance)
        outputs = super().call(inputs, training=training)
        if training:
            # The biased share that Keras has just added, times n / (n - 1).
            added = self.moving_variance - self.momentum * before
            count = tf.cast(tf.shape(inputs)[0], added.dtype)
            if self.synchronized:
                count = sum_over_replicas(count)
            self.moving_variance.assign_add(added / tf.maximum(count - 1, 1))
        return outputs


def make_generator(latent_dim: int, image_shape: tuple, sync_batchnorm: bool) -> keras.Model:
    """Noise [B, latent_dim] -> images [B, height, width, channels] in [-1, 1]."""
    height, width, channels = image_shape
    model = keras.Sequential(name="generator")
    model.add(keras.Input((latent_dim,)))
    model.add(linear(latent_dim, 128))
    model.add(layers.LeakyReLU(negative_slope=0.2))
    for inputs, units in ((128, 256), (256, 512), (512, 1024)):
        model.add(linear(inputs, units))
        model.add(BatchNorm1d(momentum=0.9, epsilon=0.8, synchronized=sync_batchnorm))
        model.add(layers.LeakyReLU(negative_slope=0.2))
    model.add(linear(1024, height * width * channels, activation="tanh"))
    model.add(layers.Reshape(image_shape, dtype=keras.config.floatx()))
    return model


def make_discriminator(image_shape: tuple) -> keras.Model:
    """Images [B, height, width, channels] in [-1, 1] -> probability of real [B, 1]."""
    height, width, channels = image_shape
    model = keras.Sequential(name="discriminator")
    model.add(keras.Input(image_shape))
    model.add(layers.Flatten())
    for inputs, units in ((height * width * channels, 512), (512, 256)):
        model.add(linear(inputs, units))
        model.add(layers.LeakyReLU(negative_slope=0.2))
    model.add(linear(256, 1, activation="sigmoid", dtype=keras.config.floatx()))
    return model


def binary_crossentropy(target: float, probability: tf.Tensor) -> tf.Tensor:
    """Mean of -target log p - (1 - target) log(1 - p) over `probability` [B, 1]; a scalar.

    With several replicas it is this one's share of the mean over all (`gan.layers.replicas`).
    """
    targets = tf.fill(tf.shape(probability), target)
    return global_mean(keras.losses.binary_crossentropy(targets, probability))


class MLPGAN:
    """Generator, discriminator and their training step: document 002."""

    metrics = ("d_loss", "g_loss")
    d_loss_terms = 2  # d_loss is the sum of its two halves, not their mean
    grid_count = 25
    compile_with_xla = True  # small matrices: XLA doubles the speed on a CPU

    def __init__(
        self, recipe: Recipe = MLP, image_shape: tuple = (28, 28, 1), name: str = "mlp"
    ) -> None:
        self.name = name
        self.recipe = recipe
        self.image_shape = image_shape
        with precision(recipe.precision):
            self.generator = make_generator(recipe.latent_dim, image_shape, recipe.sync_batchnorm)
            self.discriminator = make_discriminator(image_shape)
        self.d_optimizer, self.g_optimizer = (
            Adam(recipe.learning_rate, recipe.beta_1, 0.999, epsilon=1e-8) for _ in range(2)
        )
        self.d_optimizer.build(self.discriminator.trainable_variables)
        self.g_optimizer.build(self.generator.trainable_variables)

    def train_step(
        self, real_images: tf.Tensor, d_noise: tf.Tensor, g_noise: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """One iteration: D on `real_images` [B, H, W, C] and as many fakes, then G.

        Both noises are [B, latent_dim]. Returns scalars, each from before its own update: `d_loss`,
        the sum of the means over real and fake images, and `g_loss`.
        """
        fake_images = self.generator(d_noise, training=True)
        with tf.GradientTape() as tape:
            real_loss = binary_crossentropy(1.0, self.discriminator(real_images))
            fake_loss = binary_crossentropy(0.0, self.discriminator(fake_images))
            d_loss = real_loss + fake_loss
        variables = self.discriminator.trainable_variables
        self.d_optimizer.apply(tape.gradient(d_loss, variables), variables)

        with tf.GradientTape() as tape:
            fake_images = self.generator(g_noise, training=True)
            g_loss = binary_crossentropy(1.0, self.discriminator(fake_images))
        variables = self.generator.trainable_variables
        self.g_optimizer.apply(tape.gradient(g_loss, variables), variables)
        return {"d_loss": d_loss, "g_loss": g_loss}

    def sample(self, noise: tf.Tensor) -> tf.Tensor:
        """Noise [B, latent_dim] -> images [B, H, W, C] in [-1, 1], normalised by their own batch.

        G is in training mode, as the document has it, but nothing moves.
        """
        images, _ = self.generator.stateless_call(
            self.generator.trainable_variables,
            self.generator.non_trainable_variables,
            noise,
            training=True,
        )
        return images

    def noise_counts(self, real_count: int) -> tuple[int, int]:
        """How many noise vectors a step on `real_count` images takes: D's and G's."""
        return real_count, real_count

    def grid_name(self, step: int, steps_per_epoch: int) -> str | None:
        """Name of the grid drawn after `step` (from 0), or None if it draws none there."""
        return str(step) if step % self.recipe.sample_interval == 0 else None
