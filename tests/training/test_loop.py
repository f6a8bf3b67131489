"""Which images and noise a step gets, and that the compiled loop runs it on those."""

import numpy as np
import pytest
import tensorflow as tf

from gan.data import batches, load_images
from gan.data.batches import Schedule
from gan.data.digits import draw_digits
from gan.dense import DENSE, DENSE_SGD, SGDGAN
from gan.designs import build_design
from gan.recipe import override
from gan.runs import Run
from gan.support.errors import RunError, UserError
from gan.training import steps as stepping
from gan.training.steps import pace

IMAGES = draw_digits(20, seed=2)[0][..., np.newaxis]


def taken(schedule, step):
    """Indices of the images of a step."""
    order = tf.constant(schedule.order(step))
    return schedule.indices(step, order, schedule.size(step)).numpy().tolist()


def schedule(order, last_batch=None, count=20, batch_size=8, **settings):
    recipe = override(DENSE, batch_size=batch_size, order=order, **settings)
    object.__setattr__(recipe, "last_batch", last_batch)
    return Schedule(recipe, count, seed=3)


def test_sequential_order_drops_the_rest():
    plan = schedule("sequential", "dropped")
    assert plan.steps_per_epoch == 2
    assert [taken(plan, step) for step in range(4)] == 2 * [list(range(8)), list(range(8, 16))]
    with pytest.raises(UserError, match="20 images, too few for one batch of 21"):
        schedule("sequential", "dropped", batch_size=21)


def test_shuffled_order_takes_every_image_once_an_epoch_and_keeps_the_rest():
    plan = schedule("shuffled", "kept")
    assert plan.steps_per_epoch == 3
    epochs = [[taken(plan, step) for step in range(first, first + 3)] for first in (0, 3)]
    assert [len(batch) for batch in epochs[0]] == [8, 8, 4]
    for epoch in epochs:
        assert sorted(np.concatenate(epoch).tolist()) == list(range(20))
    assert epochs[0] != epochs[1]
    assert (Schedule(plan.recipe, 20, seed=4).order(0) != plan.order(0)).any()
    assert [plan.stretch_end(step) for step in range(6)] == [2, 2, 3, 5, 5, 6]
    assert schedule("shuffled", "kept", batch_size=10).stretch_end(0) == 2  # no rest, one size


def test_a_shuffle_is_of_all_images():
    """A buffer of 60,000, the document's, would not reach the others among the first."""
    assert schedule("shuffled", "kept", count=200_000).order(0)[:1000].max() > 150_000


def test_random_order_draws_with_replacement():
    plan = schedule("random", count=60_000, batch_size=32)
    indices = np.concatenate([taken(plan, step) for step in range(100)])
    assert indices.min() >= 0
    assert indices.max() < 60_000
    assert 3000 < len(set(indices.tolist())) < 3200
    assert plan.steps_per_epoch == 1875
    assert len(taken(schedule("random", count=5), 0)) == 8  # fewer images than a batch


def test_noise_is_of_its_seed_step_and_stream():
    draw = lambda *key: batches.draw_noise(DENSE, *key, 64).numpy()  # noqa: E731
    first = draw(0, 3, batches.D_NOISE)
    np.testing.assert_array_equal(first, draw(0, 3, batches.D_NOISE))
    for key in ((1, 3, batches.D_NOISE), (0, 4, batches.D_NOISE), (0, 3, batches.G_NOISE)):
        assert not np.array_equal(first, draw(*key))


def test_no_two_streams_share_a_seed():
    keys = {
        tuple(batches.stream_seed(0, step, stream).numpy())
        for step in range(20)
        for stream in range(batches.STREAMS)
    }
    assert len(keys) == 20 * batches.STREAMS
    streams = {getattr(batches, name) for name in dir(batches) if name.isupper()}
    assert len(streams) == 6
    a, b = (Schedule(override(DENSE, batch_size=8), 1000, seed) for seed in (0, 1))
    assert taken(a, 0) != taken(b, 0)


def test_noise_is_of_its_distribution():
    normal = batches.draw_noise(DENSE, 0, 0, batches.D_NOISE, 5000).numpy()
    assert [normal.mean(), normal.std(), (normal**4).mean()] == pytest.approx([0, 1, 3], abs=0.05)
    uniform = batches.draw_noise(override(DENSE, noise="uniform"), 0, 0, batches.D_NOISE, 5000)
    assert -1 < np.min(uniform) < -0.999
    assert 0.999 < np.max(uniform) < 1
    assert [np.mean(uniform), np.var(uniform)] == pytest.approx([0, 1 / 3], abs=0.01)


def test_a_call_grows_to_100_steps_and_lasts_a_quarter_of_a_second():
    assert pace(8, 8, seconds=60.0) == 1
    assert pace(8, 8, seconds=0.001) == 16
    assert pace(80, 80, seconds=0.001) == 100
    assert pace(100, 100, seconds=0.5) == 50


@pytest.mark.usefixtures("short_runs")
def test_images_stay_uint8_until_their_step(monkeypatch):
    seen = []
    scale = stepping.scale_pixels
    monkeypatch.setattr(
        stepping, "scale_pixels", lambda pixels: seen.append(pixels) or scale(pixels)
    )
    design = build_design("dense-sgd", (12, 12, 1), batch_size=4)
    schedule = Schedule(design.recipe, len(IMAGES), seed=0)
    stepping.compile_steps(design, IMAGES[:, 8:20, 8:20], schedule)(0, 1)
    assert {(pixels.dtype, *pixels.shape) for pixels in seen} == {(tf.uint8, 4, 12, 12, 1)}


@pytest.mark.usefixtures("short_runs")
def test_weights_that_are_not_finite_are_never_saved(tmp_path, small_data, capsys):
    """The losses of a step are from before its update, so they do not show what it did."""

    class Poisoned(SGDGAN):
        def step(self, *inputs):
            losses = super().step(*inputs)
            weight = self.generator.trainable_variables[0]
            poison = tf.where(self.g_optimizer.iterations > 5, np.nan, 0.0)  # in step 5
            weight.assign_add(tf.fill(weight.shape, poison))
            return losses

    run = Run("mine", tmp_path)
    options = {"run": run, "dataset": load_images(small_data)}
    Poisoned(override(DENSE_SGD, batch_size=8)).train(steps=5, **options)
    before = {path: path.read_bytes() for path in run.checkpoints.path(5).iterdir()}
    final = run.grid("final").read_bytes()
    with pytest.raises(RunError, match=r"after step 6 a variable is NaN .* of step 5 is complete"):
        Poisoned(override(DENSE_SGD, batch_size=8)).train(steps=6, **options)
    assert run.checkpoints.steps() == [5]
    assert {path: path.read_bytes() for path in run.checkpoints.path(5).iterdir()} == before
    assert run.grid("final").read_bytes() == final

    # A checkpoint that an older version saved all the same is left aside.
    design = build_design("dense-sgd", batch_size=8)
    design.generator.trainable_variables[0].assign(tf.fill((100, 256), np.inf))
    run.checkpoints.save(6, design, run.config(), run.metrics)
    assert run.resume(design) == 5
    assert "step 6 cannot be used: its variables are NaN or infinite" in capsys.readouterr().out
