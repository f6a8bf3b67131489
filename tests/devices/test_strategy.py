"""Replicas: what they compute together, on logical CPU devices, is what one device computes."""

import functools
import json
from contextlib import nullcontext

import keras
import numpy as np
import pytest
import scale
import tensorflow as tf
from conftest import in_make_test, refusal, run_here

from gan import train
from gan.data.batches import Schedule
from gan.data.digits import draw_digits
from gan.designs import build_design
from gan.devices import strategy as distribute
from gan.layers.replicas import BatchNormalization, Dropout, global_mean, my_slice, replica_id
from gan.pictures.curves import read_metrics
from gan.runs import Run
from gan.support.errors import UserError
from gan.support.exact import cores
from gan.training import average as averaging
from gan.training import steps as stepping

IMAGES = draw_digits(100, seed=2)[0][:, 6:22, 6:22, np.newaxis]
CORES = "1 core" if cores() == 1 else f"{cores()} cores"
BATCH = 10  # 2 or 3 images for each of 4 replicas
STEPS = 10
LOSSES, OUTPUTS = 1e-5, 1e-4  # with synchronised BatchNorm; outputs relative to the way trained
LOSSES_APART, OUTPUTS_APART = 0.3, 0.4  # without: each replica normalises by its own 5 images


@pytest.mark.parametrize(
    ("flags", "precision", "device", "is_slow"),
    [
        ("fma avx2", "bfloat16", "CPU", True),
        ("fma avx512f", "bfloat16", "CPU", True),
        ("avx512f avx512_bf16", "bfloat16", "CPU", False),
        ("amx_bf16 amx_tile", "bfloat16", "CPU", False),
        ("asimd bf16", "bfloat16", "CPU", False),
        ("fma avx2", "float32", "CPU", False),
        ("fma avx2", "bfloat16", "GPU", False),
        (None, "bfloat16", "CPU", False),
    ],
)
def test_a_processor_that_is_slow_in_bfloat16_is_said(
    tmp_path, monkeypatch, flags, precision, device, is_slow
):
    monkeypatch.setattr(distribute, "PROCESSOR", tmp_path / "cpuinfo")
    if flags:
        (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags : {flags}\n", encoding="utf-8")
    assert bool(distribute.why_slow(precision, device)) == is_slow


@functools.cache
def mirrored(replicas: int) -> tf.distribute.Strategy:
    """A strategy over so many logical CPU devices, or the default one."""
    if replicas == 1:
        return tf.distribute.get_strategy()
    with pytest.MonkeyPatch.context() as patch:  # strategies of one process must not share keys
        patch.setattr(tf.distribute.MirroredStrategy, "_collective_key_base", 1000 * replicas)
        return tf.distribute.MirroredStrategy([f"CPU:{n}" for n in range(replicas)])


def on_each(replicas: int, step) -> list[np.ndarray]:
    """What `step()` returns on each replica."""
    strategy = mirrored(replicas)
    run = tf.function(lambda: strategy.run(step), autograph=False)
    return [result.numpy() for result in strategy.experimental_local_results(run())]


def trained(name: str, replicas: int, synchronised: bool) -> tuple[np.ndarray, np.ndarray]:
    """The losses of each step, and the way that G's images, last and averaged, have gone since."""
    strategy = mirrored(replicas)
    overrides = {"batch_size": BATCH, "sync_batchnorm": synchronised}
    with strategy.scope():
        dropout = {"dropout": 0.0} if name == "dcgan" else {}
        design = build_design(name, IMAGES.shape[1:], **overrides | dropout)
    noise = np.random.default_rng(0).normal(size=(16, 100))
    before = np.array(design.sample(noise))
    # dcgan draws noise for a whole batch, also when there are fewer images, as here.
    images = IMAGES[:7] if name == "dcgan" else IMAGES
    schedule = Schedule(design.recipe, len(images), seed=0)
    run_steps = stepping.compile_steps(design, images, schedule)
    log, done = [], 0
    with pytest.MonkeyPatch.context() as patch:
        for module in (averaging, stepping):
            patch.setattr(module, "STEPS_PER_AVERAGE", 4)
        while done < STEPS:
            end = min(STEPS, schedule.stretch_end(done))
            log.append(run_steps(done, end - done))
            done = end
    after = [design.sample(noise, average) for average in (False, True)]
    return np.concatenate(log), np.array(after) - before


@pytest.mark.usefixtures("float64", "quick_runs")
@pytest.mark.parametrize("replicas", [2, pytest.param(4, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", in_make_test("dense-sgd"))
def test_the_number_of_replicas_changes_nothing(name, replicas):
    losses, way = trained(name, 1, synchronised=True)
    their_losses, their_way = trained(name, replicas, synchronised=True)
    np.testing.assert_allclose(their_losses, losses, atol=LOSSES)
    assert np.abs(their_way - way).max() < OUTPUTS * np.abs(way).max()


@pytest.mark.usefixtures("float64", "quick_runs")
@pytest.mark.parametrize("name", in_make_test())
def test_statistics_of_each_replicas_own_slice_leave_the_scale_of_losses_and_gradients(name):
    losses, way = trained(name, 1, synchronised=False)
    their_losses, their_way = trained(name, 2, synchronised=False)
    np.testing.assert_allclose(their_losses, losses, atol=LOSSES_APART)
    assert np.square(their_way - way).mean() < OUTPUTS_APART**2 * np.square(way).mean()
    assert np.abs(their_way - way).max() > 100 * OUTPUTS * np.abs(way).max()  # not the whole batch


@pytest.mark.parametrize(("count", "replicas", "largest"), [(96, 5, 20), (10, 4, 3), (8, 4, 2)])
def test_slices_are_even_and_complete_and_their_means_add_up(count, replicas, largest):
    values = tf.square(tf.range(count, dtype=tf.float32))
    slices = on_each(replicas, lambda: my_slice(values))
    np.testing.assert_array_equal(np.concatenate(slices), values)
    assert largest - 1 <= min(map(len, slices)) <= max(map(len, slices)) == largest
    shares = on_each(replicas, lambda: global_mean(my_slice(values)))
    assert sum(shares) == pytest.approx(np.mean(values), rel=1e-6)


def test_replicas_drop_different_activations_and_the_first_what_keras_drops():
    with mirrored(2).scope():
        keras.utils.set_random_seed(0)
        ours, theirs = Dropout(0.5, seed=3), keras.layers.Dropout(0.5, seed=3)
    ones = tf.ones((8, 100))
    first, second = on_each(2, lambda: ours(ones, training=True))
    assert 0.3 < np.mean((first == 0) == (second == 0)) < 0.7
    np.testing.assert_array_equal(first, on_each(2, lambda: theirs(ones, training=True))[0])
    np.testing.assert_array_equal(ours(ones, training=False), ones)


def test_replicas_share_the_mean_of_their_moving_statistics():
    with mirrored(2).scope():
        norm = BatchNormalization(momentum=0.0)
        norm.build((None, 1))

    def step():
        norm(tf.fill((4, 1), 2.0 + 4.0 * replica_id()), training=True)
        return tf.identity(norm.moving_mean)

    assert on_each(2, step) == [[4.0], [4.0]]


def test_which_devices_are_chosen():
    strategy, phrase = distribute.choose_strategy()
    assert (strategy.num_replicas_in_sync, phrase) == (1, f"CPU, {CORES}; no GPU found")
    strategy, phrase = distribute.choose_strategy(3)
    assert strategy.num_replicas_in_sync == 3
    assert "CPU as 3 devices" in phrase
    with pytest.raises(UserError, match="--devices 6 must be chosen before"):
        distribute.choose_strategy(6)


@pytest.mark.usefixtures("short_runs")
def test_a_run_moves_between_numbers_of_devices(tmp_path, small_data, monkeypatch, capsys):
    monkeypatch.setattr(distribute, "choose_strategy", lambda n, *_: (mirrored(n), f"{n} devices"))
    common = ["dense-sgd", "--root", tmp_path, "--data", small_data, "--batch-size", 6]
    for devices, steps in ((1, 3), (2, 6), (1, 9)):
        assert run_here(train.main, *common, "--devices", devices, "--steps", steps) == 0
        out = capsys.readouterr().out
        assert (steps == 3) or f"going on after step {steps - 3}" in out
        assert (steps != 6) or "was on 1 CPU, and is on 2 CPUs; its bytes may differ" in out
        assert (steps != 9) or "was on 2 CPUs, and is on 1 CPU; its bytes may differ" in out
    rows = Run("dense-sgd", tmp_path).metrics.read_text(encoding="utf-8").splitlines()
    assert [row.split(",")[0] for row in rows[1:]] == [str(step) for step in range(9)]

    error = refusal(train.main, *common[:-1], 1, "--devices", 2, "--name", "few")
    assert error.startswith("error: 2 devices cannot share a batch of 1 image(s); choose another")
    assert not (tmp_path / "experiments" / "few").exists()


def test_what_was_counted_in_the_graph_is_what_the_nets_come_to():
    measured = json.loads(scale.RESULT.read_bytes())
    for name, cases in measured["designs"].items():
        # What the graph exchanges beside the gradients: one float32 for each loss and accuracy.
        extra = cases["2"]["bytes_in_graph"] - cases["2"]["bytes_of_gradients"]
        assert extra == 4 * {"dense": 5, "dense-sgd": 5, "d-on-g": 2, "mlp": 3, "dcgan": 3}[name]


@pytest.mark.usefixtures("short_runs")
@pytest.mark.parametrize("name", in_make_test("dense-sgd"))
def test_a_design_trains_on_the_devices_of_the_scope_in_which_it_was_built(name, tmp_path):
    """Wherever `train` is called from; and one that was built elsewhere does not train there."""
    options = {"batch_size": BATCH, "sync_batchnorm": True, "steps": 2}
    options |= {"dropout": 0.0} if name == "dcgan" else {}
    losses, strategy = [], mirrored(2)
    for scope in (nullcontext(), strategy.scope()):
        with scope:
            design = build_design(name, IMAGES.shape[1:], **options)
        run = Run(f"run-{len(losses)}", tmp_path)
        design.train(run=run, images=IMAGES)
        losses.append(read_metrics(run.metrics))
    for loss, values in losses[0].items():
        np.testing.assert_allclose(losses[1][loss], values, atol=1e-4)
    assert run.config()["devices"] == "2 CPUs"

    design = build_design(name, IMAGES.shape[1:], **options)
    with strategy.scope(), pytest.raises(UserError, match=r"built outside of strategy.scope\(\)"):
        design.train(run=Run("other", tmp_path), images=IMAGES)
    assert not Run("other", tmp_path).folder.exists()
