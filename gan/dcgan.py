"""The DCGAN of the DCGAN article: convolutions, and one step with two gradient tapes.

G upsamples with transposed convolutions, D downsamples with strided ones. Four things are unusual:
D returns logits, both losses use the same noise, both gradients are computed before either update,
and there are always 256 noise vectors, even for an epoch's last, smaller batch. The functions are
named as in the document.

    make train-dcgan        python -m gan.train dcgan        50 epochs, 108 minutes on 2 cores

Fréchet distance to MNIST, real images 0.55 (`make study-dcgan`): dcgan 174.
The loop around the step, to be read: gan/training/plain.py.
Deviations from the document, with reasons: experiments/fidelity.md.
"""

from math import ceil

from gan.design import Design
from gan.layers.replicas import BatchNormalization, Dropout, binary_crossentropy
from gan.recipe import Recipe
from gan.support.tensorflow import keras, layers, tf

STEPS_BETWEEN_GRIDS = 20  # at least
DCGAN = Recipe(
    epochs=50,
    batch_size=256,
    latent_dim=100,
    learning_rate=1e-4,
    beta_1=0.9,  # Keras' default
    dropout=0.3,
    noise="normal",
    order="shuffled",
    last_batch="kept",  # 96 images
    checkpoint_epochs=15,
)


def make_generator_model(
    latent_dim: int = 100, image_shape: tuple = (28, 28, 1), sync_batchnorm: bool = False
) -> keras.Model:
    """Noise [B, latent_dim] -> images [B, height, width, channels] in [-1, 1]."""
    height, width, channels = image_shape
    small = (height // 4, width // 4, 256)
    net = [
        keras.Input((latent_dim,)),
        layers.Dense(small[0] * small[1] * small[2], use_bias=False),
        BatchNormalization(synchronized=sync_batchnorm),
        layers.LeakyReLU(),  # the document relies on Keras' default slope, 0.3
        layers.Reshape(small),  # [B, 7, 7, 256]
    ]
    for filters, strides in ((128, 1), (64, 2)):  # [B, 7, 7, 128], [B, 14, 14, 64]
        net += [
            layers.Conv2DTranspose(filters, 5, strides=strides, padding="same", use_bias=False),
            BatchNormalization(synchronized=sync_batchnorm),
            layers.LeakyReLU(),
        ]
    net += [  # [B, 28, 28, 1]
        layers.Conv2DTranspose(channels, 5, strides=2, padding="same", use_bias=False),
        # A separate layer, so that it is float32 when the others are bfloat16.
        layers.Activation("tanh", dtype=keras.config.floatx()),
    ]
    return keras.Sequential(net, name="generator")


def make_discriminator_model(image_shape: tuple = (28, 28, 1), dropout: float = 0.3) -> keras.Model:
    """Images [B, height, width, channels] in [-1, 1] -> logits of being real [B, 1]."""
    net = [keras.Input(image_shape)]
    for filters in (64, 128):  # [B, 14, 14, 64], [B, 7, 7, 128]
        net += [
            layers.Conv2D(filters, 5, strides=2, padding="same"),
            layers.LeakyReLU(),
            Dropout(dropout),
        ]
    net += [layers.Flatten(), layers.Dense(1, dtype=keras.config.floatx())]
    return keras.Sequential(net, name="discriminator")


def discriminator_loss(
    real_output: tf.Tensor, fake_output: tf.Tensor, label_smoothing: float = 0.0
) -> tf.Tensor:
    """-E log D(x) - E log(1 - D(G(z))) from the logits [B, 1] of real and fake images; a scalar.

    With `label_smoothing` s, the first term is -E [(1 - s) log D(x) + s log(1 - D(x))].
    """
    real_loss = binary_crossentropy(1.0 - label_smoothing, real_output, from_logits=True)
    return real_loss + binary_crossentropy(0.0, fake_output, from_logits=True)


def generator_loss(fake_output: tf.Tensor) -> tf.Tensor:
    """-E log D(G(z)) from logits [B, 1]; a scalar."""
    return binary_crossentropy(1.0, fake_output, from_logits=True)


@keras.saving.register_keras_serializable("gan")
class ConvolutionalGAN(Design):
    """Generator, discriminator and their step: the DCGAN article."""

    usual_name = "dcgan"
    recipe = DCGAN
    d_loss_terms = 2
    grid_count = 16

    def build_nets(self) -> None:
        recipe, shape = self.recipe, self.image_shape
        self.generator = make_generator_model(recipe.latent_dim, shape, recipe.sync_batchnorm)
        self.discriminator = make_discriminator_model(shape, recipe.dropout)

    def build_optimizers(self) -> tuple[keras.optimizers.Optimizer, keras.optimizers.Optimizer]:
        rate, beta_1 = self.recipe.learning_rate, self.recipe.beta_1
        rates = (rate * self.recipe.d_rate_factor, rate)
        # The order in which TensorFlow sums these nets' gradients depends on the optimizers' names,
        # and Keras numbers them within a process. Fixed names give equal bytes in every process.
        names = ("adam_1", "adam")
        return tuple(
            keras.optimizers.Adam(rate, beta_1, name=name)
            for rate, name in zip(rates, names, strict=True)
        )

    def step(self, real_images: tf.Tensor, noise: tf.Tensor) -> dict[str, tf.Tensor]:
        """One iteration on `real_images` [B, H, W, C] and `noise` [batch_size, latent_dim].

        Returns scalars, computed before the updates: `d_loss`, the mean over real images plus the
        mean over fake images, and `g_loss`.
        """
        with tf.GradientTape() as gen_tape:
            fake_images = self.generator(noise, training=True)
            # D's tape starts here: it need not record G, and the gradients are the same.
            with tf.GradientTape() as disc_tape:
                real_output = self.discriminator(real_images, training=True)
                fake_output = self.discriminator(fake_images, training=True)
                smoothing = self.recipe.label_smoothing
                d_loss = discriminator_loss(real_output, fake_output, smoothing)
            g_loss = generator_loss(fake_output)

        # Compute both gradients before either update, so that both belong to the same D and G.
        g_variables = self.generator.trainable_variables
        d_variables = self.discriminator.trainable_variables
        g_gradients = gen_tape.gradient(g_loss, g_variables)
        d_gradients = disc_tape.gradient(d_loss, d_variables)
        self.g_optimizer.apply(g_gradients, g_variables)
        self.d_optimizer.apply(d_gradients, d_variables)
        return {"d_loss": d_loss, "g_loss": g_loss}

    def noise_counts(self, real_count: int) -> tuple[int]:
        """The number of noise vectors in a step: a full batch, even with fewer real images."""
        return (self.recipe.batch_size,)

    def grid_name(self, step: int, steps_per_epoch: int) -> str | None:
        """Name of the grid drawn after `step` (from 0) if it ends an epoch, else None.

        With few images an epoch has few steps; some epochs get no grid then.
        """
        epoch, index = divmod(step, steps_per_epoch)
        epochs_between = ceil(STEPS_BETWEEN_GRIDS / steps_per_epoch)
        is_drawn = index == steps_per_epoch - 1 and epoch % epochs_between == 0
        return f"image_at_epoch_{epoch + 1:04d}" if is_drawn else None
