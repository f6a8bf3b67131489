"""`design.sample`: what an image depends on, where `mlp` normalises it with its batch."""

import numpy as np
import pytest
from conftest import built

from gan.data.batches import SAMPLE_NOISE, draw_noise
from gan.data.pixels import to_pixels
from gan.evaluation.sampling import collect, draw_samples
from gan.support.tensorflow import keras, tf

BATCH, LATENT = 16, 8


@pytest.fixture
def mlp():
    design = built("mlp", image_shape=(12, 12, 1), batch_size=BATCH, latent_dim=LATENT)
    for variable, average in zip(design.generator.variables, design.averages, strict=True):
        average.assign(0.5 * variable.numpy())
    return design


def noise_of(design, seed=0, count=BATCH):
    return draw_noise(design.recipe, seed, 0, SAMPLE_NOISE, count).numpy()


@pytest.mark.parametrize("average", [False, True])
def test_the_first_vectors_of_a_batch_give_the_images_of_the_whole_batch(mlp, average):
    noise = noise_of(mlp)
    whole = mlp.sample(noise, average).numpy()
    for count in (1, 9, BATCH):
        # A product of matrices may round otherwise where it is computed with other rows.
        np.testing.assert_array_equal(mlp.sample(noise[:count], average), whole[:count])
    drawn = collect(draw_samples(mlp, 0, 9, average)).images
    np.testing.assert_array_equal(to_pixels(mlp.sample(noise[:9], average)), drawn)


def test_one_vector_gives_an_image_that_depends_on_it(mlp):
    one, other = (mlp.sample(noise_of(mlp, seed, 1)).numpy() for seed in (5, 6))
    assert np.abs(one - other).max() > 0.01
    np.testing.assert_array_equal(mlp.sample(noise_of(mlp, 5, 1)), one)
    beside = mlp.sample(noise_of(mlp, 5, 2))[:1].numpy()  # another image, if little so
    assert 0 < np.abs(one - beside).max() < np.abs(one - other).max()


@pytest.mark.parametrize("count", [BATCH, BATCH + 3, 3 * BATCH])
def test_a_whole_batch_or_more_is_normalised_with_itself_alone(mlp, count):
    """As before: the grids of a run draw a whole batch. No statistic moves."""
    noise, before = noise_of(mlp, 7, count), [v.numpy() for v in mlp.all_variables]
    with keras.StatelessScope():
        expected = mlp.generator(noise, training=True)
    np.testing.assert_array_equal(mlp.sample(noise), expected)
    mlp.sample(noise[:2])
    for variable, value in zip(mlp.all_variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_any_number_of_vectors_in_a_graph_too(mlp):
    noise = noise_of(mlp, 3)
    expected = [mlp.sample(noise[:count]).numpy() for count in (1, 5)]
    anything = tf.TensorSpec((None, None), tf.float32)
    compiled = tf.function(mlp.sample, input_signature=[anything])
    averaged = tf.function(lambda noise: mlp.sample(noise, average=True))
    dataset = tf.data.Dataset.from_tensor_slices(noise[:5]).batch(5).map(mlp.sample)
    inputs = keras.Input((LATENT,))
    model = keras.Model(inputs, mlp(inputs))
    close = {"atol": 1e-6}
    for found in (compiled(noise[:5]), next(iter(dataset)), model(noise[:5])):
        np.testing.assert_allclose(found, expected[1], **close)
    np.testing.assert_allclose(compiled(noise[:1]), expected[0], **close)
    np.testing.assert_allclose(averaged(noise[:1]), mlp.sample(noise[:1], average=True), **close)
    np.testing.assert_allclose(mlp.predict(noise[:5], verbose=0), expected[1], **close)
    np.testing.assert_array_equal(mlp.sample(noise[:5].astype("float64")), expected[1])
    assert mlp.sample(noise[:0]).shape == (0, 12, 12, 1)


def test_noise_of_another_length_is_refused_by_the_generator(mlp):
    with pytest.raises(ValueError, match="expected axis -1 of input shape to have value 8"):
        mlp.sample(np.zeros((2, LATENT + 1), "float32"))


def test_the_images_of_other_designs_depend_on_their_own_noise_alone():
    design = built("dense", image_shape=(12, 12, 1), latent_dim=LATENT)
    noise = noise_of(design, 1, 9)
    np.testing.assert_allclose(design.sample(noise[:1]), design.sample(noise)[:1], atol=1e-5)
