"""The dense GAN of document 003 (`class GAN`, Keras 2, one Adam) and of document 000 (plain SGD).

Two multilayer perceptrons. What is distinctive, and kept:

1. A step is three updates: D on real images, D on fake images, G through D. D's two updates are
   separate, not one on their mean, so that the second starts from what the first left.
2. The fakes D learns from come out of `predict`: BatchNorm uses its moving statistics there and
   does not move them. Only G's own update runs BatchNorm in training mode.
3. In 003 both models share one Adam. Keras 2 then shares its clock and nothing else, so the bias
   correction counts three ticks a step. Here one optimizer, built over the variables of both
   nets, does the same. In 000 each net has an SGD of its own, which has no clock to share.
4. G's loss is -log D(G(z)), the non-saturating one.

Deviations, each on purpose:

- The step names the variables it changes and never touches `trainable`. The documents freeze D
  by `discriminator.trainable = False` after compiling it; Keras 3 reads that flag when the step is
  traced, so their code, run there, never trains D.
- All grids of a run show one fixed noise, so that digits are seen to form; the documents draw new
  noise for each. Pillow draws them: Matplotlib would take longer than the training between two.
- `train` resumes the run of that name where it exists, and `epochs` (the documents' word for
  iterations) is its whole length. A last grid, `final.png`, is drawn when it is reached.
- Instead of a printed line, each iteration is a row of metrics.csv. Grids have no gaps.
- Where D is sure (its probability within 1e-7 of 0 or 1), Keras 3 takes the loss from the logit and
  G still learns; the first Keras clipped the probability there, and G did not.
- 000's text speaks of Dropout in D; its code has none, and the code is what is ported.
- The images and noise of a step are functions of (seed, step) instead of NumPy's global state.

    make train-dense          python -m gan.train dense        30,000 steps, 4 min on 2 cores
    make train-dense-sgd      python -m gan.train dense-sgd    10,000 steps

Fréchet distance to MNIST, real images 0.55 (`make reproduce-dense`): dense 84, dense-sgd 289.
"""

from __future__ import annotations

import gan.support.quiet  # noqa: F401  # isort: skip

import keras
import tensorflow as tf
from keras import layers

from gan.layers.precision import precision
from gan.layers.replicas import BatchNormalization, global_mean
from gan.pictures import gallery as pictures
from gan.recipe import Recipe, override
from gan.training import loop

DENSE = Recipe(
    steps=30_000,  # the document's "epochs"
    batch_size=32,
    latent_dim=100,
    learning_rate=2e-4,
    beta_1=0.5,
    noise="normal",
    order="random",  # np.random.randint: with replacement
    sample_interval=200,
)
DENSE_SGD = Recipe(
    steps=10_000,
    batch_size=32,
    latent_dim=100,
    learning_rate=0.01,  # Keras' "sgd" by name: no momentum
    noise="normal",
    order="random",
    sample_interval=200,
)


def binary_crossentropy(target: float, probability: tf.Tensor) -> tf.Tensor:
    """Mean of -target log p - (1 - target) log(1 - p) over `probability` [B, 1]; a scalar.

    With several replicas it is this one's share of the mean over all (`gan.layers.replicas`).
    """
    targets = tf.fill(tf.shape(probability), target)
    return global_mean(keras.losses.binary_crossentropy(targets, probability))


class GAN:
    """Generator, discriminator and their training step: document 003's class.

    `recipe` defaults to 003's numbers; `GAN(DENSE_SGD)` is document 000. `image_shape` is
    (height, width, channels).
    """

    metrics = ("d_loss", "d_accuracy", "g_loss")
    d_loss_terms = 1
    grid_count = 25
    compile_with_xla = True  # small matrices: XLA doubles the speed on a CPU

    def __init__(
        self, recipe: Recipe = DENSE, image_shape: tuple = (28, 28, 1), name: str | None = None
    ) -> None:
        self.name = name or ("dense-sgd" if recipe.beta_1 is None else "dense")
        self.recipe = recipe
        self.image_shape = image_shape
        with precision(recipe.precision):
            self.discriminator = self.build_discriminator()
            self.generator = self.build_generator()

        if recipe.beta_1 is None:
            self.d_optimizer = keras.optimizers.SGD(recipe.learning_rate)
            self.g_optimizer = keras.optimizers.SGD(recipe.learning_rate)
            self.d_optimizer.build(self.discriminator.trainable_variables)
            self.g_optimizer.build(self.generator.trainable_variables)
        else:
            self.d_optimizer = keras.optimizers.Adam(recipe.learning_rate, recipe.beta_1)
            self.g_optimizer = self.d_optimizer  # one clock: detail 3 above
            self.d_optimizer.build(
                self.discriminator.trainable_variables + self.generator.trainable_variables
            )

    def build_generator(self) -> keras.Model:
        """Noise [B, latent_dim] -> images [B, height, width, channels] in [-1, 1]."""
        model = keras.Sequential(name="generator")
        model.add(keras.Input((self.recipe.latent_dim,)))
        for units in (256, 512, 1024):
            model.add(layers.Dense(units))
            model.add(layers.LeakyReLU(negative_slope=0.2))
            model.add(BatchNormalization(momentum=0.8, synchronized=self.recipe.sync_batchnorm))
        height, width, channels = self.image_shape
        model.add(layers.Dense(height * width * channels, activation="tanh"))
        model.add(layers.Reshape(self.image_shape, dtype=keras.config.floatx()))
        return model

    def build_discriminator(self) -> keras.Model:
        """Images [B, height, width, channels] in [-1, 1] -> probability of real [B, 1]."""
        model = keras.Sequential(name="discriminator")
        model.add(keras.Input(self.image_shape))
        model.add(layers.Flatten())
        for units in (512, 256):
            model.add(layers.Dense(units))
            model.add(layers.LeakyReLU(negative_slope=0.2))
        model.add(layers.Dense(1, activation="sigmoid", dtype=keras.config.floatx()))
        return model

    def train_step(
        self, real_images: tf.Tensor, d_noise: tf.Tensor, g_noise: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """One iteration: D on `real_images` [B, H, W, C], D on fakes, then G.

        Both noises are [B, latent_dim]. Returns scalars, each from before its own update: `d_loss`
        and `d_accuracy`, means over D's two halves, and `g_loss`.
        """
        fake_images = self.generator(d_noise, training=False)
        real_loss, real_accuracy = self._train_discriminator(real_images, target=1.0)
        fake_loss, fake_accuracy = self._train_discriminator(fake_images, target=0.0)

        with tf.GradientTape() as tape:
            validity = self.discriminator(self.generator(g_noise, training=True))
            g_loss = binary_crossentropy(1.0, validity)
        variables = self.generator.trainable_variables
        self.g_optimizer.apply(tape.gradient(g_loss, variables), variables)

        return {
            "d_loss": 0.5 * (real_loss + fake_loss),
            "d_accuracy": 0.5 * (real_accuracy + fake_accuracy),
            "g_loss": g_loss,
        }

    def _train_discriminator(self, images: tf.Tensor, target: float) -> tuple[tf.Tensor, tf.Tensor]:
        """One update of D towards `target` on every image; its loss and accuracy before that."""
        with tf.GradientTape() as tape:
            validity = self.discriminator(images)
            loss = binary_crossentropy(target, validity)
        variables = self.discriminator.trainable_variables
        self.d_optimizer.apply(tape.gradient(loss, variables), variables)
        accuracy = global_mean(tf.cast((validity > 0.5) == (target > 0.5), tf.float32))
        return loss, accuracy

    def sample(self, noise: tf.Tensor) -> tf.Tensor:
        """Noise [B, latent_dim] -> images [B, H, W, C] in [-1, 1], as the documents sample."""
        return self.generator(noise, training=False)

    def noise_counts(self, real_count: int) -> tuple[int, int]:
        """How many noise vectors a step on `real_count` images takes: D's and G's."""
        return real_count, real_count

    def grid_name(self, step: int, steps_per_epoch: int) -> str | None:
        """Name of the grid drawn after `step` (from 0), or None if it draws none there."""
        return str(step) if step % self.recipe.sample_interval == 0 else None

    def train(
        self, epochs: int, batch_size: int = 128, sample_interval: int = 50, **run: object
    ) -> loop.Outcome:
        """Train as `python -m gan.train dense` does, `epochs` iterations in all.

        Where the run has a checkpoint it goes on from there, else, or with `fresh=True`, from the
        weights as they are. `run`: see `loop.train`.
        """
        self.recipe = override(
            self.recipe, steps=epochs, batch_size=batch_size, sample_interval=sample_interval
        )
        return loop.train(self, **run)

    def sample_images(self, epoch: int, **run: object) -> None:
        """Draw the 5x5 grid `<epoch>.png` of the run; `run`: see `pictures.save_samples`."""
        pictures.save_samples(self, str(epoch), **run)
