"""A design as any Keras model: `fit`, callbacks, files, and nets that load without `gan`."""

import csv
import functools
import itertools
import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import assert_changed, built, in_make_test, run_here

from gan import export
from gan.data.batches import Schedule, draw_step_noise
from gan.data.digits import draw_digits
from gan.designs import DESIGNS, build_design
from gan.runs import load
from gan.support.errors import RunError, UserError
from gan.training.average import KeepAverage
from gan.training.steps import compile_steps

pytestmark = pytest.mark.usefixtures("quick_runs")

IMAGES, LABELS = draw_digits(80, seed=2)
SMALL = IMAGES[:16, 8:20, 8:20]
SCALED = (SMALL / 127.5 - 1).astype("float32")


def values(variables) -> list[np.ndarray]:
    return [variable.numpy() for variable in variables]


def assert_equal(found, expected, atol=0.0):
    for one, other in zip(values(found), values(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=atol)


@pytest.mark.parametrize("name", in_make_test("dcgan"))
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
    assert whole.jit_compile == fitted.jit_compile
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


def unknown(images) -> tf.data.Dataset:
    """Batches of unknown number and shape."""
    return tf.data.Dataset.from_generator(
        lambda: iter([images[:8], images[8:]]), output_signature=tf.TensorSpec(None, images.dtype)
    )


class Batches(keras.utils.PyDataset):
    """Eight images and what `with_images` adds to them, in a batch; counts the batches it gave."""

    def __init__(self, images, with_images=lambda images: images, count=2, **options):
        super().__init__(**options)
        self.images, self.with_images, self.count, self.read = images, with_images, count, []

    @property
    def num_batches(self):
        return self.count

    def __getitem__(self, index):
        self.read.append(index)
        return self.with_images(self.images[8 * (index % 2) :][:8])


def flow(images, **options):
    """Keras 2's endless iterator, which Keras 3 keeps for old code."""
    generator = tf.keras.preprocessing.image.ImageDataGenerator(**options)
    return generator.flow(images[..., None], LABELS[: len(images)], batch_size=8, shuffle=False)


def loader(images, **options):
    """PyTorch's loader of pairs (images, labels), in batches of eight."""
    torch = pytest.importorskip("torch")
    data = torch.utils.data.TensorDataset(torch.tensor(images), torch.tensor(LABELS[: len(images)]))
    return torch.utils.data.DataLoader(data, batch_size=8, **options)


HALVES = (SCALED[:8], SCALED[8:])
FORMS = {
    "uint8": lambda: SMALL,
    "channels": lambda: SMALL[..., None],
    "floats": lambda: SCALED,
    "float64": lambda: SCALED.astype("float64"),
    "a pair": lambda: (SMALL, LABELS[:16]),
    "a tensor": lambda: tf.constant(SCALED),
    "PyTorch's tensor": lambda: pytest.importorskip("torch").tensor(SCALED),
    "a dataset": lambda: batches(SMALL),
    "a dataset of pairs": lambda: batches(SCALED[..., None], LABELS[:16]),
    "a dataset with one-hot labels": lambda: batches(SCALED, np.eye(16)),
    "a dataset of float64": lambda: batches(SCALED.astype("float64")),
    "a dataset without shape": lambda: unknown(SCALED),
    "a dataset, fetched early": lambda: batches(SCALED).prefetch(1),
    "a PyDataset": lambda: Batches(SMALL),
    "a PyDataset of triples": lambda: Batches(SCALED, lambda images: (images, images, images)),
    "a PyDataset of lists": lambda: Batches(SCALED, lambda images: [images, images]),
    "a PyDataset of tensors": lambda: Batches(SCALED, tf.constant),
    "a PyDataset with threads": lambda: Batches(SCALED, workers=2),
    "ImageDataGenerator": lambda: flow(SMALL, preprocessing_function=lambda x: x / 127.5 - 1),
    "PyTorch's loader": lambda: loader(SCALED),
    "PyTorch's loader of images": lambda: [*HALVES] and loader(SMALL[..., None]),
    "a generator of pairs": lambda: ((half, LABELS[:8]) for half in HALVES),
    "a generator of images": lambda: (half for half in HALVES),
    "any other iterator": lambda: iter(HALVES),
}


@pytest.fixture
def seen() -> list:
    """The images of each step of `eager`."""
    return []


@pytest.fixture
def eager(seen):
    """A design whose steps only keep the images they get."""
    design = built("dense-sgd", image_shape=(12, 12, 1), batch_size=8)
    design.compile(run_eagerly=True)
    losses = dict.fromkeys(design.loss_names, 0.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(design, "step", lambda images, *noise: seen.append(images.numpy()) or losses)
        yield design
    design.compile()


@pytest.mark.filterwarnings("ignore:Your input ran out of data")  # Keras, of unknown numbers
@pytest.mark.parametrize("form", FORMS)
def test_all_forms_of_images_are_the_same_to_fit(form, eager, seen):
    eager.fit(x=FORMS[form](), y=LABELS[:16], shuffle=False, verbose=0)
    found = np.concatenate(seen)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, SCALED[..., None], atol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_enough(dtype, eager, seen):
    for form in (tf.cast(SCALED, dtype), batches(tf.cast(SCALED, dtype))):
        eager.fit(form, shuffle=False, verbose=0)
    np.testing.assert_allclose(np.concatenate(seen), [*SCALED[..., None]] * 2, atol=1e-2)


def test_the_last_batch_may_be_smaller_and_the_epochs_are_whole(eager, seen):
    eager.fit(Batches(SMALL[:12], lambda images: (images, images)), epochs=2, verbose=0)
    assert sorted(map(len, seen)) == [4, 4, 8, 8]


class Watched(Batches):
    """A PyDataset that notes when its epochs begin and end."""

    def __init__(self) -> None:
        super().__init__(SCALED, count=6)
        self.events = []

    def on_epoch_begin(self):
        self.events.append("begin")

    def on_epoch_end(self):
        self.events.append("end")


def test_a_pydataset_is_told_of_its_epochs_and_shuffled_as_keras_does(eager, seen):
    images = Watched()
    eager.fit(images, epochs=3, verbose=0)
    assert images.events.count("begin") >= 2  # Keras begins the first without a word
    assert images.events.count("end") >= 3
    orders = [images.read[first - 18 :][:6] for first in (0, 6, 12)]
    assert [sorted(order) for order in orders] == 3 * [list(range(6))]
    assert len({tuple(order) for order in orders}) > 1


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_a_loader_with_another_number_of_batches_than_its_len_is_named(eager):
    class Lying:
        def __iter__(self):
            return iter(HALVES)

        def __len__(self):
            return 20

    with pytest.raises(UserError, match="the loader gave 2 batches, and not 20 as its len"):
        eager.fit(Lying(), verbose=0)


def test_where_memory_is_out_fit_says_what_to_make_smaller(eager):
    def greedy(*arguments):
        return np.ones(2**50)

    eager.step = greedy
    with pytest.raises(UserError, match="not enough memory; use a smaller batch_size"):
        eager.fit(SMALL, verbose=0)


def counted(read: list):
    for number in itertools.count():
        read.append(number)
        yield SCALED[:8], LABELS[:8]


def test_only_two_batches_more_are_read_than_used(eager, seen):
    """Also of what never ends. Keras reads two of a PyDataset to learn their form."""
    signature = (tf.TensorSpec((None, 12, 12)), tf.TensorSpec((None,), tf.int64))
    read, read_by_dataset = [], []
    dataset = tf.data.Dataset.from_generator(
        lambda: counted(read_by_dataset), output_signature=signature
    )
    endless = Batches(SCALED, count=None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # none of Keras', on shuffling
        for form in (counted(read), dataset, endless, batches(SCALED).repeat()):
            eager.fit(form, steps_per_epoch=3, epochs=2, verbose=0)
            assert len(seen) == 6
            seen.clear()
    assert len(read) <= 8
    assert len(read_by_dataset) <= 8
    assert len(endless.read) <= 2 + 6 + 2


def later(value) -> np.ndarray:
    """Images of which the second batch holds `value`."""
    images = SCALED.copy()
    images[12] = value
    return images


FLOATS = SMALL.astype("float32")
SCALE = r"Rescaling\(1 / 127.5, offset=-1\)"
CHANNELS = r"np.transpose\(images, \(0, 2, 3, 1\)\), or images.permute\(0, 2, 3, 1\)"
IMAGES_WITH_A_FAULT = {
    "0..255": (FLOATS, f"range from 0 to 255; .*{SCALE}"),
    "0..1": (FLOATS / 255, rf"range from 0 to 1; .*{SCALE} .*Rescaling\(2, offset=-1\)"),
    "black": (0 * FLOATS, f"range from 0 to 0; .*{SCALE}"),
    "later": (later(1.5), f"range from .* to 1.5; .*{SCALE}"),
    "NaN": (later(np.nan), "hold NaN"),
    "infinite": (later(-np.inf), "range from -inf"),
    "int32": (SMALL.astype("int32"), "must be uint8 from 0 to 255, or float .* not int32"),
    "bool": (SMALL > 0, "not bool"),
    "words": (np.full((16, 12, 12), "a"), "images must be uint8"),
    "channels first": (SCALED[:, None], rf"\(1, 12, 12\) do not fit nets .*{CHANNELS}"),
    "three first": (SCALED[:, None].repeat(3, 1), rf"\(3, 12, 12\) do not fit nets .*{CHANNELS}"),
    "other and first": (IMAGES[:16, None], rf"\(1, 28, 28\) do not fit nets .*{CHANNELS}"),
    "colour": (SCALED[..., None].repeat(3, 3), r"built for .* build_design\(name, \(12, 12, 3\)"),
    "size": (IMAGES[:16], r"\(28, 28\) do not fit nets .* build_design\(name, \(28, 28, 1\)"),
    "rows": (SMALL.reshape(16, 144), r"images \(144,\) do not fit nets that were built for"),
}
LOADERS = {
    "array": lambda images: images,
    "dataset": batches,
    "py_dataset": lambda images: Batches(images, lambda batch: (batch, LABELS[:8])),
    "threads": lambda images: Batches(images, workers=2),
    "generator": lambda images: ((half, LABELS[:8]) for half in (images[:8], images[8:])),
    "torch": loader,
}


@pytest.mark.parametrize(
    ("fault", "form"),
    [
        (fault, form)
        if form in ("array", "dataset") or fault in ("0..1", "later", "channels first")
        else pytest.param(fault, form, marks=pytest.mark.slow)
        for fault, form in itertools.product(IMAGES_WITH_A_FAULT, LOADERS)
    ],
)
def test_images_with_a_fault_are_refused_with_one_line(fault, form, eager, seen):
    """Whoever reads them, TensorFlow or a thread of Keras; no step gets them."""
    images, message = IMAGES_WITH_A_FAULT[fault]
    if form == "torch" and images.dtype.kind == "U":
        pytest.skip("PyTorch has no words")
    with pytest.raises(UserError, match=message) as refusal:
        eager.fit(LOADERS[form](images), shuffle=False, verbose=0)
    assert "\n" not in str(refusal.value)
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None
    assert len(seen) <= (fault in ("later", "NaN", "infinite"))  # there the second batch has it


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (SMALL[:0], "got no images"),
        (Batches(SMALL, count=0), "got no images"),
        (batches(SMALL[:0]), "got no images in epoch 1"),
        ((half for half in ()), "got no images in epoch 1"),
        (None, "fit takes an array of images, .* not NoneType"),
        ("photos", "fit takes an array of images, .* not str"),
        ((), "fit takes an array of images, .* not tuple"),
        ([*SMALL], "fit takes an array of images, .* not list; np.stack"),
        ({"images": SMALL}, "fit takes an array of images, .* not dict"),
        (batches({"images": SMALL}), r"not a dict of \['images'\]"),
        (Batches(SMALL, lambda images: {"images": images}), r"not a dict of \['images'\]"),
        (SMALL[0], r"one image \(12, 12\) is not a batch"),
        (batches(SMALL).unbatch(), r"one image \(12, 12\) is not a batch; .*\.batch"),
        (batches(SMALL[..., None]).unbatch(), r"one image \(12, 12, 1\) is not a batch"),
        (tf.data.Dataset.from_tensors(tf.ragged.constant([[1.0], []])), "one tensor, not Ragged"),
        (iter([([[1.0], []], 0)]), "cannot be read as an array"),
    ],
)
@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_what_holds_no_images_is_refused(images, message, eager, seen):
    with pytest.raises(UserError, match=message) as refusal:
        eager.fit(images, verbose=0)
    assert "\n" not in str(refusal.value)
    assert not seen


def test_only_the_first_batch_of_a_loader_must_go_below_0(eager, seen):
    """By chance a later one may not; and `Rescaling` may round to a little more than 1."""
    for form in (batches, Batches):
        images = np.concatenate([SCALED[:8], np.abs(SCALED[:8]) * 1.0001])
        eager.fit(form(images), shuffle=False, verbose=0)
    assert len(seen) == 4


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_a_generator_that_ends_says_so_in_the_next_epoch(eager, seen):
    with pytest.raises(UserError, match=r"no images in epoch 2; .* a generator must never end"):
        eager.fit((half for half in HALVES), epochs=2, verbose=0)
    assert len(seen) == 2


def test_faults_of_a_users_loader_stay_what_they_are(eager):
    def broken():
        yield SCALED[:8]
        raise OSError("no file x.png")

    with pytest.raises(tf.errors.UnknownError, match="no file"):
        eager.fit(broken(), verbose=0)


def test_keras_loader_of_a_folder(tmp_path, eager, seen):
    """It gives floats in 0..255, and labels."""
    for number, image in enumerate(SMALL):
        (tmp_path / str(number % 2)).mkdir(exist_ok=True)
        keras.utils.save_img(tmp_path / str(number % 2) / f"{number}.png", image[..., None])
    photos = keras.utils.image_dataset_from_directory(
        tmp_path, color_mode="grayscale", image_size=(12, 12), batch_size=8, verbose=False
    )
    with pytest.raises(UserError, match=f"range from 0 to 255; .*{SCALE}"):
        eager.fit(photos, verbose=0)
    scale = keras.layers.Rescaling(1 / 127.5, offset=-1)
    eager.fit(photos.map(lambda images, labels: (scale(images), labels)), verbose=0)
    assert sum(map(len, seen)) == 16


@pytest.mark.slow
def test_keras_may_read_in_processes(eager, seen):
    options = {"workers": 2, "use_multiprocessing": True}
    eager.fit(Batches(SCALED, **options), epochs=2, verbose=0)
    assert len(seen) == 4
    with pytest.raises(UserError, match=r"to 1\.5; give"):
        eager.fit(Batches(later(1.5), **options), verbose=0)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_the_end_of_a_loader_of_unknown_length_is_no_step():
    """Keras tries one more step there. No part of it may run, not even that of G alone."""
    design = built("dense-sgd", image_shape=(12, 12, 1), batch_size=8)
    known, found = (
        design.fit(form, shuffle=False, verbose=0, epochs=epoch + 1, initial_epoch=epoch).history
        for epoch, form in enumerate((batches(SMALL), unknown(SCALED)))
    )
    assert int(design.g_optimizer.iterations) == 4
    assert found["d_loss"] == pytest.approx(known["d_loss"], rel=0.1)


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
    noises, losses = [], dict.fromkeys(design.loss_names, 0.0)
    design.step = lambda images, noise: noises.append(noise.shape[0]) or losses
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


def test_what_a_gan_has_not_is_refused_unless_it_is_no_wish(eager, seen):
    for name, value in (
        ("validation_data", (SMALL,)),
        ("validation_split", 0.1),
        ("class_weight", {0: 1.0}),
        ("sample_weight", np.ones(16)),
    ):
        with pytest.raises(UserError, match=f"fit takes no {name}"):
            eager.fit(SMALL, verbose=0, **{name: value})
    assert not seen
    none = dict.fromkeys(("validation_data", "class_weight", "sample_weight", "callbacks"))
    eager.fit(SMALL, verbose=0, validation_split=0.0, **none)
    assert len(seen) == 2
    with pytest.raises(UserError, match="no validation loss"):
        eager.evaluate(SMALL, verbose=0)


@pytest.mark.parametrize(
    ("arguments", "named", "message"),
    [
        (("adam",), {}, "'adam'"),
        (("adam", "mse"), {}, "'adam'"),
        ((keras.optimizers.Adam(),), {}, "'adam'"),
        ((True,), {}, "True"),
        ((), {"optimizer": "adam"}, "optimizer"),
        ((), {"loss": "mse"}, "loss"),
        ((), {"metrics": []}, "metrics"),
    ],
)
def test_compile_refuses_optimizers_and_losses(arguments, named, message, eager):
    with pytest.raises(UserError, match=f"compile takes no {message}: .*learning_rate=") as refusal:
        eager.compile(*arguments, **named)
    assert "\n" not in str(refusal.value)
    assert eager.run_eagerly
    eager.compile(None, loss=None, run_eagerly=True, jit_compile="auto")
    assert not eager.jit_compile


def test_a_loss_that_is_not_finite_ends_fit_before_a_file_is_saved(eager, tmp_path):
    losses = dict.fromkeys(eager.loss_names, 0.5)
    for callbacks in ([], [keras.callbacks.TerminateOnNaN()]):
        g_losses = iter((0.5, 0.5, float("nan")))
        eager.step = lambda *_, left=g_losses: losses | {"g_loss": next(left)}
        callbacks.append(keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras"))
        with pytest.raises(RunError) as end:
            eager.fit(SMALL, epochs=9, verbose=0, callbacks=callbacks)
        assert str(end.value) == (
            "the training diverged: g_loss is nan in batch 1 of epoch 2; try a smaller "
            'learning_rate or another seed: build_design("dense-sgd", learning_rate=...)'
        )
    assert [path.name for path in tmp_path.iterdir()] == ["1.keras"]


def test_callbacks_that_change_the_optimizer_of_a_model_are_refused(eager, seen):
    """The guide says it of each; and what those do that watch a loss."""
    callbacks = keras.callbacks
    for callback in (
        callbacks.LearningRateScheduler(lambda epoch, rate: rate),
        callbacks.ReduceLROnPlateau("g_loss", mode="min"),
        callbacks.SwapEMAWeights(),
    ):
        with pytest.raises(UserError, match=f"takes no {type(callback).__name__}: each net has"):
            eager.fit(SMALL, verbose=0, callbacks=callback)
    with pytest.warns(UserWarning, match="`val_loss` which is not available"):
        eager.fit(SMALL, verbose=0, epochs=2, callbacks=[callbacks.EarlyStopping()])
    assert len(seen) == 4


@pytest.mark.parametrize(
    "build",
    [
        lambda: tf.distribute.MirroredStrategy(["CPU:0"]),
        lambda: tf.distribute.OneDeviceStrategy("CPU:0"),
    ],
    ids=["mirrored", "one device"],
)
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_a_strategy_of_one_device_changes_nothing(build):
    alone = built("dense-sgd", image_shape=(12, 12, 1), batch_size=8)
    strategy = build()
    with strategy.scope():
        design = build_design("dense-sgd", (12, 12, 1), batch_size=8)
    for one in (alone, design):
        one.fit(SMALL, shuffle=False, verbose=0)
    assert_equal(design.all_variables, alone.all_variables, atol=1e-6)
    assert_equal(design.averages, alone.averages, atol=1e-6)

    losses = dict.fromkeys(design.loss_names, 0.0)
    design.step = lambda images, *noise: losses
    steps = []
    count = keras.callbacks.LambdaCallback(on_train_batch_end=lambda *_, **__: steps.append(1))
    distribute = strategy.experimental_distribute_dataset
    for images in (batches(SMALL), Batches(SMALL), iter(HALVES), distribute(batches(SMALL))):
        design.fit(images, callbacks=count, verbose=0)
    assert len(steps) == 8
    for images in (batches(FLOATS), iter([FLOATS]), distribute(batches(FLOATS))):
        with pytest.raises(UserError, match="range from 0 to 255"):
            design.fit(images, verbose=0)


def test_several_devices_are_refused():
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


@pytest.mark.parametrize("names", [("dense",), pytest.param((*DESIGNS,), marks=pytest.mark.slow)])
def test_saved_nets_load_without_gan(tmp_path, capsys, names):
    """What `gan.export` writes of the shipped weights, in a process that never imports gan."""
    noise = np.random.default_rng(0).normal(size=(8, 100)).astype("float32")
    options = ("--root", tmp_path, "--design", "dense", "--nets", tmp_path / "dense")
    assert run_here(export.main, *options) == 0
    assert "dense/: generator.keras (last), discriminator.keras" in capsys.readouterr().out
    for name in names:
        design, _ = load(name, shipped=True)
        if name != "dense":
            design.save_nets(tmp_path / name)
        assert len(list((tmp_path / name).iterdir())) == 2
        images = design.sample(noise)
        scores = design.discriminator(images, training=False)
        np.savez(tmp_path / name / "expected.npz", noise=noise, images=images, scores=scores)
    command = [sys.executable, "-c", LOAD, tmp_path, *names]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for name, line in zip(names, done.stdout.splitlines(), strict=True):
        # Keras' own convolutions of d-on-g in float32 are up to 1.5e-5 from those in float64.
        assert max(map(float, line.split())) <= (2e-5 if name == "d-on-g" else 1e-6)


def test_the_averaged_net_is_saved_too(tmp_path):
    design = build_design("dense")
    for average in design.averages:
        average.assign(average + 0.01)
    design.save_nets(tmp_path, average=True)
    saved = keras.saving.load_model(tmp_path / "generator.keras")
    assert_equal(saved.variables, design.averages)
