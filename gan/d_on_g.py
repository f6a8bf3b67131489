"""The convolutional GAN of the d_on_g notebook: UpSampling, tanh, and SGD through `d_on_g`.

G repeats pixels to upsample, then convolves; D uses max pooling. Three things are unusual: all
activations are tanh (except D's sigmoid), D gets one update on real and fake images in one batch,
and noise is uniform. The notebook also explains the theory: the best D is p_data / (p_data + p_g);
for this D, the Jensen-Shannon divergence of p_data and p_g is ln 2 - d_loss. The functions are
named as in the notebook.

    make train-d-on-g       python -m gan.train d-on-g       30 epochs, 99 minutes on 2 cores

Fréchet distance to MNIST, real images 0.55 (`make study-d-on-g`): d-on-g 191.
The loop around the step, to be read: gan/training/plain.py.
Deviations from the document, with reasons: experiments/fidelity.md.
"""

from gan.design import Design
from gan.layers.replicas import BatchNormalization, binary_crossentropy
from gan.layers.upsampling import UpSamplingConv2D
from gan.recipe import Recipe
from gan.support.tensorflow import keras, layers, tf

D_ON_G = Recipe(
    epochs=30,
    batch_size=128,  # not in the notebook; from the design that it follows
    latent_dim=100,
    learning_rate=1e-3,
    momentum=0.9,
    noise="uniform",
    order="sequential",
    last_batch="dropped",
    sample_interval=100,  # counted from the start of each epoch
)


def generator_model(
    latent_dim: int = 100, image_shape: tuple = (28, 28, 1), sync_batchnorm: bool = False
) -> keras.Model:
    """Noise [B, latent_dim] -> images [B, height, width, channels] in [-1, 1]."""
    height, width, channels = image_shape
    net = [
        keras.Input((latent_dim,)),
        layers.Dense(1024),
        layers.Activation("tanh"),
        layers.Dense(128 * (height // 4) * (width // 4)),
        BatchNormalization(synchronized=sync_batchnorm),
        layers.Activation("tanh"),
        layers.Reshape((height // 4, width // 4, 128)),  # [B, 7, 7, 128]
        # The same function as UpSampling2D() and then Conv2D(64, 5, padding="same"), in less time.
        UpSamplingConv2D(64),  # [B, 14, 14, 64]
        layers.Activation("tanh"),
        UpSamplingConv2D(channels),  # [B, 28, 28, 1]
        layers.Activation("tanh", dtype=keras.config.floatx()),
    ]
    return keras.Sequential(net, name="generator")


def discriminator_model(image_shape: tuple = (28, 28, 1)) -> keras.Model:
    """Images [B, height, width, channels] in [-1, 1] -> probability of real [B, 1]."""
    net = [
        keras.Input(image_shape),
        layers.Conv2D(64, 5, padding="same"),  # [B, 28, 28, 64]
        layers.Activation("tanh"),
        layers.MaxPooling2D(),  # [B, 14, 14, 64]
        layers.Conv2D(128, 5),  # no padding: [B, 10, 10, 128]
        layers.Activation("tanh"),
        layers.MaxPooling2D(),  # [B, 5, 5, 128]
        layers.Flatten(),
        layers.Dense(1024),
        layers.Activation("tanh"),
        layers.Dense(1, dtype=keras.config.floatx()),
        layers.Activation("sigmoid", dtype=keras.config.floatx()),
    ]
    return keras.Sequential(net, name="discriminator")


def generator_containing_discriminator(g: keras.Model, d: keras.Model) -> keras.Model:
    """Noise [B, latent_dim] -> D's probability that G's image is real [B, 1]."""
    return keras.Sequential([g, d], name="d_on_g")


@keras.saving.register_keras_serializable("gan")
class DOnG(Design):
    """Generator, discriminator, the two stacked, and their step: the d_on_g notebook."""

    usual_name = "d-on-g"
    recipe = D_ON_G

    def build_nets(self) -> None:
        recipe = self.recipe
        self.generator = generator_model(recipe.latent_dim, self.image_shape, recipe.sync_batchnorm)
        self.discriminator = discriminator_model(self.image_shape)
        self.d_on_g = generator_containing_discriminator(self.generator, self.discriminator)

    def build_optimizers(self) -> tuple[keras.optimizers.Optimizer, keras.optimizers.Optimizer]:
        rate, momentum = self.recipe.learning_rate, self.recipe.momentum
        rates = (rate * self.recipe.d_rate_factor, rate)
        return tuple(keras.optimizers.SGD(rate, momentum, nesterov=True) for rate in rates)

    @property
    def grid_count(self) -> int:
        """The notebook shows a whole batch."""
        return self.recipe.batch_size

    def step(
        self, real_images: tf.Tensor, d_noise: tf.Tensor, g_noise: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """One iteration: train D on B `real_images` [B, H, W, C] and B fakes, then G through D.

        Both noise tensors are [B, latent_dim]. Returns scalars, each computed before its own
        update: `d_loss`, the mean over the 2B images, and `g_loss`.
        """
        # The document calls `predict`: BatchNorm uses its moving statistics unchanged.
        fake_images = self.generator(d_noise, training=False)
        images = tf.concat([tf.cast(real_images, fake_images.dtype), fake_images], axis=0)
        ones = tf.ones((tf.shape(real_images)[0], 1))
        real_targets = ones * (1 - self.recipe.label_smoothing)
        targets = tf.concat([real_targets, tf.zeros_like(ones)], axis=0)
        with tf.GradientTape() as tape:
            d_loss = binary_crossentropy(targets, self.discriminator(images))
        variables = self.discriminator.trainable_variables
        self.d_optimizer.apply(tape.gradient(d_loss, variables), variables)

        # The document sets `d.trainable = False` here; naming G's variables has the same effect.
        with tf.GradientTape() as tape:
            g_loss = binary_crossentropy(ones, self.d_on_g(g_noise, training=True))
        variables = self.generator.trainable_variables
        self.g_optimizer.apply(tape.gradient(g_loss, variables), variables)
        return {"d_loss": d_loss, "g_loss": g_loss}

    def grid_name(self, step: int, steps_per_epoch: int) -> str | None:
        """Name of the grid drawn after `step` (from 0), or None if none is drawn there.

        With few images an epoch has few steps; some epochs get no grid then.
        """
        epoch, index = divmod(step, steps_per_epoch)
        interval = self.recipe.sample_interval
        is_drawn = index % interval == 0 and epoch % max(1, interval // steps_per_epoch) == 0
        return f"{epoch}_{index}" if is_drawn else None
