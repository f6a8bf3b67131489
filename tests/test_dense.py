"""The dense GAN's step against an independent NumPy one, and what it may change."""

import functools
import re
import textwrap
from dataclasses import asdict

import h5py
import keras
import numpy as np
import pytest
from conftest import REPOSITORY, STEPS, assert_changed, step_inputs, weights
from documents import KerasDense
from numpy_gan import SGD, Adam, DenseGAN

from gan.data import load_images
from gan.dense import DENSE, DENSE_SGD, GAN, SGDGAN
from gan.designs import build_design
from gan.recipe import override
from gan.runs import Run
from gan.support.errors import UserError

pytestmark = pytest.mark.usefixtures("short_runs")
DESIGNS = {"dense": Adam, "dense-sgd": SGD}
IN_MAKE_TEST = ["dense", pytest.param("dense-sgd", marks=pytest.mark.slow)]


def check_equals_numpy(name, steps):
    """`steps` of ours and of NumPy's from equal weights, images and noise end equal to 1e-4."""
    ours = build_design(name)
    theirs = DenseGAN(weights(ours.generator), weights(ours.discriminator), DESIGNS[name]())
    noise = np.random.default_rng(9).normal(size=(16, 100))
    untrained = theirs.generate(noise)
    dtype = keras.config.floatx()
    for inputs in step_inputs(noises=2)[:steps]:
        figures = ours.step(*(array.astype(dtype) for array in inputs))
        for key, expected in theirs.step(*inputs).items():
            assert float(figures[key]) == pytest.approx(expected, abs=1e-4), key

    assert np.abs(theirs.generate(noise) - untrained).max() > 0.05  # it has moved
    images = ours.sample(noise.astype(dtype)).numpy()
    np.testing.assert_allclose(images, theirs.generate(noise), atol=1e-4)
    for model, expected in (
        (ours.generator, theirs.generator_weights()),
        (ours.discriminator, theirs.discriminator_weights()),
    ):
        for ours_weight, theirs_weight in zip(weights(model), expected, strict=True):
            np.testing.assert_allclose(ours_weight, theirs_weight, atol=1e-4)


@pytest.mark.parametrize("name", DESIGNS)
@pytest.mark.usefixtures("float64")
def test_steps_equal_numpy(name):
    # In float64, as in float32 one rounding may tip an activation over LeakyReLU's kink, and from
    # there on Adam takes the two apart: by 3e-6 with most seeds, by 1e-2 with some.
    check_equals_numpy(name, STEPS)


@pytest.mark.parametrize("name", IN_MAKE_TEST)
def test_three_steps_equal_numpy_in_float32(name):
    check_equals_numpy(name, 3)


@pytest.mark.parametrize("name", IN_MAKE_TEST)
def test_the_discriminator_learns(name):
    """Left to itself on fixed fakes D tells them from real images; trainable plays no part."""
    gan = build_design(name)
    gan.discriminator.trainable = True
    gan.g_optimizer = keras.optimizers.SGD(0.0)
    gan.g_optimizer.build(gan.generator.trainable_variables)
    losses = [
        float(gan.step(*(array.astype("float32") for array in inputs))["d_loss"])
        for inputs in 2 * step_inputs(noises=2)
    ]
    assert losses[-1] < 0.5 * losses[0]


def test_the_documents_class(tmp_path, small_data):
    gan = GAN()
    assert gan.recipe == DENSE
    assert gan.build_generator().output_shape == (None, 28, 28, 1)
    assert gan.build_discriminator().output_shape == (None, 1)
    run = Run("dense", tmp_path)
    before = weights(gan.discriminator)
    gan.train(epochs=6, batch_size=8, sample_interval=5, run=run, dataset=load_images(small_data))
    assert_changed(before, weights(gan.discriminator))
    gan.sample_images(epoch=77, run=run)
    names = {path.name for path in run.images.iterdir()}
    assert {"0.png", "5.png", "final.png", "77.png", "training.gif"} < names
    assert run.grid("77").read_bytes() == run.grid("final").read_bytes()


def test_the_sgd_articles_recipe_builds_its_own_class_also_from_older_files():
    old = GAN().get_config() | {"recipe": asdict(DENSE_SGD), "name": "dense-sgd", "seed": 3}
    for design in (GAN(DENSE_SGD), GAN(recipe=DENSE_SGD), GAN.from_config(old), SGDGAN()):
        assert type(design) is SGDGAN
        assert design.name == "dense-sgd"
        assert design.recipe == DENSE_SGD
        assert {type(design.d_optimizer), type(design.g_optimizer)} == {keras.optimizers.SGD}
        assert design.d_optimizer is not design.g_optimizer
    assert type(GAN()) is GAN
    for design_class, recipe in ((type("Mine", (GAN,), {}), DENSE_SGD), (SGDGAN, DENSE)):
        with pytest.raises(UserError, match="beta_1"):  # not trained by the other's optimizer
            design_class(recipe)


def test_train_called_again_continues_and_takes_steps_too(tmp_path, small_data):
    options = {"run": Run("dense", tmp_path), "dataset": load_images(small_data)}
    small = {"batch_size": 8, "sample_interval": 5}
    assert GAN(DENSE_SGD).train(3, 8, 5, **options).trained == 3  # as the document calls it
    assert GAN(DENSE_SGD).train(steps=5, **small, **options).trained == 2
    gan = GAN(DENSE_SGD)
    assert gan.train(steps=1, run=Run("other", tmp_path), dataset=load_images(small_data)).done == 1
    assert (gan.recipe.batch_size, gan.recipe.sample_interval) == (32, 200)
    with pytest.raises(ValueError, match="give epochs or steps, not both"):
        gan.train(epochs=1, steps=1)
    with pytest.raises(ValueError, match="batch_size must be a whole number"):
        gan.train(epochs=1, batch_size=0)
    gan = GAN(DENSE_SGD)
    gan.train(epochs=1, run=Run("third", tmp_path), dataset=load_images(small_data))
    assert (gan.recipe.batch_size, gan.recipe.sample_interval) == (128, 50)


def test_a_recipe_names_the_setting_that_is_wrong():
    for settings, message in (
        ({"batch_size": 0}, "batch_size must be a whole number"),
        ({"batch_size": 2.5}, "batch_size must be a whole number"),
        ({"learning_rate": float("nan")}, "learning_rate must be a number above 0"),
        ({"beta_1": 1.0}, "beta_1 must be"),
        ({"batch_sise": 3}, "no setting 'batch_sise'"),
        ({"steps": 3, "epochs": 3}, "either steps or epochs"),
    ):
        with pytest.raises(ValueError, match=message):
            override(DENSE, **settings)
    with pytest.raises(ValueError, match="no setting 'beta_1'"):
        build_design("dense-sgd", beta_1=0.5)


# -- files of Keras 2 ------------------------------------------------------------------------------


def write_as_keras_2(path, net, wrapped):
    """Write the weights of `net` as Keras 2's `save_weights` does, bare or inside a Model."""
    groups = {layer.name: layer.weights for layer in net.layers}
    if wrapped:
        groups = {"input_1": [], "sequential": [*net.trainable_weights, *net.non_trainable_weights]}
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [name.encode() for name in groups]
        for group, variables in groups.items():
            names = [f"{variable.path}:0" for variable in variables]
            file.create_group(group).attrs["weight_names"] = [name.encode() for name in names]
            for name, variable in zip(names, variables, strict=True):
                file[group][name] = variable.numpy()


def save_with_keras_2(path, net, wrapped, save):
    """Have Keras 2 write the document's net with the weights of `net`, with the method `save`."""
    tf_keras = pytest.importorskip("tf_keras")
    document = getattr(KerasDense(adam=True), net.name)
    document.set_weights(weights(net))
    inputs = tf_keras.Input(net.input_shape[1:])
    document = tf_keras.Model(inputs, document(inputs)) if wrapped else document
    getattr(document, save)(path)


BY_KERAS_2 = [functools.partial(save_with_keras_2, save=name) for name in ("save", "save_weights")]


@pytest.mark.parametrize(
    ("write", "wrapped"),
    [
        (write_as_keras_2, True),
        *(
            pytest.param(write, wrapped, marks=pytest.mark.slow)
            for write in (write_as_keras_2, *BY_KERAS_2)
            for wrapped in (True, False)
        ),
    ],
)
def test_the_guides_lines_load_weights_of_the_keras_gan_class(
    tmp_path, monkeypatch, write, wrapped
):
    trained = GAN(seed=1)
    random = np.random.default_rng(0)
    for variable in trained.generator.variables:  # BatchNorm's too, each another
        variable.assign(variable + random.uniform(0, 0.1, variable.shape).astype("float32"))
    for net in (trained.generator, trained.discriminator):
        write(tmp_path / f"{net.name}.h5", net, wrapped)

    guide = (REPOSITORY / "experiments" / "guide.md").read_text(encoding="utf-8")
    section = guide.split("### Weights of the Keras GAN class")[1].split("\n## ")[0]
    code = "\n".join(line for line in section.splitlines() if line.startswith("    "))
    if not wrapped:  # what the text below those lines says
        code, found = re.subn(r"keras\.Model\(\w+, (gan\.\w+)\(\w+\)\)", r"\1", code)
        assert found == 2
        assert 'gan.generator.load_weights("generator.h5")`' in section
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(textwrap.dedent(code), names)
    noise = random.normal(size=(16, 100)).astype("float32")
    images = trained.sample(noise)
    for average in (False, True):
        np.testing.assert_array_equal(names["gan"].sample(noise, average), images)
    np.testing.assert_array_equal(names["gan"].discriminator(images), trained.discriminator(images))
