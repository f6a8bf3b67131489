"""The steps of mlp, d-on-g and dcgan against independent ones: NumPy, and plain Keras loops.

All in float64: in float32 a rounding may tip an activation over a kink, and optimizers that divide
by the gradient's size take it from there.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import STEPS, in_make_test, step_inputs, weights
from documents import TapeDCGAN, d_on_g_nets
from keras import layers
from numpy_gan import MlpGAN

from gan.designs import DESIGNS, build_design
from gan.layers.pytorch import BatchNorm1d
from gan.support.errors import UserError

pytestmark = pytest.mark.usefixtures("float64", "short_runs")
TOLERANCE = 1e-4


def check_equal(ours, their_models, noise, before):
    """G's images and all weights end equal, and have moved."""
    generator, discriminator = their_models
    images, expected = ours.generator(noise), generator(noise)
    assert np.abs(expected - before).max() > 0.005
    np.testing.assert_allclose(images, expected, atol=TOLERANCE)
    for mine, theirs in ((ours.generator, generator), (ours.discriminator, discriminator)):
        for a, b in zip(weights(mine), weights(theirs), strict=True):
            np.testing.assert_allclose(a, b, atol=TOLERANCE)


def test_mlp_equals_numpy():
    ours = build_design("mlp")
    theirs = MlpGAN(weights(ours.generator), weights(ours.discriminator))
    noise = np.random.default_rng(9).normal(size=(16, 100))
    before = ours.sample(noise).numpy()
    for step, inputs in enumerate(step_inputs(noises=2)):
        if step == STEPS - 1:
            inputs = tuple(array[:16] for array in inputs)  # an epoch's last, smaller batch
        figures = ours.step(*inputs)
        for key, expected in theirs.step(*inputs).items():
            assert float(figures[key]) == pytest.approx(expected, abs=TOLERANCE), key
    for mine, expected in (
        (ours.generator, theirs.generator_weights()),
        (ours.discriminator, theirs.discriminator_weights()),
    ):
        for a, b in zip(weights(mine), expected, strict=True):
            np.testing.assert_allclose(a, b, atol=TOLERANCE)
    expected = theirs.generate(noise, training=True)
    assert np.abs(expected - before).max() > 0.02
    np.testing.assert_allclose(ours.generator(noise, training=True), expected, atol=TOLERANCE)


def test_mlp_is_initialised_as_pytorch_does():
    gan = build_design("mlp")
    nets = (*gan.generator.layers, *gan.discriminator.layers)
    dense = [layer for layer in nets if isinstance(layer, layers.Dense)]
    assert len(dense) == 5 + 3
    for layer in dense:
        limit = layer.kernel.shape[0] ** -0.5
        for values in layer.get_weights():
            assert 0 < np.abs(values).max() <= limit
            if values.size > 1:
                assert values.std() == pytest.approx(limit / 3**0.5, rel=0.15)
    norms = [layer for layer in gan.generator.layers if isinstance(layer, BatchNorm1d)]
    assert [(norm.epsilon, norm.momentum) for norm in norms] == 3 * [(0.8, 0.9)]


def test_d_on_g_equals_a_plain_loop():
    ours = build_design("d-on-g", batch_size=4)
    generator, discriminator = d_on_g_nets(keras)
    generator.set_weights(ours.generator.get_weights())
    discriminator.set_weights(ours.discriminator.get_weights())
    velocities = {}

    def cross_entropy(labels, images):
        probabilities = discriminator(images, training=True)[:, 0]
        return -tf.reduce_mean(tf.math.log(tf.where(labels > 0, probabilities, 1 - probabilities)))

    def nesterov(tape, loss, model):
        variables = model.trainable_variables
        for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
            velocity = 0.9 * velocities.get(id(variable), 0.0) - 1e-3 * gradient
            velocities[id(variable)] = velocity
            variable.assign_add(0.9 * velocity - 1e-3 * gradient)

    noise = np.random.default_rng(9).uniform(-1, 1, (6, 100))
    before = generator(noise)
    for real_images, d_noise, g_noise in step_inputs(noises=2, batch=4)[:3]:
        figures = ours.step(real_images, d_noise, g_noise)
        fakes = generator(d_noise, training=False)
        labels = tf.constant([1.0] * 4 + [0.0] * 4, tf.float64)
        with tf.GradientTape() as tape:
            d_loss = cross_entropy(labels, tf.concat([real_images, fakes], 0))
        nesterov(tape, d_loss, discriminator)
        with tf.GradientTape() as tape:
            g_loss = cross_entropy(labels[:4], generator(g_noise, training=True))
        nesterov(tape, g_loss, generator)
        assert float(figures["d_loss"]) == pytest.approx(float(d_loss), abs=TOLERANCE)
        assert float(figures["g_loss"]) == pytest.approx(float(g_loss), abs=TOLERANCE)
    check_equal(ours, (generator, discriminator), noise, before)


def test_dcgan_equals_a_plain_loop():
    ours = build_design("dcgan", batch_size=8, dropout=0.0)
    theirs = TapeDCGAN(dropout=0.0)
    theirs.set_weights(weights(ours.generator), weights(ours.discriminator))
    generator, discriminator = theirs.generator, theirs.discriminator
    moments = {}

    def adam(variables, gradients, clock):
        for variable, gradient in zip(variables, gradients, strict=True):
            m, v = moments.get(id(variable), (0.0, 0.0))
            m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
            moments[id(variable)] = m, v
            # Keras takes the betas of the bias correction, and the rate, in float32.
            beta_1, beta_2, rate = (float(np.float32(x)) for x in (0.9, 0.999, 1e-4))
            rate *= (1 - beta_2**clock) ** 0.5 / (1 - beta_1**clock)
            variable.assign_sub(rate * m / (v**0.5 + 1e-7))

    def entropy(label, logits):
        losses = tf.nn.sigmoid_cross_entropy_with_logits(tf.fill(logits.shape, label), logits)
        return tf.reduce_mean(losses)

    noise = np.random.default_rng(9).normal(size=(6, 100))
    before = generator(noise)
    one, zero = tf.constant(1.0, tf.float64), tf.constant(0.0, tf.float64)
    for step, (real_images, z) in enumerate(step_inputs(noises=1, batch=8)[:4]):
        real_images = real_images[:5]  # fewer than the noise, as in an epoch's last step
        figures = ours.step(real_images, z)
        with tf.GradientTape(persistent=True) as tape:
            fakes = generator(z, training=True)
            real_logits, fake_logits = discriminator(real_images), discriminator(fakes)
            g_loss = entropy(one, fake_logits)
            d_loss = entropy(one, real_logits) + entropy(zero, fake_logits)
        pairs = [
            (model.trainable_variables, tape.gradient(loss, model.trainable_variables))
            for model, loss in ((generator, g_loss), (discriminator, d_loss))
        ]
        for variables, gradients in pairs:
            adam(variables, gradients, step + 1)
        assert float(figures["d_loss"]) == pytest.approx(float(d_loss), abs=TOLERANCE)
        assert float(figures["g_loss"]) == pytest.approx(float(g_loss), abs=TOLERANCE)
    images, expected = ours.sample(noise), generator(noise)
    assert np.abs(expected - before).max() > 0.005
    np.testing.assert_allclose(images, expected, atol=TOLERANCE)
    for mine, theirs in ((ours.generator, generator), (ours.discriminator, discriminator)):
        for a, b in zip(mine.trainable_variables, theirs.trainable_variables, strict=True):
            np.testing.assert_allclose(a, b, atol=TOLERANCE)


@pytest.mark.parametrize("name", in_make_test("dense", "mlp", "dcgan"))
def test_only_d_and_only_on_real_images_gets_smooth_labels(name):
    figures, noises = [], 1 if name == "dcgan" else 2
    real_images, *noise = step_inputs(noises, batch=4)[0]
    for label_smoothing in (0.0, 0.3):
        # With so small a rate, D is the same before and after its update.
        settings = {"learning_rate": 1e-12, "label_smoothing": label_smoothing, "batch_size": 4}
        settings |= {"dropout": 0.0} if name == "dcgan" else {}
        design = build_design(name, **settings)
        figures.append(
            {key: float(value) for key, value in design.step(real_images, *noise).items()}
        )
    outputs = design.discriminator(real_images, training=False).numpy()
    logits = outputs if name == "dcgan" else np.log(outputs / (1 - outputs))
    expected = 0.3 * logits.mean() * design.d_loss_terms / 2
    assert abs(expected) > 1e-3
    sharp, smooth = figures
    assert smooth["d_loss"] - sharp["d_loss"] == pytest.approx(expected, abs=1e-6)
    assert smooth["g_loss"] == pytest.approx(sharp["g_loss"], abs=1e-6)


@pytest.mark.parametrize("name", DESIGNS)
def test_the_factor_is_of_d_alone(name):
    if name == "dense":
        with pytest.raises(UserError, match="d_rate_factor must be 1 here: D and G share one Adam"):
            build_design(name, d_rate_factor=2)
        return
    design = build_design(name, learning_rate=0.25, d_rate_factor=2)
    assert float(design.d_optimizer.learning_rate) == 0.5
    assert float(design.g_optimizer.learning_rate) == 0.25
