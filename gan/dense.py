"""The dense GAN of the Keras GAN class (one Adam) and of the SGD article (plain SGD).

G and D are multilayer perceptrons. A step makes three updates: D on real images, D on fake images,
then G through D. Two things are unusual: both nets share one Adam, and G makes the fake images for
D with BatchNorm in inference mode. The class and its methods are named as in the document.

    make train-dense        python -m gan.train dense        30,000 steps, 4 minutes on 2 cores
    make train-dense-sgd    python -m gan.train dense-sgd    10,000 steps

Fréchet distance to MNIST, real images 0.55 (`make study-dense`): dense 84, dense-sgd 289.
The loop around the step, to be read: gan/training/plain.py.
Deviations from the documents, with reasons: experiments/fidelity.md.
"""

from typing import Self

from gan.design import Design, Outcome
from gan.layers.replicas import BatchNormalization, binary_crossentropy, global_mean
from gan.recipe import Recipe, override
from gan.support.errors import UserError
from gan.support.tensorflow import keras, layers, tf

DENSE = Recipe(
    steps=30_000,  # the document calls them epochs
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
    learning_rate=0.01,  # the document's "sgd": Keras' defaults, so no momentum
    noise="normal",
    order="random",
    sample_interval=200,
)


@keras.saving.register_keras_serializable("gan")
class GAN(Design):
    """Generator, discriminator and their step: the Keras GAN class.

    `recipe` defaults to that document's numbers; `GAN(DENSE_SGD)` is an `SGDGAN`, the SGD article.
    """

    usual_name = "dense"
    recipe = DENSE
    loss_names = ("d_loss", "d_accuracy", "g_loss")
    compile_with_xla = True

    def __new__(
        cls,
        recipe: Recipe = DENSE,
        image_shape: tuple = (28, 28, 1),
        name: str = "",
        seed: int = 0,
    ) -> Self:
        """`GAN(DENSE_SGD)`, and files saved before `SGDGAN` had a class of its own, are SGDGANs."""
        return super().__new__(SGDGAN if cls is GAN and recipe.beta_1 is None else cls)

    def build_nets(self) -> None:
        self.discriminator = self.build_discriminator()
        self.generator = self.build_generator()

    def build_generator(self) -> keras.Model:
        """Noise [B, latent_dim] -> images [B, height, width, channels] in [-1, 1]."""
        height, width, channels = self.image_shape
        net = [keras.Input((self.recipe.latent_dim,))]
        for units in (256, 512, 1024):
            net += [
                layers.Dense(units),
                layers.LeakyReLU(negative_slope=0.2),  # before BatchNorm, not after
                BatchNormalization(momentum=0.8, synchronized=self.recipe.sync_batchnorm),
            ]
        net += [
            layers.Dense(height * width * channels, activation="tanh"),
            layers.Reshape(self.image_shape, dtype=keras.config.floatx()),
        ]
        return keras.Sequential(net, name="generator")

    def build_discriminator(self) -> keras.Model:
        """Images [B, height, width, channels] in [-1, 1] -> probability of real [B, 1]."""
        net = [keras.Input(self.image_shape), layers.Flatten()]
        for units in (512, 256):  # no Dropout: the SGD article has it in its text, not in its code
            net += [layers.Dense(units), layers.LeakyReLU(negative_slope=0.2)]
        net += [layers.Dense(1, activation="sigmoid", dtype=keras.config.floatx())]
        return keras.Sequential(net, name="discriminator")

    def build_optimizers(self) -> tuple[keras.optimizers.Optimizer, keras.optimizers.Optimizer]:
        if self.recipe.beta_1 is None:
            raise UserError("a recipe without beta_1 is for SGD; derive your class from SGDGAN")
        if self.recipe.d_rate_factor != 1:
            raise UserError("d_rate_factor must be 1 here: D and G share one Adam")
        # The document's two models share one Adam. In Keras 2 they also share its step counter, so
        # the bias correction counts three updates a step; one optimizer for both nets does so, too.
        adam = keras.optimizers.Adam(self.recipe.learning_rate, self.recipe.beta_1)
        return adam, adam

    def step(
        self, real_images: tf.Tensor, d_noise: tf.Tensor, g_noise: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """One iteration: train D on `real_images` [B, H, W, C], D on fakes, then G.

        Both noise tensors are [B, latent_dim]. Returns scalars, each computed before its own
        update: `d_loss` and `d_accuracy`, means of the real and the fake half, and `g_loss`.
        """
        # The document calls `predict`: BatchNorm uses its moving statistics unchanged.
        fake_images = self.generator(d_noise, training=False)
        # Two updates, not one on the mean loss: the second uses the D that the first has changed.
        real_target = 1.0 - self.recipe.label_smoothing
        real_loss, real_accuracy = self.train_discriminator(real_images, real_target)
        fake_loss, fake_accuracy = self.train_discriminator(fake_images, target=0.0)

        # The step names the variables it changes. The documents set `discriminator.trainable`,
        # which Keras 3 reads later than Keras 2: on Keras 3, D would never learn.
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

    def train_discriminator(self, images: tf.Tensor, target: float) -> tuple[tf.Tensor, tf.Tensor]:
        """Update D once towards `target` on all images; return loss and accuracy before that."""
        with tf.GradientTape() as tape:
            validity = self.discriminator(images)
            loss = binary_crossentropy(target, validity)
        variables = self.discriminator.trainable_variables
        self.d_optimizer.apply(tape.gradient(loss, variables), variables)
        accuracy = global_mean(tf.cast((validity > 0.5) == (target > 0.5), tf.float32))
        return loss, accuracy

    def train(
        self,
        epochs: int | None = None,
        batch_size: int | None = None,
        sample_interval: int | None = None,
        *,
        steps: int | None = None,
        **options: object,
    ) -> Outcome:
        """Train like the document's `train(epochs, batch_size=128, sample_interval=50)`.

        `epochs` is the document's word for steps. With it, a new `GAN()` or `SGDGAN()` without
        settings of its own takes the document's other defaults. In all other cases they are the
        recipe's, also for a design from `build_design`. `options`: see `Design.train`.
        """
        if epochs is not None:
            if steps is not None:
                raise UserError("give epochs or steps, not both: they mean the same here")
            steps = epochs
            if self.recipe is type(self).recipe:
                batch_size = 128 if batch_size is None else batch_size
                sample_interval = 50 if sample_interval is None else sample_interval
        self.recipe = override(self.recipe, batch_size=batch_size, sample_interval=sample_interval)
        if epochs is not None:
            size, seen = self.recipe.batch_size, steps * self.recipe.batch_size
            print(f"here an epoch is a step: {steps:,} of {size} images, {seen:,} images in all")
        return super().train(steps=steps, **options)


@keras.saving.register_keras_serializable("gan")
class SGDGAN(GAN):
    """The same nets and step with plain SGD, one optimizer for each net: the SGD article."""

    usual_name = "dense-sgd"
    recipe = DENSE_SGD

    def build_optimizers(self) -> tuple[keras.optimizers.Optimizer, keras.optimizers.Optimizer]:
        if self.recipe.beta_1 is not None:
            raise UserError("SGD has no beta_1; use GAN for this recipe")
        rate = self.recipe.learning_rate
        return tuple(
            keras.optimizers.SGD(rate) for rate in (rate * self.recipe.d_rate_factor, rate)
        )
