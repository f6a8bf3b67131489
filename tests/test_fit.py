"""A design as any Keras model: `fit`, callbacks, files, and nets that load without `gan`."""

import csv
import functools
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import assert_changed, in_make_test, run_here

from gan import export
from gan.data.batches import Schedule, draw_step_noise
from gan.data.digits import draw_digits
from gan.designs import DESIGNS, build_design
from gan.runs import load
from gan.support.errors import UserError
from gan.training.average import KeepAverage
from gan.training.steps import compile_steps

pytestmark = pytest.mark.usefixtures("quick_runs")

IMAGES, LABELS = draw_digits(80, seed=2)
SMALL = IMAGES[:16, 8:20, 8:20]
SCALED = SMALL / 127.5 - 1


def values(variables) -> list[np.ndarray]:
    return [variable.numpy() for variable in variables]


def assert_equal(found, expected, atol=0.0):
    for one, other in zip(values(found), values(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=atol)


@pytest.mark.parametrize("name", in_make_test("dense-sgd", "d-on-g", "dcgan"))
def test_fit_computes_what_the_loop_does_and_goes_on_from_its_files(name, tmp_path, capfd):
    """One step of each from equal weights; then a file of weights, and one of the whole design."""
    build = functools.partial(build_design, name, (12, 12, 1), batch_size=8)
    trained, fitted, from_weights = build(), build(), build(seed=7)
    schedule = Schedule(trained.recipe, len(SMALL), trained.seed)
    losses = compile_steps(trained, SMALL[..., None], schedule)(0, 1)[0]
    chosen = schedule.indices(0, schedule.order(0), schedule.size(0)).numpy()
    nets = (fitted.generator, fitted.discriminator)
    before = [values(net.trainable_variables) for net in nets]
    history = fitted.fit(
        SMALL[chosen],
        LABELS[chosen],
        shuffle=False,
        callbacks=[
            keras.callbacks.CSVLogger(tmp_path / "log.csv"),
            keras.callbacks.ModelCheckpoint(tmp_path / "a.weights.h5", save_weights_only=True),
            keras.callbacks.ModelCheckpoint(tmp_path / "a.keras"),
            keras.callbacks.EarlyStopping("d_loss", mode="min"),
        ],
    ).history
    assert_equal(fitted.all_variables, trained.all_variables, atol=1e-5)
    for net, old in zip(nets, before, strict=True):
        assert_changed(old[:1], values(net.trainable_variables[:1]))  # the first layer's kernel
    shown = capfd.readouterr().out
    with (tmp_path / "log.csv").open(encoding="utf-8") as file:
        [row] = csv.DictReader(file)
    for loss, value in zip(fitted.loss_names, losses, strict=True):
        assert history[loss] == pytest.approx([value], abs=1e-5)
        assert float(row[loss]) == history[loss][0]
        assert f"{loss}: " in shown

    from_weights.load_weights(tmp_path / "a.weights.h5")
    whole = keras.saving.load_model(tmp_path / "a.keras")
    assert (whole.recipe, whole.name, whole.seed) == (fitted.recipe, name, 0)
    for design in (from_weights, whole):
        for part in ("generator", "d_optimizer", "g_optimizer"):
            assert_equal(getattr(design, part).variables, getattr(fitted, part).variables)
        assert_equal(design.discriminator.weights, fitted.discriminator.weights)
        assert_equal(design.averages, fitted.averages)
    if name in ("dense-sgd", "d-on-g"):  # a fit that goes on has new noise: that of its clock
        first, second = (
            design.fit(SMALL[:8], epochs=2, initial_epoch=1, verbose=0).history
            for design in (fitted, whole)
        )
        for loss in fitted.loss_names:
            assert first[loss] == pytest.approx(second[loss], rel=1e-4)
            assert first[loss] != history[loss]


def batches(*parts) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices(parts if len(parts) > 1 else parts[0]).batch(8)


FORMS = {
    "floats": lambda: SCALED,
    "channels": lambda: SMALL[..., None],
    "a pair": lambda: (SMALL, LABELS[:16]),
    "a dataset": lambda: batches(SMALL),
    "a dataset of pairs": lambda: batches(SCALED.astype("float32")[..., None], LABELS[:16]),
}


def test_all_forms_of_images_are_the_same_to_fit():
    design = build_design("dense-sgd", (12, 12, 1), batch_size=8)
    first = [variable.numpy() for variable in design.variables + design.all_variables]
    expected = None
    with pytest.raises(UserError, match="do not fit nets"):
        design.fit(batches(IMAGES[:8]), shuffle=False, verbose=0)
    for form, images in FORMS.items():
        for variable, value in zip(design.variables + design.all_variables, first, strict=True):
            variable.assign(value)
        design.fit(images(), shuffle=False, verbose=0)
        expected = expected or values(design.generator.variables)
        for one, other in zip(design.generator.variables, expected, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5, err_msg=form)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("run_eagerly", True),
        ("steps_per_execution", 2),
        pytest.param("jit_compile", True, marks=pytest.mark.slow),
    ],
)
def test_the_ways_to_compile(option, value):
    design = build_design("dense-sgd", (12, 12, 1))
    design.compile(**{option: value})
    design.fit(batches(SMALL[:12]), shuffle=False, verbose=0)
    assert int(design.g_optimizer.iterations) == 2
    assert getattr(design, option) == value


@pytest.mark.parametrize("name", DESIGNS)
def test_the_noise_of_fit_is_of_its_seed_and_its_clock(name):
    """The clock is G's optimizer: with one Adam for both nets it ticks three times a step."""
    design = build_design(name, (12, 12, 1), seed=3, batch_size=8)
    design.compile(run_eagerly=True)
    step, noises = design.step, []
    design.step = lambda images, *noise: noises.append(noise) or step(images, *noise)
    design.fit(SMALL, verbose=0)
    assert len(noises) == 2
    for number, noise in enumerate(noises):
        time = number * (3 if name == "dense" else 1)
        expected = draw_step_noise(design.recipe, 3, time, design.noise_counts(8))
        for found, drawn in zip(noise, expected, strict=True):
            np.testing.assert_array_equal(found, drawn)


def test_dcgan_draws_noise_for_a_whole_batch_also_for_a_smaller_last_one():
    design = build_design("dcgan", (12, 12, 1), batch_size=8)
    noises = []
    step = design.step
    design.step = lambda images, noise: noises.append(noise.shape[0]) or step(images, noise)
    design.fit(SMALL[:12], verbose=0, batch_size=8)
    assert set(noises) == {8}
    noises.clear()
    design.fit(SMALL[:4], verbose=0, batch_size=4)
    assert set(noises) == {4}  # Keras keeps a compiled step; it must not keep the old size


def test_fit_keeps_the_average_as_the_loop_does():
    """After every 20 steps, and at the end of an epoch."""
    design = build_design("dense-sgd", (12, 12, 1), batch_size=2)
    seen = []
    move = KeepAverage.update

    class Watched(KeepAverage):
        def update(self):
            done, waiting = self.steps_done, self.waiting
            seen.append((done, waiting))
            decay = min(0.999, (1 + done) / (10 + done)) ** waiting
            expected = [
                decay * average + (1 - decay) * variable
                for average, variable in zip(
                    values(design.averages), values(design.generator.variables), strict=True
                )
            ]
            move(self)
            for average, value in zip(values(design.averages), expected, strict=True):
                np.testing.assert_allclose(average, value, rtol=1e-5, atol=1e-7)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gan.training.average.KeepAverage", Watched)
        design.fit(IMAGES[:50, 8:20, 8:20], epochs=2, verbose=0)
    assert seen == [(20, 20), (25, 5), (45, 20), (50, 5)]
    without = build_design("dense-sgd", (12, 12, 1), batch_size=2, average_decay=0)
    without.fit(SMALL[:4], verbose=0)
    with pytest.raises(UserError, match="no averaged generator"):
        without.save_nets("nowhere", average=True)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (IMAGES[:8] / 255, "range from 0 to 1; give uint8 from 0 to 255, or float from -1 to 1"),
        (IMAGES[:8].astype(float), "range from 0 to 255; give"),
        (np.full((8, 28, 28), np.nan), "range from nan to nan"),
        (IMAGES[:8].astype("int32"), "must be uint8 from 0 to 255, or float .* not int32"),
        (IMAGES[:0], "got no images"),
        ([IMAGES[:8], LABELS[:8]], "fit takes an array of images"),
        (batches(IMAGES[:8] > 0), "not bool"),
        (IMAGES[:8, :20], r"images \(20, 28\) do not fit nets that were built for \(28, 28, 1\)"),
    ],
)
def test_other_images_are_refused(images, message):
    with pytest.raises(UserError, match=message):
        build_design("dense").fit(images, shuffle=False, verbose=0)


def test_validation_and_several_devices_are_refused():
    design = build_design("dense-sgd", batch_size=8)
    for name, value in (("validation_data", (IMAGES[:8],)), ("class_weight", {0: 1.0})):
        with pytest.raises(UserError, match=f"fit takes no {name}"):
            design.fit(IMAGES[:8], verbose=0, **{name: value})
    assert int(design.g_optimizer.iterations) == 0
    with pytest.raises(UserError, match="no validation loss"):
        design.evaluate(IMAGES[:8], verbose=0)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        design = build_design("dense", batch_size=8)
    with pytest.raises(UserError, match="fit uses one device"):
        design.fit(IMAGES[:8])


LOAD = """
import sys
import keras, numpy as np
for name in sys.argv[2:]:
    folder = f"{sys.argv[1]}/{name}"
    data = np.load(folder + "/expected.npz")
    generator = keras.saving.load_model(folder + "/generator.keras")
    discriminator = keras.saving.load_model(folder + "/discriminator.keras")
    images = generator(data["noise"], training=name == "mlp")
    scores = discriminator(data["images"], training=False)
    print(np.abs(images - data["images"]).max(), np.abs(scores - data["scores"]).max())
assert "gan" not in sys.modules
"""


def test_saved_nets_load_without_gan(tmp_path, capsys):
    """What `gan.export` writes of the shipped weights, in a process that never imports gan."""
    noise = np.random.default_rng(0).normal(size=(8, 100)).astype("float32")
    options = ("--root", tmp_path, "--design", "dense", "--nets", tmp_path / "dense")
    assert run_here(export.main, *options) == 0
    assert "dense/: generator.keras (last), discriminator.keras" in capsys.readouterr().out
    for name in DESIGNS:
        design, _ = load(name, shipped=True)
        if name != "dense":
            design.save_nets(tmp_path / name)
        assert len(list((tmp_path / name).iterdir())) == 2
        images = design.sample(noise)
        scores = design.discriminator(images, training=False)
        np.savez(tmp_path / name / "expected.npz", noise=noise, images=images, scores=scores)
    command = [sys.executable, "-c", LOAD, tmp_path, *DESIGNS]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for name, line in zip(DESIGNS, done.stdout.splitlines(), strict=True):
        # Keras' own convolutions of d-on-g in float32 are up to 1.5e-5 from those in float64.
        assert max(map(float, line.split())) <= (2e-5 if name == "d-on-g" else 1e-6)


def test_the_averaged_net_is_saved_too(tmp_path):
    design = build_design("dense")
    for average in design.averages:
        average.assign(average + 0.01)
    design.save_nets(tmp_path, average=True)
    saved = keras.saving.load_model(tmp_path / "generator.keras")
    assert_equal(saved.variables, design.averages)
