"""The documents' own training code, on the libraries they were written for.

Keras 2 with `predict` and `train_on_batch` (the SGD article, the d_on_g notebook, the Keras GAN
class), eager PyTorch (the PyTorch article), and a `tf.function` over a data set (the DCGAN
article). Nets and steps are the documents'; drawing, printing and plotting are left out.

Each class has these methods:

- `set_weights(generator, discriminator)` takes lists of arrays in the order of Keras' layers.
- `step(real_images, *noise)` returns (d_loss, g_loss).
- `sample(noise)` returns images.
- `batches(images)` yields the arguments of one step after another, drawn as in the document.
- `state()` and, after a first step, `set_state(state)` carry nets, optimizers and the random state
  from one process to another, at the end of an epoch. TensorFlow's random state cannot be read.

Images are [N, 28, 28, 1] in [-1, 1]. Their dtype is Keras' `floatx`, as in our own code.
"""

from collections.abc import Iterator

import numpy as np

LATENT_DIM = 100


class KerasCode:
    """Methods that the documents written for Keras share; TapeDCGAN replaces all but the first."""

    def set_weights(self, generator: list, discriminator: list) -> None:
        self.generator.set_weights(generator)
        self.discriminator.set_weights(discriminator)

    def sample(self, noise) -> np.ndarray:
        return self.generator.predict(noise, verbose=0)

    def state(self) -> tuple:
        parts = (self.generator, self.discriminator, *self.optimizers)
        return [part.get_weights() for part in parts], np.random.get_state()

    def set_state(self, state: tuple) -> None:
        weights, random_state = state
        parts = (self.generator, self.discriminator, *self.optimizers)
        for part, arrays in zip(parts, weights, strict=True):
            part.set_weights(arrays)
        np.random.set_state(random_state)


class KerasDense(KerasCode):
    """On Keras 2: the Keras GAN class (`adam`, one for both models) or else the SGD article."""

    batch_size = 32

    def __init__(self, adam: bool) -> None:
        import tf_keras
        from tf_keras import layers

        optimizers = tf_keras.optimizers.legacy  # those of that time can be shared
        shared = optimizers.Adam(0.0002, 0.5)

        def optimizer():
            return shared if adam else optimizers.SGD()

        self.discriminator = tf_keras.Sequential([layers.Flatten(input_shape=(28, 28, 1))])
        for units in (512, 256):
            self.discriminator.add(layers.Dense(units))
            self.discriminator.add(layers.LeakyReLU(alpha=0.2))
        self.discriminator.add(layers.Dense(1, activation="sigmoid"))
        self.discriminator.compile(optimizer(), "binary_crossentropy", metrics=["accuracy"])

        self.generator = tf_keras.Sequential([layers.InputLayer((LATENT_DIM,))])
        for units in (256, 512, 1024):
            self.generator.add(layers.Dense(units))
            self.generator.add(layers.LeakyReLU(alpha=0.2))
            self.generator.add(layers.BatchNormalization(momentum=0.8))
        self.generator.add(layers.Dense(784, activation="tanh"))
        self.generator.add(layers.Reshape((28, 28, 1)))

        noise = layers.Input((LATENT_DIM,))
        self.discriminator.trainable = False  # Keras 2 keeps the flag from `compile` above
        self.combined = tf_keras.Model(noise, self.discriminator(self.generator(noise)))
        self.combined.compile(optimizer(), "binary_crossentropy")
        models = [self.discriminator] if adam else [self.discriminator, self.combined]
        self.optimizers = [model.optimizer for model in models]

    def step(self, real_images, d_noise, g_noise) -> tuple[float, float]:
        count = len(real_images)
        fake_images = self.generator.predict(d_noise, verbose=0)
        real_loss, _ = self.discriminator.train_on_batch(real_images, np.ones((count, 1)))
        fake_loss, _ = self.discriminator.train_on_batch(fake_images, np.zeros((count, 1)))
        g_loss = self.combined.train_on_batch(g_noise, np.ones((count, 1)))
        return (real_loss + fake_loss) / 2, g_loss

    def batches(self, images: np.ndarray) -> Iterator[tuple]:
        while True:
            indices = np.random.randint(0, len(images), self.batch_size)
            noise = np.random.normal(0, 1, (2, self.batch_size, LATENT_DIM))
            yield images[indices], *noise


def d_on_g_nets(keras) -> tuple:
    """Return G and D of the d_on_g notebook; `keras` is the module of Keras 2 or of Keras 3."""
    layers = keras.layers
    generator = [
        layers.InputLayer((LATENT_DIM,)),
        layers.Dense(1024, activation="tanh"),
        layers.Dense(128 * 7 * 7),
        layers.BatchNormalization(),
        layers.Activation("tanh"),
        layers.Reshape((7, 7, 128)),
        layers.UpSampling2D((2, 2)),
        layers.Conv2D(64, (5, 5), padding="same", activation="tanh"),
        layers.UpSampling2D((2, 2)),
        layers.Conv2D(1, (5, 5), padding="same", activation="tanh"),
    ]
    generator = keras.Sequential(generator)
    discriminator = [
        layers.InputLayer((28, 28, 1)),
        layers.Conv2D(64, (5, 5), padding="same", activation="tanh"),
        layers.MaxPooling2D((2, 2)),
        layers.Conv2D(128, (5, 5), activation="tanh"),
        layers.MaxPooling2D((2, 2)),
        layers.Flatten(),
        layers.Dense(1024, activation="tanh"),
        layers.Dense(1, activation="sigmoid"),
    ]
    return generator, keras.Sequential(discriminator)


class KerasDOnG(KerasCode):
    """The d_on_g notebook, on Keras 2."""

    batch_size = 128

    def __init__(self) -> None:
        import tf_keras

        def optimizer():
            return tf_keras.optimizers.legacy.SGD(0.001, momentum=0.9, nesterov=True)

        self.generator, self.discriminator = d_on_g_nets(tf_keras)
        self.d_on_g = tf_keras.Sequential([self.generator, self.discriminator])
        self.discriminator.trainable = False
        self.d_on_g.compile(optimizer(), "binary_crossentropy")
        self.discriminator.trainable = True
        self.discriminator.compile(optimizer(), "binary_crossentropy")
        self.optimizers = [self.discriminator.optimizer, self.d_on_g.optimizer]

    def step(self, real_images, d_noise, g_noise) -> tuple[float, float]:
        count = len(real_images)
        fake_images = self.generator.predict(d_noise, verbose=0)
        images = np.concatenate((real_images, fake_images))
        targets = np.array([1.0] * count + [0.0] * count)
        d_loss = self.discriminator.train_on_batch(images, targets)
        self.discriminator.trainable = False
        g_loss = self.d_on_g.train_on_batch(g_noise, np.ones(count))
        self.discriminator.trainable = True
        return d_loss, g_loss

    def batches(self, images: np.ndarray) -> Iterator[tuple]:
        while True:
            for first in range(0, len(images) - self.batch_size + 1, self.batch_size):
                noise = np.random.uniform(-1, 1, (2, self.batch_size, LATENT_DIM))
                yield images[first : first + self.batch_size], *noise


class TorchMLP:
    """The PyTorch article, eager. Its DataLoader decodes PNGs; here images are in memory."""

    batch_size = 64

    def __init__(self) -> None:
        import torch
        from torch import nn

        self.torch = torch
        blocks = [nn.Linear(LATENT_DIM, 128), nn.LeakyReLU(0.2, inplace=True)]
        for inputs, units in ((128, 256), (256, 512), (512, 1024)):
            blocks += [nn.Linear(inputs, units), nn.BatchNorm1d(units, 0.8)]
            blocks += [nn.LeakyReLU(0.2, inplace=True)]
        self.generator = nn.Sequential(*blocks, nn.Linear(1024, 784), nn.Tanh())
        self.discriminator = nn.Sequential(
            nn.Linear(784, 512),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(512, 256),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(256, 1),
            nn.Sigmoid(),
        )
        self.loss = nn.BCELoss()
        self.g_optimizer, self.d_optimizer = (
            torch.optim.Adam(net.parameters(), lr=0.0002, betas=(0.5, 0.999))
            for net in (self.generator, self.discriminator)
        )

    def set_weights(self, generator: list, discriminator: list) -> None:
        for net, arrays in ((self.generator, generator), (self.discriminator, discriminator)):
            state = [value for value in net.state_dict().values() if value.dim()]
            for value, array in zip(state, arrays, strict=True):
                value.copy_(self.torch.from_numpy(array.T if array.ndim == 2 else array))

    def step(self, real_images, d_noise, g_noise) -> tuple[float, float]:
        torch = self.torch
        real_images, d_noise, g_noise = (
            torch.as_tensor(array, dtype=torch.get_default_dtype())
            for array in (real_images, d_noise, g_noise)
        )
        real_images = real_images.reshape(len(real_images), -1)
        valid, fake = torch.ones(len(real_images), 1), torch.zeros(len(real_images), 1)
        fake_images = self.generator(d_noise).detach()
        d_loss = self.loss(self.discriminator(real_images), valid)
        d_loss = d_loss + self.loss(self.discriminator(fake_images), fake)
        self.d_optimizer.zero_grad()
        d_loss.backward()
        self.d_optimizer.step()

        g_loss = self.loss(self.discriminator(self.generator(g_noise)), valid)
        self.g_optimizer.zero_grad()
        g_loss.backward()
        self.g_optimizer.step()
        return d_loss.item(), g_loss.item()

    def sample(self, noise) -> np.ndarray:
        with self.torch.no_grad():
            images = self.generator(self.torch.as_tensor(noise))
        return images.numpy().reshape(-1, 28, 28, 1)

    def state(self) -> tuple:
        parts = (self.generator, self.discriminator, self.g_optimizer, self.d_optimizer)
        return [part.state_dict() for part in parts], self.torch.get_rng_state()

    def set_state(self, state: tuple) -> None:
        parts = (self.generator, self.discriminator, self.g_optimizer, self.d_optimizer)
        for part, values in zip(parts, state[0], strict=True):
            part.load_state_dict(values)
        self.torch.set_rng_state(state[1])

    def batches(self, images: np.ndarray) -> Iterator[tuple]:
        torch = self.torch
        images = torch.from_numpy(images)
        while True:
            for indices in torch.randperm(len(images)).split(self.batch_size):
                yield images[indices], *torch.randn(2, len(indices), LATENT_DIM)


class TapeDCGAN(KerasCode):
    """The DCGAN article: plain Keras layers, one `tf.function`, images from a `tf.data.Dataset`."""

    batch_size = 256

    def __init__(self, dropout: float = 0.3) -> None:
        from gan.support.tensorflow import keras, layers, tf

        self.tf = tf
        transposed = {"padding": "same", "use_bias": False}
        generator = [
            keras.Input((LATENT_DIM,)),
            layers.Dense(7 * 7 * 256, use_bias=False),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            layers.Reshape((7, 7, 256)),
            layers.Conv2DTranspose(128, (5, 5), strides=(1, 1), **transposed),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            layers.Conv2DTranspose(64, (5, 5), strides=(2, 2), **transposed),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            layers.Conv2DTranspose(1, (5, 5), strides=(2, 2), activation="tanh", **transposed),
        ]
        self.generator = keras.Sequential(generator)
        discriminator = [
            keras.Input((28, 28, 1)),
            layers.Conv2D(64, (5, 5), strides=(2, 2), padding="same"),
            layers.LeakyReLU(),
            layers.Dropout(dropout),
            layers.Conv2D(128, (5, 5), strides=(2, 2), padding="same"),
            layers.LeakyReLU(),
            layers.Dropout(dropout),
            layers.Flatten(),
            layers.Dense(1),
        ]
        self.discriminator = keras.Sequential(discriminator)
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        g_optimizer, d_optimizer = keras.optimizers.Adam(1e-4), keras.optimizers.Adam(1e-4)
        g_optimizer.build(self.generator.trainable_variables)
        d_optimizer.build(self.discriminator.trainable_variables)

        @tf.function
        def train_step(images, noise):
            with tf.GradientTape() as g_tape, tf.GradientTape() as d_tape:
                fake_images = self.generator(noise, training=True)
                real = self.discriminator(images, training=True)
                fake = self.discriminator(fake_images, training=True)
                g_loss = loss(tf.ones_like(fake), fake)
                d_loss = loss(tf.ones_like(real), real) + loss(tf.zeros_like(fake), fake)
            g_variables = self.generator.trainable_variables
            d_variables = self.discriminator.trainable_variables
            g_gradients = g_tape.gradient(g_loss, g_variables)
            d_gradients = d_tape.gradient(d_loss, d_variables)
            g_optimizer.apply_gradients(zip(g_gradients, g_variables, strict=True))
            d_optimizer.apply_gradients(zip(d_gradients, d_variables, strict=True))
            return d_loss, g_loss

        self.train_step = train_step
        parts = (self.generator, self.discriminator, g_optimizer, d_optimizer)
        self.variables = [variable for part in parts for variable in part.variables]

    def step(self, real_images, noise) -> tuple[float, float]:
        real_images, noise = (self.tf.convert_to_tensor(array) for array in (real_images, noise))
        d_loss, g_loss = self.train_step(real_images, noise)
        return float(d_loss), float(g_loss)

    def sample(self, noise) -> np.ndarray:
        return self.generator(noise, training=False).numpy()

    def state(self) -> list[np.ndarray]:
        """Return all variables, without TensorFlow's random state, which cannot be read."""
        return [variable.numpy() for variable in self.variables]

    def set_state(self, state: list) -> None:
        for variable, array in zip(self.variables, state, strict=True):
            variable.assign(array)

    def batches(self, images: np.ndarray) -> Iterator[tuple]:
        dataset = self.tf.data.Dataset.from_tensor_slices(images)
        dataset = dataset.shuffle(len(images)).batch(self.batch_size)
        while True:
            for batch in dataset:
                yield batch, self.tf.random.normal((self.batch_size, LATENT_DIM))


DOCUMENTS = {  # design: the code of its document
    "dense": lambda: KerasDense(adam=True),
    "dense-sgd": lambda: KerasDense(adam=False),
    "d-on-g": KerasDOnG,
    "mlp": TorchMLP,
    "dcgan": TapeDCGAN,
}
