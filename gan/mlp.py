"""The dense GAN of the PyTorch article: Keras code that computes as PyTorch does.

G is a multilayer perceptron of 128-256-512-1024 units, with BatchNorm before LeakyReLU; D has
512-256. Three things are unusual: the 0.8 in `BatchNorm1d(n, 0.8)` is epsilon, not momentum; G is
always in training mode, so each image is normalised with its batch; initial weights, BatchNorm and
Adam are PyTorch's (`gan.layers.pytorch`). The document has no functions for its nets; the function
names are ours.

    make train-mlp          python -m gan.train mlp          50 epochs, 10 minutes on 2 cores

Fréchet distance to MNIST, real images 0.55 (`make study-mlp`): mlp 139.
The loop around the step, to be read: gan/training/plain.py.
Deviations from the document, with reasons: experiments/fidelity.md.
"""

from gan.design import Design
from gan.layers.pytorch import Adam, BatchNorm1d, linear
from gan.layers.replicas import binary_crossentropy
from gan.recipe import Recipe
from gan.support.tensorflow import keras, layers, tf

MLP = Recipe(
    epochs=50,
    batch_size=64,
    latent_dim=100,
    learning_rate=2e-4,
    beta_1=0.5,
    noise="normal",
    order="shuffled",
    last_batch="kept",  # 32 images
    sample_interval=400,  # not in the document; from the code that it follows
    average_decay=0.9998,  # not in the document; here a longer average is better than 0.999
)


def make_generator(latent_dim: int, image_shape: tuple, sync_batchnorm: bool) -> keras.Model:
    """Noise [B, latent_dim] -> images [B, height, width, channels] in [-1, 1]."""
    height, width, channels = image_shape
    net = [
        keras.Input((latent_dim,)),
        linear(latent_dim, 128),
        layers.LeakyReLU(negative_slope=0.2),
    ]
    for inputs, units in ((128, 256), (256, 512), (512, 1024)):
        net += [
            linear(inputs, units),
            # The document's second argument, 0.8, is epsilon. PyTorch's default momentum, 0.1, is
            # Keras' 0.9.
            BatchNorm1d(momentum=0.9, epsilon=0.8, synchronized=sync_batchnorm),
            layers.LeakyReLU(negative_slope=0.2),
        ]
    net += [
        linear(1024, height * width * channels, activation="tanh"),
        layers.Reshape(image_shape, dtype=keras.config.floatx()),
    ]
    return keras.Sequential(net, name="generator")


def make_discriminator(image_shape: tuple) -> keras.Model:
    """Images [B, height, width, channels] in [-1, 1] -> probability of real [B, 1]."""
    height, width, channels = image_shape
    net = [keras.Input(image_shape), layers.Flatten()]
    for inputs, units in ((height * width * channels, 512), (512, 256)):
        net += [linear(inputs, units), layers.LeakyReLU(negative_slope=0.2)]
    net += [linear(256, 1, activation="sigmoid", dtype=keras.config.floatx())]
    return keras.Sequential(net, name="discriminator")


@keras.saving.register_keras_serializable("gan")
class MLPGAN(Design):
    """Generator, discriminator and their step: the PyTorch article."""

    usual_name = "mlp"
    recipe = MLP
    d_loss_terms = 2
    compile_with_xla = True
    samples_in_training_mode = True  # the document never calls `generator.eval()`

    def build_nets(self) -> None:
        recipe = self.recipe
        self.generator = make_generator(recipe.latent_dim, self.image_shape, recipe.sync_batchnorm)
        self.discriminator = make_discriminator(self.image_shape)

    def build_optimizers(self) -> tuple[keras.optimizers.Optimizer, keras.optimizers.Optimizer]:
        rate, beta_1 = self.recipe.learning_rate, self.recipe.beta_1
        rates = (rate * self.recipe.d_rate_factor, rate)
        return tuple(Adam(rate, beta_1, 0.999, epsilon=1e-8) for rate in rates)

    def step(
        self, real_images: tf.Tensor, d_noise: tf.Tensor, g_noise: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """One iteration: train D on B `real_images` [B, H, W, C] and B fakes, then G.

        Both noise tensors are [B, latent_dim]. Returns scalars, each computed before its own
        update: `d_loss`, the mean over real images plus the mean over fake images, and `g_loss`.
        """
        # Training mode here too, so the moving statistics change twice a step. They are never used.
        fake_images = self.generator(d_noise, training=True)
        with tf.GradientTape() as tape:
            real_target = 1.0 - self.recipe.label_smoothing
            real_loss = binary_crossentropy(real_target, self.discriminator(real_images))
            fake_loss = binary_crossentropy(0.0, self.discriminator(fake_images))
            d_loss = real_loss + fake_loss  # the sum, not the mean
        variables = self.discriminator.trainable_variables
        self.d_optimizer.apply(tape.gradient(d_loss, variables), variables)

        with tf.GradientTape() as tape:
            fake_images = self.generator(g_noise, training=True)
            g_loss = binary_crossentropy(1.0, self.discriminator(fake_images))
        variables = self.generator.trainable_variables
        self.g_optimizer.apply(tape.gradient(g_loss, variables), variables)
        return {"d_loss": d_loss, "g_loss": g_loss}
