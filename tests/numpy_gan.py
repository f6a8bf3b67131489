"""The training steps of the fully connected GANs in plain NumPy, to check the Keras ones against.

Nothing here comes from Keras: forward passes, gradients and optimizers are written out from the
three documents and their libraries' formulas, and everything is computed in float64.

* `DenseGAN` with `Adam()`: `dense`, document 003 (Keras);
* `DenseGAN` with `SGD()`: `dense-sgd`, document 000 (Keras), same nets and step;
* `MlpGAN`: `mlp`, document 002 (PyTorch).

Weights come in and go out as flat lists in the order of
`[w for layer in model.layers for w in layer.get_weights()]`: kernel, bias for a Dense layer;
gamma, beta, moving mean, moving variance for a BatchNormalization. They are copied on the way in
and out, so no caller's array changes. Images are [B, 28, 28, 1], noise is [B, latent].
"""

import numpy as np

# --- Layers. forward(x, training) remembers what backward(dy) needs; backward(dy) takes dLoss/dy,
# --- leaves dLoss/dw in `gradients` (parallel to `trainable`) and returns dLoss/dx.


class Layer:
    """A layer without weights; those with weights set these to lists of arrays."""

    weights = trainable = gradients = ()


class Dense(Layer):
    """y = x W + b. Takes its two arrays from the iterator `source`."""

    def __init__(self, source, units):
        self.kernel, self.bias = next(source), next(source)
        assert self.kernel.shape[1:] == self.bias.shape == (units,), self.kernel.shape
        self.weights = self.trainable = [self.kernel, self.bias]

    def forward(self, x, training):
        self.x = x
        return x @ self.kernel + self.bias

    def backward(self, dy):
        self.gradients = [self.x.T @ dy, dy.sum(axis=0)]
        return dy @ self.kernel.T


class BatchNorm(Layer):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta. Takes four arrays from `source`.

    In training, mean and variance are the batch's (the variance biased: divided by n), and the
    moving ones follow: moving = moving * momentum + batch * (1 - momentum). `unbiased` feeds the
    moving variance with n / (n - 1) times the batch's, as PyTorch does; Keras does not.
    In inference they are the moving ones, which stay as they are.
    """

    def __init__(self, source, units, momentum, epsilon, unbiased=False):
        self.momentum, self.epsilon, self.unbiased = momentum, epsilon, unbiased
        self.weights = [next(source) for _ in range(4)]
        assert all(w.shape == (units,) for w in self.weights), [w.shape for w in self.weights]
        self.gamma, self.beta, self.moving_mean, self.moving_variance = self.weights
        self.trainable = [self.gamma, self.beta]

    def forward(self, x, training):
        mean, variance = self.moving_mean, self.moving_variance
        if training:
            mean, variance = x.mean(axis=0), x.var(axis=0)
            fed_variance = x.var(axis=0, ddof=1 if self.unbiased else 0)
            self.moving_mean += (1 - self.momentum) * (mean - self.moving_mean)
            self.moving_variance += (1 - self.momentum) * (fed_variance - self.moving_variance)
        self.deviation = np.sqrt(variance + self.epsilon)
        self.normal = (x - mean) / self.deviation
        return self.gamma * self.normal + self.beta

    def backward(self, dy):
        """For a pass in training: mean and variance depend on x, whence the two subtractions."""
        self.gradients = [(dy * self.normal).sum(axis=0), dy.sum(axis=0)]
        dn = dy * self.gamma
        dn = dn - dn.mean(axis=0) - self.normal * (dn * self.normal).mean(axis=0)
        return dn / self.deviation


class LeakyReLU(Layer):
    """y = x where x > 0, else 0.2 x."""

    def forward(self, x, training):
        self.slope = np.where(x > 0, 1.0, 0.2)
        return x * self.slope

    def backward(self, dy):
        return dy * self.slope


class Tanh(Layer):
    """y = tanh(x); dy/dx = 1 - y^2."""

    def forward(self, x, training):
        self.y = np.tanh(x)
        return self.y

    def backward(self, dy):
        return dy * (1 - self.y**2)


class Sigmoid(Layer):
    """y = 1 / (1 + exp(-x)), by way of log y, so that nothing overflows; dy/dx = y (1 - y)."""

    def forward(self, x, training):
        self.y = np.exp(-np.logaddexp(0, -x))
        return self.y

    def backward(self, dy):
        return dy * self.y * (1 - self.y)


class Network:
    """Layers in a row. `build(source)` lists them, each taking its arrays from the iterator."""

    def __init__(self, build, weights):
        source = iter([np.array(w, dtype=np.float64) for w in weights])
        self.layers = build(source)
        assert next(source, None) is None, "more weights than the document's network has"

    def forward(self, x, training):
        x = np.asarray(x, dtype=np.float64).reshape(len(x), -1)
        for layer in self.layers:
            x = layer.forward(x, training)
        return x

    def backward(self, dy):
        for layer in reversed(self.layers):
            dy = layer.backward(dy)
        return dy

    def get_weights(self):
        return [w.copy() for layer in self.layers for w in layer.weights]

    def update(self, optimizer):
        """One optimizer step on all trainable arrays, with the last backward pass's gradients."""
        gradients = [g for layer in self.layers for g in layer.gradients]
        optimizer.apply([w for layer in self.layers for w in layer.trainable], gradients)


# --- The documents' networks.


def dense_generator(source):
    """Documents 003 and 000: three times Dense, LeakyReLU, BatchNorm; then Dense(784), tanh."""
    layers = []
    for units in (256, 512, 1024):
        layers += [Dense(source, units), LeakyReLU()]
        layers += [BatchNorm(source, units, momentum=0.8, epsilon=1e-3)]
    return [*layers, Dense(source, 784), Tanh()]


def mlp_generator(source):
    """Document 002: BatchNorm *before* LeakyReLU, none in the first block, and 0.8 is epsilon."""
    layers = [Dense(source, 128), LeakyReLU()]
    for units in (256, 512, 1024):
        layers += [Dense(source, units)]
        layers += [BatchNorm(source, units, momentum=0.9, epsilon=0.8, unbiased=True), LeakyReLU()]
    return [*layers, Dense(source, 784), Tanh()]


def discriminator(source):
    """All three documents: 784-512-256-1, LeakyReLU between, the probability of "real" out."""
    layers = [Dense(source, 512), LeakyReLU(), Dense(source, 256), LeakyReLU()]
    return [*layers, Dense(source, 1), Sigmoid()]


# --- Losses: the mean binary cross-entropy of probabilities p against one target (1 real, 0 fake),
# --- L = -mean(t log p + (1 - t) log(1 - p)), and dL/dp. They differ only near p = 0 and p = 1.


def keras_bce(p, target):
    """Keras: p is clipped to [1e-7, 1 - 1e-7]; a clipped p has no gradient.

    Keras 3 clips only where it sees no sigmoid: on Dense(1, activation="sigmoid") it takes the
    loss of the logit. The two are the same while D's logit stays within 16.1 of zero.
    """
    q = np.clip(p, 1e-7, 1 - 1e-7)
    loss = -np.mean(target * np.log(q) + (1 - target) * np.log(1 - q))
    return loss, np.where(p == q, (q - target) / (q * (1 - q)), 0.0) / p.size


def torch_bce(p, target):
    """PyTorch's BCELoss: log is at least -100; the gradient's p (1 - p) is at least 1e-12."""
    with np.errstate(divide="ignore"):
        logs = np.maximum(np.log(p if target else 1 - p), -100)
    return -np.mean(logs), (p - target) / np.maximum(p * (1 - p), 1e-12) / p.size


# --- Optimizers: apply(variables, gradients) changes the arrays in place.


class SGD:
    """w -= learning_rate g, Keras' "sgd" (document 000): rate 0.01, no momentum, no state."""

    def __init__(self, learning_rate=0.01):
        self.learning_rate = learning_rate

    def apply(self, variables, gradients):
        for w, g in zip(variables, gradients, strict=True):
            w -= self.learning_rate * g


class Adam:
    """Keras' Adam(2e-4, beta_1 0.5) (document 003), epsilon outside the bias correction:

    m += (1 - b1)(g - m); v += (1 - b2)(g^2 - v);
    w -= lr sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + epsilon).

    Each variable has its m and v; the clock t is the optimizer's and ticks once for each `apply`,
    whichever variables are applied.
    """

    def __init__(self, learning_rate=2e-4, beta_1=0.5, beta_2=0.999, epsilon=1e-7):
        self.learning_rate, self.epsilon = learning_rate, epsilon
        self.beta_1, self.beta_2 = beta_1, beta_2
        self.t = 0
        self.moments = {}  # id of the variable (updated in place, so it lasts) -> (m, v)

    def apply(self, variables, gradients):
        self.t += 1
        for w, g in zip(variables, gradients, strict=True):
            m, v = self.moments.setdefault(id(w), (np.zeros_like(w), np.zeros_like(w)))
            m += (1 - self.beta_1) * (g - m)
            v += (1 - self.beta_2) * (g**2 - v)
            w -= self.learning_rate * self.direction(m, v)

    def direction(self, m, v):
        correction = np.sqrt(1 - self.beta_2**self.t) / (1 - self.beta_1**self.t)
        return correction * m / (np.sqrt(v) + self.epsilon)


class TorchAdam(Adam):
    """PyTorch's Adam (document 002): bias correction first, then epsilon, 1e-8.

    w -= lr m_hat / (sqrt(v_hat) + epsilon), m_hat = m / (1 - b1^t), v_hat = v / (1 - b2^t).
    """

    def __init__(self):
        super().__init__(epsilon=1e-8)

    def direction(self, m, v):
        m_hat, v_hat = m / (1 - self.beta_1**self.t), v / (1 - self.beta_2**self.t)
        return m_hat / (np.sqrt(v_hat) + self.epsilon)


# --- The training steps.


class GAN:
    """A generator and a discriminator; the subclasses say which, and how they are trained."""

    def __init__(self, build_generator, generator_weights, discriminator_weights):
        self.generator = Network(build_generator, generator_weights)
        self.discriminator = Network(discriminator, discriminator_weights)

    def generator_weights(self):
        return self.generator.get_weights()

    def discriminator_weights(self):
        return self.discriminator.get_weights()

    def generate(self, noise, training=False):
        """Images of `noise`. With `training`, BatchNorm uses the batch and its statistics move."""
        return self.generator.forward(noise, training).reshape(-1, 28, 28, 1)

    def generator_step(self, noise, bce, optimizer):
        """G is to have its images called real; the gradient passes through D, only G changes."""
        probability = self.discriminator.forward(self.generate(noise, training=True), True)
        loss, gradient = bce(probability, 1)
        self.generator.backward(self.discriminator.backward(gradient))
        self.generator.update(optimizer)
        return loss


class DenseGAN(GAN):
    """Documents 003 (`optimizer` Adam(), one for both networks) and 000 (SGD())."""

    def __init__(self, generator_weights, discriminator_weights, optimizer):
        super().__init__(dense_generator, generator_weights, discriminator_weights)
        self.optimizer = optimizer

    def discriminator_step(self, images, target):
        """One update of D on images that are all real or all fake; loss and accuracy before it."""
        probability = self.discriminator.forward(images, True)
        loss, gradient = keras_bce(probability, target)
        self.discriminator.backward(gradient)
        self.discriminator.update(self.optimizer)
        return loss, np.mean((probability > 0.5) == target)

    def step(self, real_images, d_noise, g_noise):
        """Fakes in inference mode; D on the real, then D on the fakes, then G: three updates.

        d_loss and d_accuracy are the mean of the two D updates' figures.
        """
        fake_images = self.generate(d_noise)
        real_loss, real_accuracy = self.discriminator_step(real_images, 1)
        fake_loss, fake_accuracy = self.discriminator_step(fake_images, 0)
        return {
            "d_loss": 0.5 * (real_loss + fake_loss),
            "d_accuracy": 0.5 * (real_accuracy + fake_accuracy),
            "g_loss": self.generator_step(g_noise, keras_bce, self.optimizer),
        }


class MlpGAN(GAN):
    """Document 002, with its two optimizers."""

    def __init__(self, generator_weights, discriminator_weights):
        super().__init__(mlp_generator, generator_weights, discriminator_weights)
        self.generator_optimizer, self.discriminator_optimizer = TorchAdam(), TorchAdam()

    def discriminator_step(self, real_images, fake_images):
        """One update of D on BCE(D(real), 1) + BCE(D(fake), 0), the sum of the two means.

        D has no BatchNorm, so one pass over [real; fake] gives what the document's two give.
        """
        n = len(real_images)
        probability = self.discriminator.forward(np.concatenate([real_images, fake_images]), True)
        real_loss, real_gradient = torch_bce(probability[:n], 1)
        fake_loss, fake_gradient = torch_bce(probability[n:], 0)
        self.discriminator.backward(np.concatenate([real_gradient, fake_gradient]))
        self.discriminator.update(self.discriminator_optimizer)
        return real_loss + fake_loss

    def step(self, real_images, d_noise, g_noise):
        """Fakes in training mode (moving statistics move); one D update; G on new noise."""
        fake_images = self.generate(d_noise, training=True)
        return {
            "d_loss": self.discriminator_step(real_images, fake_images),
            "g_loss": self.generator_step(g_noise, torch_bce, self.generator_optimizer),
        }
