"""What holds for every design, and the documents' numbers."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import assert_changed, built, in_make_test, refusal, run_here, step_inputs

from gan import generate, train
from gan.d_on_g import DOnG
from gan.data import of_array
from gan.data.batches import SAMPLE_NOISE, draw_noise
from gan.data.digits import draw_digits
from gan.dcgan import ConvolutionalGAN
from gan.dense import DENSE_SGD, GAN
from gan.designs import DESIGNS, build_design
from gan.evaluation import sampling
from gan.layers.replicas import Dropout
from gan.layers.upsampling import UpSamplingConv2D
from gan.mlp import MLPGAN
from gan.pictures import save_grid
from gan.runs import Run
from gan.support.errors import UserError
from gan.training import Training

pytestmark = pytest.mark.usefixtures("short_runs")

# trainable and other variables of G, of D
PARAMETERS = {
    "dense": (1_489_936, 3_584, 533_505, 0),
    "dense-sgd": (1_489_936, 3_584, 533_505, 0),
    "d-on-g": (6_751_233, 12_544, 3_485_441, 0),
    "mlp": (1_510_032, 3_584, 533_505, 0),
    "dcgan": (2_305_472, 25_472, 212_865, 4),  # Dropout's two seeds are D's other variables
}
RECIPES = {
    "dense": {"steps": 30_000, "batch_size": 32, "learning_rate": 2e-4, "beta_1": 0.5},
    "dense-sgd": {"steps": 10_000, "batch_size": 32, "learning_rate": 0.01},
    "d-on-g": {"epochs": 30, "batch_size": 128, "learning_rate": 1e-3, "momentum": 0.9},
    "mlp": {"epochs": 50, "batch_size": 64, "learning_rate": 2e-4, "beta_1": 0.5},
    "dcgan": {"epochs": 50, "batch_size": 256, "learning_rate": 1e-4, "dropout": 0.3},
}
RECIPES["dense"] |= {"sample_interval": 200, "order": "random"}
RECIPES["dense-sgd"] |= {"sample_interval": 200, "order": "random"}
RECIPES["d-on-g"] |= {"sample_interval": 100, "order": "sequential", "last_batch": "dropped"}
RECIPES["mlp"] |= {"sample_interval": 400, "order": "shuffled", "last_batch": "kept"}
RECIPES["dcgan"] |= {"checkpoint_epochs": 15, "order": "shuffled", "last_batch": "kept"}


def size(variables) -> int:
    return sum(int(np.prod(variable.shape)) for variable in variables)


def one_step(design):
    """Run a step on a batch of 8."""
    noises = len(design.noise_counts(8))
    inputs = step_inputs(noises, batch=8, noise_count=design.noise_counts(8)[0])[0]
    return design.step(*(array.astype("float32") for array in inputs))


def test_the_table_has_the_five_designs():
    assert list(DESIGNS) == ["dense", "dense-sgd", "d-on-g", "mlp", "dcgan"]


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameter_counts(name):
    design = built(name)
    assert PARAMETERS[name] == (
        size(design.generator.trainable_variables),
        size(design.generator.non_trainable_variables),
        size(design.discriminator.trainable_variables),
        size(design.discriminator.non_trainable_variables),
    )


@pytest.mark.parametrize("name", RECIPES)
def test_the_recipe_has_the_documents_numbers(name):
    recipe = built(name).recipe
    for setting, value in RECIPES[name].items():
        assert getattr(recipe, setting) == value
    assert recipe.latent_dim == 100
    assert recipe.noise == ("uniform" if name == "d-on-g" else "normal")
    assert recipe.average_decay == (0.9998 if name == "mlp" else 0.999)


def test_a_setting_may_be_a_number_of_numpy():
    recipe = build_design(
        "dense-sgd", (12, 12, 1), batch_size=np.int64(4), steps=np.int16(3)
    ).recipe
    assert [type(value) for value in (recipe.batch_size, recipe.steps)] == [int, int]
    with pytest.raises(UserError, match=r"latent_dim must be a whole number .* not 1.5"):
        build_design("dense-sgd", latent_dim=1.5)


@pytest.mark.parametrize(("name", "slope"), [("dense", 0.2), ("mlp", 0.2), ("dcgan", 0.3)])
def test_leaky_relus_have_their_documents_slope(name, slope):
    """dcgan's is Keras' default, on which its document relies."""
    design = built(name)
    leaky = [
        layer.negative_slope
        for net in (design.generator, design.discriminator)
        for layer in net.layers
        if isinstance(layer, keras.layers.LeakyReLU)
    ]
    assert leaky == [slope] * {"dense": 5, "mlp": 6, "dcgan": 5}[name]


def test_dcgans_d_drops_out_on_real_and_on_fake_images(monkeypatch):
    modes = []

    def call(self, inputs, training=False):
        modes.append(training)
        return inputs

    monkeypatch.setattr(Dropout, "call", call)
    one_step(built("dcgan", batch_size=8))
    assert modes == [True] * 4  # two layers, once for each half


def test_dcgans_d_records_nothing_of_g(monkeypatch):
    tapes = []

    class Tape(tf.GradientTape):
        def __init__(self):
            super().__init__()
            tapes.append(self)

    monkeypatch.setattr(tf, "GradientTape", Tape)
    design = built("dcgan", batch_size=8)
    one_step(design)
    of_g, of_d = ({variable.name for variable in tape.watched_variables()} for tape in tapes)
    assert len(of_d) == len(design.discriminator.trainable_variables) < len(of_g)


def test_d_on_gs_upsampling_and_convolution_are_one_layer():
    layers = built("d-on-g").generator.layers
    assert sum(isinstance(layer, UpSamplingConv2D) for layer in layers) == 2


@pytest.mark.parametrize("name", DESIGNS)
def test_the_nets_keep_their_contract(name):
    design = built(name)
    noise = np.random.default_rng(0).normal(size=(6, 100)).astype("float32")
    images = design.sample(noise)
    assert images.shape == (6, 28, 28, 1)
    assert np.abs(images).max() <= 1
    assert isinstance(design, keras.Model)  # of its samples
    np.testing.assert_array_equal(design(noise), images)
    scores = design.discriminator(images).numpy()
    assert scores.shape == (6, 1)
    if name == "dcgan":  # logits: nothing squeezes them into 0..1
        assert design.discriminator.layers[-1].activation is keras.activations.linear
    else:
        assert (scores > 0).all()
        assert (scores < 1).all()


@pytest.mark.parametrize("name", DESIGNS)
@pytest.mark.parametrize("still", ["generator", "discriminator"])
def test_each_update_changes_its_own_net_only(name, still):
    """With one net's learning rate 0, that net stays as it is and the other one learns."""
    design = build_design(name, batch_size=8)
    variables = {
        "generator": design.generator.trainable_variables,
        "discriminator": design.discriminator.trainable_variables,
    }
    moving = next(net for net in variables if net != still)
    optimizers = {still: keras.optimizers.SGD(0.0), moving: keras.optimizers.SGD(0.1)}
    for net, optimizer in optimizers.items():
        optimizer.build(variables[net])
    design.g_optimizer, design.d_optimizer = optimizers["generator"], optimizers["discriminator"]
    before = {net: [variable.numpy() for variable in variables[net]] for net in variables}
    one_step(design)
    after = {net: [variable.numpy() for variable in variables[net]] for net in variables}
    assert_changed(before[still], after[still], none=True)
    pairs = zip(before[moving], after[moving], strict=True)
    changed = [not np.array_equal(*pair) for pair in pairs]
    # A bias before a BatchNorm has no gradient but rounding.
    assert sum(changed) >= 0.7 * len(changed)
    assert changed[0]
    assert changed[-1]


@pytest.mark.parametrize("name", DESIGNS)
def test_a_step_ticks_each_optimizer_as_the_document_does_and_never_sets_trainable(
    name, monkeypatch
):
    design = built(name, batch_size=8)

    def refuse(self, value):
        raise AssertionError("trainable was set")

    flag = keras.layers.Layer.trainable
    monkeypatch.setattr(keras.layers.Layer, "trainable", flag.setter(refuse))
    one_step(design)
    ticks = {"dense": (3, 3), "dense-sgd": (2, 1)}.get(name, (1, 1))
    assert (int(design.d_optimizer.iterations), int(design.g_optimizer.iterations)) == ticks
    assert (design.d_optimizer is design.g_optimizer) == (name == "dense")


@pytest.mark.parametrize("name", ["dense", "d-on-g", "mlp"])
def test_g_learns_where_d_is_sure(name):
    """The loss comes from the logit; a probability clipped at 1e-7 would give 16, no gradient."""
    design = built(name, batch_size=8)
    dense = [x for x in design.discriminator.layers if isinstance(x, keras.layers.Dense)]
    dense[-1].bias.assign([-50.0])
    before = design.generator.layers[0].kernel.numpy()
    assert float(one_step(design)["g_loss"]) > 40
    assert_changed([before], [design.generator.layers[0].kernel.numpy()])


GRID = {"d-on-g": ("0_0", 64), "dcgan": ("image_at_epoch_0001", 16)}  # the others: "0", 25


@pytest.mark.parametrize(
    ("name", "per_epoch", "expected"),
    [
        ("dcgan", 235, {"image_at_epoch_0001": 234, "image_at_epoch_0002": 469}),  # MNIST's
        ("dcgan", 13, {"image_at_epoch_0001": 12, "image_at_epoch_0003": 38}),
        ("dcgan", 1, {"image_at_epoch_0001": 0, "image_at_epoch_0021": 20}),
        ("d-on-g", 468, {"0_0": 0, "0_100": 100}),
        ("d-on-g", 63, {"0_0": 0, "1_0": 63}),
        ("d-on-g", 1, {"0_0": 0, "100_0": 100}),
    ],
)
def test_few_images_get_no_grid_in_some_epochs(name, per_epoch, expected):
    design = built(name)
    names = {step: design.grid_name(step, per_epoch) for step in range(500)}
    found = {name: step for step, name in names.items() if name}
    assert list(found.items())[:2] == list(expected.items())


@pytest.mark.parametrize("name", ["dense-sgd", "d-on-g", "mlp", "dcgan"])  # dense: the same code
def test_a_grid_shows_the_one_noise_after_its_step(tmp_path, name):
    small = tmp_path / "small.npz"
    np.savez(small, x_train=draw_digits(64, seed=1)[0][:, 8:20, 8:20])
    options = ("--root", tmp_path, "--data", small, "--batch-size", 64, "--steps", 1)
    assert run_here(train.main, name, *options) == 0
    run, design = Run(name, tmp_path), build_design(name, (12, 12, 1), batch_size=64)
    run.resume(design)
    images = design.sample(design.grid_noise())
    grid, count = GRID.get(name, ("0", 25))
    assert len(images) == (64 if name == "mlp" else count)  # mlp draws a whole batch, shows 25
    save_grid(tmp_path / "expected.png", images[:count])
    assert run.grid(grid).read_bytes() == (tmp_path / "expected.png").read_bytes()


@pytest.mark.parametrize("name", DESIGNS)
def test_drawing_scores_as_d_does_outside_training_and_changes_no_variable(name, monkeypatch):
    for limit, value in (("CHUNK", 8), ("LEAST_CHUNK", 8), ("PIXELS", 8 * 28 * 28)):
        monkeypatch.setattr(sampling, limit, value)
    design = built(name, batch_size=8)
    before = [variable.numpy() for variable in design.all_variables]
    drawn = sampling.collect(sampling.draw_samples(design, 0, 8))
    for variable, value in zip(design.all_variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)
    noise = draw_noise(design.recipe, 0, 0, SAMPLE_NOISE, 8)
    scores = design.discriminator(design.sample(noise), training=False)
    np.testing.assert_array_equal(drawn.scores, np.ravel(scores))


@pytest.mark.parametrize("name", DESIGNS)
def test_moving_statistics_move_when_the_documents_do(name):
    """Once a step; with mlp twice, as its G is in training mode for D's fakes too."""
    design = built(name, batch_size=8)
    norm = next(
        layer
        for layer in design.generator.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    )
    before = norm.moving_mean.numpy()
    calls = []
    original = type(norm).call

    def counted(self, inputs, *args, **options):
        if self is norm:
            calls.append(bool(options.get("training")))
        return original(self, inputs, *args, **options)

    type(norm).call = counted
    try:
        one_step(design)
    finally:
        type(norm).call = original
    in_training = {"mlp": [True, True], "dcgan": [True]}.get(name, [False, True])
    assert calls == in_training
    assert_changed([before], [norm.moving_mean.numpy()])
    moved = norm.moving_mean.numpy()
    design.sample(np.zeros((4, 100), "float32"))
    assert_changed([moved], [norm.moving_mean.numpy()], none=True)


@pytest.mark.parametrize("shape", [(32, 20, 3), pytest.param((12, 12, 1), marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", DESIGNS)
def test_other_image_shapes(name, shape):
    design = build_design(name, shape, batch_size=4, latent_dim=10)
    assert design.sample(np.zeros((2, 10), "float32")).shape == (2, *shape)
    noise = np.random.default_rng(0).normal(size=(2, 4, 10)).astype("float32")
    noise = noise[: len(design.noise_counts(4))]
    figures = design.step(np.zeros((4, *shape), "float32"), *noise)
    assert all(np.isfinite(float(value)) for value in figures.values())


@pytest.mark.parametrize("name", ["dense-sgd", pytest.param("dcgan", marks=pytest.mark.slow)])
def test_a_design_trains_on_an_array_and_knows_it_again(tmp_path, name):
    images = np.random.default_rng(0).integers(0, 256, (20, 12, 12), np.uint8)
    options = {"images": images, "run": Run("mine", tmp_path)}
    build = lambda: build_design(name, [12, 12, 1], batch_size=4)  # noqa: E731
    assert build().train(steps=2, **options).trained == 2
    assert build().train(steps=3, **options).trained == 1
    with pytest.raises(UserError, match="was started with other images of an array in Python"):
        build().train(steps=4, **options | {"images": images[1:]})
    with pytest.raises(UserError, match="images is float64; it must be uint8"):
        build().train(steps=4, **options | {"images": images / 255})
    with pytest.raises(UserError, match="multiples of 4"):
        build().train(steps=4, **options | {"images": images[:, 1:]})


def test_an_array_run_is_continued_in_python(tmp_path):
    images = np.zeros((8, 12, 12), np.uint8)
    design = build_design("dense", (12, 12, 1), batch_size=4)
    design.train(steps=1, images=images, run=Run("dense", tmp_path))
    said = refusal(train.main, "dense", "--root", tmp_path)
    assert "continue it in Python: design.train(images=...)" in said


def test_designs_are_named_as_in_the_table():
    names = [GAN().name, GAN(DENSE_SGD).name, DOnG().name, MLPGAN().name, ConvolutionalGAN().name]
    assert names == list(DESIGNS)


@pytest.mark.parametrize("name", DESIGNS)
def test_the_nets_are_saved_and_loaded_as_any_keras_model(tmp_path, name):
    design = built(name)
    for net in (design.generator, design.discriminator):
        net.save(tmp_path / "net.keras")
        again = keras.models.load_model(tmp_path / "net.keras")
        inputs = np.random.default_rng(0).normal(size=(2, *net.input_shape[1:]))
        np.testing.assert_array_equal(net(inputs), again(inputs))


def test_dcgan_keeps_the_checkpoints_of_its_document(tmp_path):
    tiny = tmp_path / "tiny.npz"
    np.savez(tiny, x_train=np.zeros((8, 12, 12), np.uint8))
    options = ["--data", tiny, "--batch-size", 8, "--root", tmp_path, "--epochs", 7]
    options += ["--checkpoint-epochs", 2, "--checkpoint-seconds", 1e-9]
    assert run_here(train.main, "dcgan", *options) == 0
    assert Run("dcgan", tmp_path).checkpoints.steps() == [2, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (60_000, [3525, 7050, 10_575]),  # MNIST: after epochs 15, 30 and 45
        (40, [1005, 2010, 3000, 4005]),  # epochs of one step
    ],
)
def test_with_few_images_dcgan_keeps_few_checkpoints(tmp_path, count, expected):
    dataset = of_array(np.zeros((count, 28, 28), np.uint8))
    training = Training(built("dcgan"), Run("dcgan", tmp_path), dataset)
    kept = [step for step in range(1, 11_750) if training.is_kept(step)]
    assert kept[: len(expected)] == expected


@pytest.mark.slow
def test_a_folder_of_ones_own_images_trains(tmp_path):
    from PIL import Image

    folder = tmp_path / "photos"
    folder.mkdir()
    for index in range(6):
        colours = np.random.default_rng(index).integers(0, 256, (30, 40, 3), np.uint8)
        Image.fromarray(colours).save(folder / f"{index}.jpg")
    options = ["--root", tmp_path, "--batch-size", 4, "--steps", 2]
    sized = ["--data", folder, "--image-size", "16x24"]
    assert run_here(train.main, "d-on-g", *options, *sized) == 0
    assert run_here(train.main, "d-on-g", *options) == 0  # goes on with the same images
    assert run_here(generate.main, "--root", tmp_path, "--count", 4) == 0
    picture = Image.open(tmp_path / "images" / "d-on-g" / "generated.png")
    assert (picture.mode, picture.size) == ("RGB", (2 * 24 * 3, 2 * 16 * 3))


@pytest.mark.parametrize(
    "shape", [(3, 32, 32), (30, 30, 1), (32, 32), 32, (8, 8, 1), (32, 32, 4), (28.5, 28, 1), "28"]
)
def test_a_shape_that_no_images_have_is_refused(shape):
    with pytest.raises(UserError, match=r"image_shape must be \(height, width, channels\)"):
        build_design("dcgan", shape)


def test_a_floatx_of_16_bits_is_refused():
    keras.config.set_floatx("float16")
    try:
        with pytest.raises(UserError, match="floatx is float16; set it to float32"):
            build_design("dense", (12, 12, 1))
    finally:
        keras.config.set_floatx("float32")


def test_a_training_of_few_short_epochs_says_how_long_it_is(tmp_path, capsys):
    np.save(tmp_path / "few.npy", draw_digits(6, seed=1)[0][:, 8:20, 8:20])
    run = ("dcgan", "--root", tmp_path, "--data", tmp_path / "few.npy", "--epochs", 2)
    assert run_here(train.main, *run, "--batch-size", 4) == 0
    assert "length  4 steps, as an epoch of so few images is short" in capsys.readouterr().out


@pytest.mark.parametrize("name", in_make_test("dense", "dcgan"))
def test_bfloat16_is_an_option_that_keeps_float32_where_it_shows(name):
    exact, short = (
        build_design(name, batch_size=8, precision=kind) for kind in ("float32", "bfloat16")
    )
    assert keras.config.dtype_policy().name == "float32"
    assert {v.dtype for v in short.all_variables} == {v.dtype for v in exact.all_variables}
    layers = [layer for net in (short.generator, short.discriminator) for layer in net.layers]
    assert sum(layer.compute_dtype == "bfloat16" for layer in layers) >= len(layers) - 5
    inputs = step_inputs(len(exact.noise_counts(8)), batch=8)[0]
    figures = [design.step(*inputs) for design in (exact, short)]
    for key in ("d_loss", "g_loss"):
        assert float(figures[1][key]) == pytest.approx(float(figures[0][key]), abs=0.02), key
    images, others = (design.sample(inputs[-1]).numpy() for design in (exact, short))
    assert others.dtype == np.float32
    assert 0 < np.abs(images - others).mean() < 0.05
    with pytest.raises(UserError, match="precision must be float32 or bfloat16, not 'half'"):
        build_design(name, precision="half")
