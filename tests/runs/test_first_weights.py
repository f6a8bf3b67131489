"""A run says what it is: the weights it began with, its precision, its optimizers."""

import copy
import random
import shutil
import signal
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import built, contents, refusal, run_here

from gan import train
from gan.cli.commands import next_commands
from gan.data.digits import draw_digits
from gan.dense import GAN
from gan.designs import build_design
from gan.layers.seeding import digest
from gan.runs import Run, load
from gan.runs.config import changes, difference
from gan.support.errors import RunError, UserError
from gan.training.average import KeepAverage

SHAPE = (12, 12, 1)
IMAGES = draw_digits(64, seed=1)[0][:, 8:20, 8:20, np.newaxis]
SMALL = {"image_shape": SHAPE, "batch_size": 8}

pytestmark = pytest.mark.usefixtures("short_runs")


def slow(*values: object):
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.fixture
def place(tmp_path):
    return lambda name: Run(name, tmp_path)


@pytest.fixture(scope="module")
def trained(short_runs, tmp_path_factory):
    """A run of dense-sgd, 3 steps, with averages that are not its last weights."""
    run = Run("first", tmp_path_factory.mktemp("trained"))
    design = build_design("dense-sgd", **SMALL)
    design.train(steps=3, images=IMAGES, run=run)
    for average in design.averages:
        if "float" in average.dtype:
            average.assign(average + 1.0)
    run.checkpoints.save(3, design, run.config(), run.metrics)
    return run


def copied(run, root):
    """The run in another root."""
    for folder in ("experiments", "images"):
        shutil.copytree(run.root / folder / run.name, root / folder / run.name)
    return Run(run.name, root)


# -- first weights ---------------------------------------------------------------------------------


def test_a_run_that_begins_with_the_weights_of_its_seed_says_so(place):
    run = place("run")
    built("dense-sgd", **SMALL).train(steps=1, images=IMAGES, run=run)
    assert run.config()["start"] is None
    assert "the weights of its seed" in (run.images / "index.html").read_text(encoding="utf-8")


def test_loaded_weights_and_start_from_begin_the_same_run(trained, place, capsys):
    runs = []
    for name in ("loaded", "given"):
        design = load(trained)[0] if name == "loaded" else build_design("dense-sgd", **SMALL)
        source = {} if name == "loaded" else {"start_from": trained}
        design.train(steps=2, images=IMAGES, run=place(name), **source)
        assert "start   the weights of first after 3 steps\n" in capsys.readouterr().out
        runs.append(place(name))
    assert contents(runs[0]) == contents(runs[1])
    for run in runs:
        start = run.config()["start"]
        assert (start["run"], start["steps"]) == ("first", 3)
        assert start["digest"] == digest(load(trained)[0].net_weights)
        page = (run.images / "index.html").read_text(encoding="utf-8")
        assert "the weights of first after 3 steps" in page
        restored = load(run)[0]
        assert restored.g_optimizer.iterations.numpy() == 2
        # The average is still the loaded one: 1.0 from the weights.
        pairs = zip(restored.averages, restored.generator.variables, strict=True)
        assert all(np.all(a.numpy() > v.numpy() + 0.5) for a, v in pairs if "float" in a.dtype)


def test_the_averages_that_were_loaded_go_on_without_a_warm_up(trained, place, monkeypatch):
    monkeypatch.setattr("gan.training.steps.STEPS_PER_AVERAGE", 2)
    before = load(trained)[0].averages[0].numpy()
    for start_from, decay in ((trained, 0.999), (None, 2 / 11)):  # at most (1 + 2) / (10 + 2)
        design, run = build_design("dense-sgd", **SMALL), place(f"run-{decay:.1f}")
        design.train(steps=2, images=IMAGES, run=run, start_from=start_from)
        moved = np.abs(design.averages[0].numpy() - before).max()
        assert (moved < 0.02) == (start_from is not None), moved


def test_fit_keeps_the_averages_that_were_loaded(trained):
    design = load(trained)[0]
    loaded = design.averages[0].numpy()
    for variable in design.g_optimizer.variables:
        variable.assign(tf.zeros_like(variable))  # as with shipped weights
    keep = KeepAverage()
    keep.set_model(design)
    keep.on_train_begin()
    np.testing.assert_array_equal(design.averages[0], loaded)
    assert not design.average_warms_up
    new = built("dense-sgd", **SMALL)
    keep.set_model(new)
    keep.on_train_begin()
    assert new.average_warms_up


def in_memory(design):
    """The same weights, with an optimizer and a state of dropout that were used."""
    values = [variable.numpy() for variable in design.net_weights]
    design.fit(IMAGES[:8], epochs=1, verbose=0)
    for variable, value in zip(design.net_weights, values, strict=True):
        variable.assign(value)


def other_weights(design):
    design.generator.variables[0].assign(design.generator.variables[0] + 1.0)


def fitted(design):
    design.fit(IMAGES[:8], epochs=1, verbose=0)  # moves the averages, too


@pytest.mark.parametrize("change", [pytest.param(other_weights, marks=pytest.mark.slow), fitted])
def test_weights_that_a_script_has_changed_are_recorded(change, place, capsys):
    design = build_design("dense-sgd", **SMALL)
    change(design)
    wanted = digest(design.net_weights)
    design.train(steps=1, images=IMAGES, run=place("run"))
    start = place("run").config()["start"]
    assert (start["run"], start["steps"], start["digest"]) == (None, None, wanted)
    said = f"weights that a script set (digest {wanted[:8]})"
    assert f"start   {said}\n" in capsys.readouterr().out
    assert design.g_optimizer.iterations.numpy() == 1  # begun anew
    again = build_design("dense-sgd", **SMALL)
    assert again.train(steps=2, images=IMAGES, run=place("run")).trained == 1

    other_weights(again)
    again.train(steps=3, images=IMAGES, run=place("run"))
    said = "it goes on from its checkpoint; not used: weights that a script set (digest "
    assert said in capsys.readouterr().out


def test_a_run_that_goes_on_says_which_weights_it_does_not_use(trained, place, capsys):
    run = place("run")
    design = built("dense-sgd", **SMALL)
    assert design.train(steps=1, images=IMAGES, run=run).trained == 1
    assert design.train(steps=2, images=IMAGES, run=run).trained == 1  # its own weights
    assert load(run)[0].train(steps=3, images=IMAGES, run=run).trained == 1
    assert "not used" not in capsys.readouterr().out
    assert load(trained)[0].train(steps=4, images=IMAGES, run=run).trained == 1
    said = "it goes on from its checkpoint; not used: the weights of first after 3 steps"
    assert said in capsys.readouterr().out
    with pytest.raises(UserError, match="with the weights of its seed, not the weights of first"):
        build_design("dense-sgd", **SMALL).train(
            steps=5, images=IMAGES, run=run, start_from=trained
        )
    with pytest.raises(UserError, match="the weights of run 'run', which would be deleted"):
        load(run)[0].train(steps=4, images=IMAGES, run=run, fresh=True)
    assert run.checkpoints.steps()[-1] == 4


@pytest.mark.slow
def test_seed_weights_are_begun_with_new_optimizers_and_states(place):
    runs = [place("used"), place("new")]
    for run in runs:
        design = build_design("dcgan", **SMALL)
        if run.name == "used":
            in_memory(design)
        design.train(steps=1, images=IMAGES, run=run)
        assert run.config()["start"] is None
    assert contents(runs[0]) == contents(runs[1])


def test_a_training_that_failed_can_be_repeated_in_python(place, monkeypatch, capsys):
    design, run = build_design("dense-sgd", **SMALL), place("run")
    design.train(steps=2, images=IMAGES, run=run)
    with monkeypatch.context() as patch:
        patch.setattr(Run, "log", raise_disk_full)
        with pytest.raises(RunError, match="fix this, then repeat the command"):
            design.train(steps=4, images=IMAGES, run=run)
    design.train(steps=4, images=IMAGES, run=run)
    again, other = build_design("dense-sgd", **SMALL), place("other")
    again.train(steps=4, images=IMAGES, run=other)
    assert contents(run) == contents(other)
    assert "not used" not in capsys.readouterr().out


def raise_disk_full(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_weights_that_are_no_numbers_are_refused_before_anything_is_deleted(place):
    design, run = build_design("dense-sgd", **SMALL), place("run")
    design.train(steps=1, images=IMAGES, run=run)
    design.generator.variables[0].assign(design.generator.variables[0] * np.nan)
    for options in ({"run": run, "fresh": True}, {"run": place("new")}):
        with pytest.raises(UserError, match="weights are NaN or infinite; build a new design"):
            design.train(steps=2, images=IMAGES, **options)
    assert run.checkpoints.steps() == [1]
    assert not place("new").folder.exists()


def test_an_exchanged_optimizer_trains_loaded_weights(trained, place):
    design, run = load(trained)[0], place("run")
    design.d_optimizer, design.g_optimizer = (keras.optimizers.Adam(1e-3) for _ in range(2))
    assert design.train(steps=1, images=IMAGES, run=run).trained == 1
    assert run.config()["optimizers"]["d"]["class"] == "Adam"
    assert design.train(steps=2, images=IMAGES, run=run).trained == 1
    commands = [name for name, _ in next_commands(run, run.config(), 2, 2)]
    assert not any("train" in name for name in commands)  # the command could not go on


def test_a_command_goes_on_with_another_rate_for_d(place):
    run = place("run")
    build_design("dense-sgd", d_rate_factor=2, **SMALL).train(steps=1, images=IMAGES, run=run)
    config = run.config() | {"data": {"source": "mnist", "digest": "x"}}
    rate = config["optimizers"]["d"]["learning_rate"]
    for d_rate, goes_on in ((rate, True), (2 * rate, False), (rate / 2, False)):
        config["optimizers"]["d"]["learning_rate"] = d_rate
        commands = [name for name, _ in next_commands(run, config, 1, 1)]
        assert ("train twice as long:" in commands) == goes_on
    config["recipe"]["d_rate_factor"], config["optimizers"]["d"]["learning_rate"] = 5e-324, 0.0
    assert "train twice as long:" in [name for name, _ in next_commands(run, config, 1, 1)]


def test_designs_built_in_several_threads_have_the_weights_of_their_seeds():
    seeds, found = range(3), {}
    expected = {seed: digest(build_design("dense-sgd", SHAPE, seed).net_weights) for seed in seeds}

    def build(seed: int) -> None:
        found[seed] = digest(build_design("dense-sgd", SHAPE, seed).net_weights)

    def make_layers() -> None:
        while len(found) < len(seeds):
            keras.layers.Dense(3)
            random.random()

    threads = [threading.Thread(target=build, args=(seed,)) for seed in seeds]
    threads.append(threading.Thread(target=make_layers))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == expected


# -- --start-from ----------------------------------------------------------------------------------


@pytest.fixture
def command(trained, tmp_path, small_data, monkeypatch):
    """Runs the command with images of 12x12 on a copy of the trained run."""
    copied(trained, tmp_path)
    np.savez(tmp_path / "small.npz", x_train=IMAGES)

    def run(*options: object, refused: bool = False) -> str | int:
        common = ("dense-sgd", "--root", tmp_path, "--name", "second", "--batch-size", 8)
        data = () if "--data" in options else ("--data", tmp_path / "small.npz")
        return (refusal if refused else run_here)(train.main, *common, *data, *options)

    return run


def test_the_command_begins_with_a_runs_weights_and_goes_on_without_that_run(
    command, tmp_path, capsys
):
    source, run = Run("first", tmp_path), Run("second", tmp_path)
    assert command("--start-from", "first", "--steps", 4) == 0
    undisturbed = contents(run)
    shutil.rmtree(run.folder)
    shutil.rmtree(run.images)
    assert command("--start-from", "first", "--steps", 2) == 0
    shutil.rmtree(source.folder)
    capsys.readouterr()
    assert command("--start-from", "first", "--steps", 3) == 0
    assert command("--steps", 4) == 0
    assert "going on after step 3" in capsys.readouterr().out
    assert contents(run) == undisturbed
    error = command("--start-from", "shipped-dense", "--steps", 5, refused=True)
    assert "started with the weights of first after 3 steps, not the weights of shipped-d" in error


@pytest.mark.slow
def test_it_saves_after_its_first_step_as_it_could_not_begin_again(command, tmp_path, monkeypatch):
    saved = []
    checkpoints = "gan.runs.checkpoints.Checkpoints.save"
    monkeypatch.setattr(checkpoints, lambda self, step, *_: saved.append(step))
    assert command("--start-from", "first", "--steps", 4) == 0
    assert saved[0] == 1
    assert not Run("second", tmp_path).checkpoints.steps()  # as after a kill before that
    error = command("--steps", 4, refused=True)
    assert "started with the weights of first after 3 steps, not the weights of its seed" in error
    assert command("--steps", 4, "--start-from", "first") == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--start-from", "second"), "no trained run 'second' in"),
        (("--start-from", "shipped-dense-sgd"), "has other nets (dense-sgd, 28x28x1, latent_dim 1"),
        (("--start-from", "first", "--latent-dim", 50), "than this design (dense-sgd, 12x12x1, la"),
    ],
)
def test_weights_that_cannot_be_taken_are_one_line_and_leave_nothing(
    command, tmp_path, options, said
):
    assert said in command(*options, "--steps", 2, refused=True)
    assert not Run("second", tmp_path).folder.exists()


def test_shipped_weights_can_be_trained_on(place, capsys):
    design = load("dense-sgd", shipped=True)[0]
    before = [average.numpy() for average in design.averages]
    images = draw_digits(16, seed=1)[0]
    design.train(steps=1, images=images, run=place("run"))
    start = place("run").config()["start"]
    assert (start["run"], start["steps"]) == ("shipped-dense-sgd", 10_000)
    for average, loaded in zip(design.averages, before, strict=True):
        np.testing.assert_array_equal(average, loaded)


# -- what was computed -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("set_policy", "found"),
    [
        (lambda: keras.config.set_dtype_policy("mixed_bfloat16"), "bfloat16"),
        slow(lambda: keras.config.set_dtype_policy("mixed_float16"), "mixed_float16"),
        slow(lambda: keras.config.set_dtype_policy("float64"), "float32+float64"),
        (lambda: [keras.config.set_floatx("float64"), keras.config.set_dtype_policy("float64")], 0),
    ],
)
def test_the_precision_that_layers_have_is_recorded(set_policy, found, place, tmp_path, small_data):
    found, run = found or "float64", place("run")
    try:
        set_policy()
        build_design("dense-sgd", **SMALL).train(steps=1, images=IMAGES, run=run)
        assert load(run)[1] == 1
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")
    assert run.config()["precision"] == found
    with pytest.raises(UserError, match=rf"was started with precision .*{found[-7:]}, not float32"):
        build_design("dense-sgd", **SMALL).train(steps=2, images=IMAGES, run=run)
    if found == "bfloat16":
        design = build_design("dense-sgd", **SMALL, precision="bfloat16")
        assert design.train(steps=2, images=IMAGES, run=run).trained == 1
    else:
        with pytest.raises(
            UserError, match="but nets compute in float32 here; set the same policy"
        ):
            load(run)


def test_the_learning_rate_that_an_optimizer_has_is_recorded(place):
    design, run = build_design("dense-sgd", **SMALL), place("run")
    design.d_optimizer.learning_rate = 0.5
    design.train(steps=1, images=IMAGES, run=run)
    rates = {net: each["learning_rate"] for net, each in run.config()["optimizers"].items()}
    assert rates == {"d": 0.5, "g": pytest.approx(0.01)}
    again = build_design("dense-sgd", **SMALL)
    with pytest.raises(UserError, match=r"d_optimizer's learning_rate 0\.5, not 0\.00999"):
        again.train(steps=2, images=IMAGES, run=run)
    again.d_optimizer.learning_rate = 0.5
    assert again.train(steps=2, images=IMAGES, run=run).trained == 1


def test_another_strategy_is_said(place, capsys):
    for steps, strategy in ((1, tf.distribute.get_strategy()), (2, one_device())):
        with strategy.scope():
            design = build_design("dense-sgd", **SMALL)
        design.train(steps=steps, images=IMAGES, run=place("run"))
    assert place("run").config()["strategy"] == "OneDeviceStrategy"
    assert "is with OneDeviceStrategy; its bytes may differ" in capsys.readouterr().out


def test_frozen_layers_are_recorded(place):
    design, run = build_design("dense-sgd", **SMALL), place("run")
    design.discriminator.layers[1].trainable = False
    design.train(steps=1, images=IMAGES, run=run)
    assert run.config()["frozen"] == ["discriminator 1"]
    with pytest.raises(UserError, match=r"frozen \['discriminator 1'\], not \[\]"):
        build_design("dense-sgd", **SMALL).train(steps=2, images=IMAGES, run=run)


class Halving(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule without get_config."""

    def __call__(self, step):
        return 0.1 / (1.0 + tf.cast(step, tf.float32))


@pytest.mark.parametrize(
    "rate",
    [
        lambda: keras.optimizers.schedules.PiecewiseConstantDecay((1, 5), (0.1, 0.2, 0.3)),
        slow(Halving),
        slow(lambda: lambda: 0.1),
    ],
)
def test_any_learning_rate_is_recorded_and_goes_on(rate, place):
    for steps in (1, 2):
        design = build_design("dense-sgd", **SMALL)
        design.d_optimizer, design.g_optimizer = (
            keras.optimizers.SGD(rate(), clipnorm=np.float32(1)) for _ in range(2)
        )
        assert design.train(steps=steps, images=IMAGES, run=place("run")).trained == 1


def one_device() -> tf.distribute.Strategy:
    return tf.distribute.OneDeviceStrategy("CPU:0")


# Values of a config that may be others when a run goes on, because no step depends on them.
FREE = {"recipe.steps", "recipe.epochs"}
FREE |= {f"data.{name}" for name in ("source", "name", "images", "published")}
FREE |= {f"data.{name}" for name in ("resized_to", "background", "subfolders", "skip_damaged")}
FREE |= {"start.run", "start.steps"}  # its digest says what it was; the images' digest, too
FREE |= {"versions.cuda"}  # no part of a CPU's work
FREE |= {"recipe.precision"}  # what was asked for; `precision` is what the layers have


def leaves(config: dict, before: str = ""):
    for name, value in config.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{before}{name}.")
        else:
            yield before + name


def test_each_item_of_a_config_is_held_or_said(trained):
    config = trained.config()
    config["start"] = {"run": "a", "steps": 1, "digest": "b", "average": "c"}
    config |= {"deterministic": True, "tf32": False}
    silent = set()
    for path in leaves(config):
        other = copy.deepcopy(config)
        *outer, name = path.split(".")
        part = other
        for each in outer:
            part = part[each]
        old = part[name]  # a recipe checks the types of its values
        others = {bool: not old, int: 99, float: 0.25}
        part[name] = others.get(type(old), "x")
        if not difference(config, other) and not list(changes(config, other, has_average=True)):
            silent.add(path)
    assert silent == FREE


def test_a_config_of_an_older_version_goes_on(trained):
    new = trained.config()
    old = copy.deepcopy(new)
    newer = ("start", "precision", "optimizers", "frozen", "xla", "strategy", "devices", "cores")
    for name in newer:
        del old[name]
    assert difference(old, new) is None
    assert list(changes(old, new, has_average=True)) == []


# -- length, and the end ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "size"),
    [
        (lambda: build_design("dense-sgd", SHAPE, batch_size=64), 64),
        (lambda: build_design("dense-sgd", SHAPE, batch_size=32), 32),
        (lambda: GAN(image_shape=SHAPE), 128),  # the default of the document's train
    ],
)
def test_the_batch_size_of_the_recipe_stays(build, size, place, monkeypatch, capsys):
    monkeypatch.setattr("gan.training.Training.train", lambda self: Outcome)
    design = build()
    design.train(epochs=3, images=IMAGES, run=place("run"))
    assert design.recipe.batch_size == size
    said = f"here an epoch is a step: 3 of {size} images, {3 * size} images in all\n"
    assert capsys.readouterr().out == said


class Outcome:
    signal = None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_takes_its_usual_course_after_the_run_is_saved(number, place, monkeypatch):
    run, came = place("run"), []
    design = built("dense-sgd", **SMALL)

    def usual(number: int, frame: object) -> None:
        with run.locked():  # nobody holds it any more
            came.append((number, run.checkpoints.steps()))
        raise KeyboardInterrupt

    before = signal.signal(number, usual)
    monkeypatch.setattr(
        "gan.pictures.gallery.Gallery.draw", lambda self, done: signal.raise_signal(number)
    )
    try:
        with pytest.raises(KeyboardInterrupt):
            design.train(steps=9, images=IMAGES, run=run)
        assert came == [(number, [1])]
        options = {"images": IMAGES, "run": run, "return_when_stopped": True}
        outcome = design.train(steps=9, **options)
    finally:
        signal.signal(number, before)
    assert (outcome.stopped_by, outcome.done, len(came)) == (number, 2, 1)


def test_a_signal_that_the_process_ignores_ends_a_script_too(place, monkeypatch):
    """A shell starts a job with & so; the training has stopped, so the script must not go on."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    monkeypatch.setattr(
        "gan.pictures.gallery.Gallery.draw", lambda self, done: signal.raise_signal(signal.SIGINT)
    )
    try:
        with pytest.raises(KeyboardInterrupt):
            built("dense-sgd", **SMALL).train(steps=9, images=IMAGES, run=place("run"))
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_signal_after_the_last_step_is_not_lost(place, monkeypatch):
    def usual(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before, design = signal.signal(signal.SIGTERM, usual), built("dense-sgd", **SMALL)
    monkeypatch.setattr(
        "gan.pictures.gallery.Gallery.draw_final",
        lambda self: signal.raise_signal(signal.SIGTERM),
    )
    try:
        with pytest.raises(KeyboardInterrupt):
            design.train(steps=1, images=IMAGES, run=place("run"))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert place("run").checkpoints.steps() == [1]
