"""Sampling through the real command."""

import os
import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from conftest import finish, run_here, start
from PIL import Image

from gan import generate, train
from gan.cli import outputs, progress
from gan.data import batches
from gan.data.pixels import to_pixels
from gan.designs import build_design, find_recipe
from gan.evaluation import sampling
from gan.pictures.grid import gif_zoom
from gan.recipe import override
from gan.runs import Run
from gan.support.errors import UserError

pytestmark = pytest.mark.usefixtures("short_runs")


@pytest.fixture(scope="module")
def root(short_runs, tmp_path_factory, small_data):
    """Two short runs; `an-other` was trained last."""
    root = tmp_path_factory.mktemp("runs")
    for name, seed in (("first", 0), ("an-other", 1)):
        options = ("--name", name, "--seed", seed, "--steps", 5, "--batch-size", 8)
        assert (
            run_here(train.main, "dense-sgd", "--root", root, "--data", small_data, *options) == 0
        )
    return root


def picture(path):
    return np.asarray(Image.open(path))


def test_a_png_of_new_images(root, capsys):
    assert run_here(generate.main, "--root", root, "--name", "first", "--count", 132) == 0
    out = capsys.readouterr().out
    assert "run 'first': dense-sgd, 5 steps; seed 0" in out
    assert "generated.png: 132 images" in out
    pixels = picture(Run("first", root).grid("generated"))
    assert pixels.shape == (12 * 28 * 3, 11 * 28 * 3)
    assert pixels.std() > 5


def test_the_newest_run_is_the_default(root, tmp_path, capsys):
    out = tmp_path / "new" / "a.png"
    assert run_here(generate.main, "--root", root, "--out", out) == 0
    assert "run 'an-other'" in capsys.readouterr().out
    assert picture(out).shape == (840, 840)


def test_images_depend_on_the_seed_and_not_on_the_count(root, tmp_path):
    for name, options in {
        "a": ["--count", 100],
        "b": ["--count", 10],
        "c": ["--count", 10, "--seed", 1],
    }.items():
        out = tmp_path / f"{name}.png"
        assert run_here(generate.main, "--root", root, "--out", out, *options) == 0
    a, b, c = (picture(tmp_path / f"{name}.png")[:84] for name in "abc")
    np.testing.assert_allclose(a[:, : 3 * 84].astype(int), b[:, : 3 * 84].astype(int), atol=1)
    assert not np.array_equal(b, c)


@pytest.fixture(scope="module")
def first(root):
    """The first run's design as it was trained, and what it makes of the noise of seed 3."""
    design = build_design("dense-sgd", batch_size=8)
    Run("first", root).resume(design)
    noises = [
        batches.draw_noise(design.recipe, 3, first, batches.SAMPLE_NOISE, 1000)
        for first in (0, 1000)
    ]
    images = design.generator.predict(np.concatenate(noises), verbose=0)
    return design, images, design.discriminator.predict(images, verbose=0).ravel()


def arrays(root, tmp_path, *options):
    path = tmp_path / "out.npz"
    options = ("--name", "first", "--seed", 3, "--npz", path, *options)
    assert run_here(generate.main, "--root", root, *options) == 0
    with np.load(path) as archive:
        return archive["images"], archive["scores"]


def test_it_samples_from_the_trained_generator(root, tmp_path, first):
    _, expected, scores = first
    images, found = arrays(root, tmp_path, "--count", 1100)
    assert images.dtype == np.uint8
    difference = images.astype(int) - to_pixels(expected[:1100])
    assert np.abs(difference).max() <= 1
    np.testing.assert_allclose(found, scores[:1100], rtol=1e-4)


def test_nice_keeps_the_best_candidates_best_first(root, tmp_path, first, capsys):
    _, expected, scores = first
    images, found = arrays(root, tmp_path, "--count", 50, "--nice", "--candidates", 40)
    out = capsys.readouterr().out
    order = np.argsort(-scores, kind="stable")[:50]
    np.testing.assert_allclose(found, scores[order], rtol=1e-4)
    assert np.abs(images.astype(int) - to_pixels(expected[order])).max() <= 1
    assert f"of all 2,000 images: {scores.min():.3f} to {scores.max():.3f}, mean" in out
    assert found.mean() > scores.mean()
    default, _ = arrays(root, tmp_path, "--count", 50, "--nice")
    twenty, _ = arrays(root, tmp_path, "--count", 50, "--nice", "--candidates", 20)
    np.testing.assert_array_equal(default, twenty)


def test_a_file_of_images_is_written_as_they_come(tmp_path):
    shape, chunks = (28, 28, 1), 60
    images = np.arange(1000 * 784, dtype=np.uint8).reshape(1000, *shape)

    def draw():
        for n in range(chunks):
            yield sampling.Samples(images + n, np.full(1000, n, np.float32))

    tracemalloc.start()
    for name in ("a", "b"):
        archive = outputs.Outputs(archive=tmp_path / f"{name}.npz")
        outputs.write(draw(), 1000 * chunks, shape, archive)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5 * images.nbytes  # of 60
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with np.load(tmp_path / "a.npz") as archive:
        np.testing.assert_array_equal(archive["images"][-1], images[-1] + chunks - 1)
        np.testing.assert_array_equal(archive["scores"], np.arange(chunks).repeat(1000))


def test_ranking_takes_a_fixed_amount_of_memory():
    """A million candidates: none but the best and one chunk are held at a time."""

    def candidates():
        random = np.random.default_rng(0)
        for _ in range(1000):
            scores = random.random(sampling.CHUNK, np.float32)
            images = (scores * 255).astype(np.uint8).reshape(-1, 1, 1, 1)
            yield sampling.Samples(images, scores)

    tracemalloc.start()
    best, everything = sampling.keep_best(candidates(), 100)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**20
    assert (np.diff(best.scores) <= 0).all()
    assert best.scores.min() > 0.9998
    assert "mean 0.500" in everything


@pytest.mark.parametrize("count", [3, 700, 6000, 9000])
def test_ranking_is_that_of_all_at_once(count):
    """With many equal scores, of which the first are kept, and with some that are no numbers."""
    random = np.random.default_rng(0)
    scores = random.integers(0, 50, 9000).astype(np.float32)
    scores[random.choice(9000, 5)] = np.nan
    images = np.arange(9000).reshape(-1, 1, 1, 1)

    parts = [slice(first, first + sampling.CHUNK) for first in range(0, 9000, sampling.CHUNK)]
    chunks = (sampling.Samples(images[part], scores[part]) for part in parts)
    best, _ = sampling.keep_best(chunks, count)
    order = np.argsort(-scores, kind="stable")[:count]
    np.testing.assert_array_equal(best.images.ravel(), order)
    np.testing.assert_array_equal(best.scores, scores[order])


def test_it_takes_the_runs_own_settings_and_its_newest_checkpoint(tmp_path, small_data, capsys):
    options = ("--data", small_data, "--batch-size", 8, "--latent-dim", 7, "--root", tmp_path)
    for steps in (2, 3):
        assert run_here(train.main, "dense-sgd", "--steps", steps, *options) == 0
    assert run_here(generate.main, "--root", tmp_path, "--count", 4) == 0
    assert "run 'dense-sgd': dense-sgd, 3 steps; seed 0" in capsys.readouterr().out
    (tmp_path / "experiments" / "my run" / "checkpoints" / "step-00000001").mkdir(parents=True)
    assert run_here(generate.main, "--root", tmp_path, "--count", 4) == 0
    checkpoint = tmp_path / "experiments" / "dense-sgd" / "checkpoints" / "step-00000003"
    (checkpoint / "variables.index").unlink()
    assert run_here(generate.main, "--root", tmp_path, "--count", 4) == 0
    out = capsys.readouterr().out
    assert "the checkpoint of step 3 cannot be used" in out
    assert "run 'dense-sgd': dense-sgd, 2 of 3 steps; seed 0" in out


@pytest.mark.parametrize(
    "options", [["--count", 8, "--nice", "--candidates", 2], ["--interpolate", "--grid", "2x4"]]
)
def test_the_averaged_generator_draws_what_is_asked_for(root, tmp_path, options):
    last, _ = arrays(root, tmp_path, *options)
    averaged, _ = arrays(root, tmp_path, *options, "--average")
    assert averaged.shape == last.shape
    assert not np.array_equal(averaged, last)


def test_separate_pictures(root, tmp_path):
    options = ("--name", "first", "--count", 11, "--separate", tmp_path / "many")
    assert run_here(generate.main, "--root", root, *options) == 0
    names = sorted(path.name for path in (tmp_path / "many").iterdir())
    assert names == [f"{index:02d}.png" for index in range(11)]
    assert picture(tmp_path / "many" / "00.png").shape == (28, 28)
    # Fewer would leave some of these among the new ones.
    assert run_here(generate.main, "--root", root, *options) == 2


def test_a_damaged_run_is_left_out_and_said(root, tmp_path, capsys):
    copy = shutil.copytree(root, tmp_path / "copy")
    (copy / "experiments" / "damaged" / "checkpoints" / "step-00000001").mkdir(parents=True)
    assert run_here(generate.main, "--root", copy, "--count", 4) == 0
    out = capsys.readouterr().out
    assert "damaged/config.json is damaged or missing" in out
    assert "run 'an-other'" in out


def test_design_chooses_the_newest_run_of_it(root, capsys):
    assert run_here(generate.main, "--root", root, "--design", "dense-sgd") == 0
    assert "run 'an-other'" in capsys.readouterr().out


def test_a_grid_is_laid_out_as_asked_and_zoomed_without_smoothing(root, tmp_path):
    out, npz = tmp_path / "a.png", tmp_path / "a.npz"
    options = ("--root", root, "--grid", "2x5", "--zoom", 4, "--out", out, "--npz", npz)
    assert run_here(generate.main, *options) == 0
    with np.load(npz) as archive:
        images = archive["images"][..., 0]
    large = images.repeat(4, axis=1).repeat(4, axis=2)
    expected = np.block([[*large[:5]], [*large[5:]]])
    np.testing.assert_array_equal(picture(out), expected)


def test_a_walk_leads_through_the_images_of_the_seed(root, tmp_path):
    walk, images = tmp_path / "walk.npz", tmp_path / "images.npz"
    options = ("--root", root, "--seed", 3, "--name", "first")
    out = ("--out", tmp_path / "walk.png")
    assert (
        run_here(generate.main, *options, "--interpolate", "--grid", "3x6", "--npz", walk, *out)
        == 0
    )
    assert run_here(generate.main, *options, "--count", 3, "--npz", images) == 0
    walk, images = (np.load(path)["images"].astype(int) for path in (walk, images))
    np.testing.assert_allclose(walk[::6], images, atol=1)
    ways = np.abs(np.diff(walk, axis=0)).mean(axis=(1, 2, 3))
    jumps = np.abs(np.diff(images, axis=0)).mean()
    assert (ways > 0).all()
    assert ways.max() < jumps / 3  # small steps, also from row to row
    assert picture(tmp_path / "walk.png").shape == (3 * 84, 6 * 84)
    with Image.open(tmp_path / "walk.gif") as gif:
        assert (gif.n_frames, gif.size) == (18, (224, 224))


class Design:
    """What sampling asks of a design; it keeps the noise it is given."""

    samples_in_training_mode = False

    def __init__(self, name, image_shape=(28, 28, 1), **overrides):
        self.recipe = override(find_recipe(name), **overrides)
        self.image_shape = image_shape

    def sample(self, noise, average):
        self.noise = np.asarray(noise)
        return np.zeros((len(noise), *self.image_shape), np.float32)

    def discriminator(self, images, training):
        return np.zeros((len(images), 1))


@pytest.mark.parametrize("latent_dim", [1, 2, 3])
@pytest.mark.parametrize("seed", range(5))
def test_a_walk_in_few_dimensions_goes_no_further_out_than_its_points(latent_dim, seed):
    design = Design("dense", latent_dim=latent_dim)
    list(sampling.draw_walk(design, seed, 6, 10))
    lengths = np.linalg.norm(design.noise[:60], axis=1)
    assert lengths.max() <= lengths[::10].max() + 1e-5


def test_large_images_are_made_few_at_a_time():
    """As many pixels at once as of MNIST's size, and the same images whatever the count."""
    design, drawn = Design("dense", (128, 128, 3)), []
    for chunk in sampling.draw_samples(design, 0, 40):
        assert len(design.noise) == 16 >= len(chunk.images)
        drawn.append(design.noise)
    assert len(np.unique(np.concatenate(drawn), axis=0)) == 48
    assert sum(len(chunk.images) for chunk in sampling.draw_walk(design, 0, 5, 8)) == 40
    list(sampling.draw_samples(design, 0, 7))
    np.testing.assert_array_equal(design.noise, drawn[0])


def test_mlp_draws_in_batches_of_its_recipe():
    """Each image is normalised by those beside it: 64 in the document, not a thousand."""
    design = build_design("mlp", batch_size=8)
    drawn = sampling.collect(sampling.draw_samples(design, 3, 20))
    again = [
        design.sample(batches.draw_noise(design.recipe, 3, first, batches.SAMPLE_NOISE, 8))
        for first in (0, 8, 16)
    ]
    np.testing.assert_array_equal(drawn.images, to_pixels(np.concatenate(again))[:20])

    # A walk is alike within itself, so most of a batch is noise as in any other.
    sizes = [len(chunk.images) for chunk in sampling.draw_walk(design, 3, 2, 5)]
    assert sizes == [1] * 10


def test_a_walk_keeps_to_the_noise_that_g_knows():
    """Normal noise keeps its length on the way, uniform noise its range."""

    normal, uniform = Design("dense"), Design("d-on-g")
    for design in (normal, uniform):
        list(sampling.draw_walk(design, 0, 4, 8))
    lengths = np.linalg.norm(normal.noise[:32], axis=1)
    assert lengths.min() > 0.95 * lengths[::8].min()
    assert np.abs(uniform.noise).max() <= 1
    middle = (uniform.noise[0] + uniform.noise[8]) / 2
    np.testing.assert_allclose(uniform.noise[4], middle, atol=1e-6)


def test_it_says_how_far_it_is(monkeypatch, capsys):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_PLAIN_LINES", -1)
    chunks = [sampling.Samples(np.zeros((n, 1, 1, 1)), np.zeros(n)) for n in (1000, 500)]
    assert list(progress.with_progress(iter(chunks), 1500)) == chunks
    said = capsys.readouterr().out.splitlines()
    assert said == ["1,000 of 1,500 images drawn", "1,500 of 1,500 images drawn"]
    list(progress.with_progress(iter(chunks[:1]), 1500, is_limit=True))
    assert capsys.readouterr().out == "1,000 of at most 1,500 images drawn\n"


def test_large_images_are_enlarged_less():
    assert gif_zoom(28) == 8
    assert gif_zoom(48) == 7
    assert gif_zoom(1024) == 1
    many = outputs.Outputs(separate=Path("many"), zoom=40)
    outputs.check_count(1_000_000, many, (28, 28, 1))
    with pytest.raises(UserError, match="try --zoom 1"):
        outputs.check_count(1, many, (1024, 1024, 3))


def test_without_a_run_the_shipped_weights_draw(tmp_path, capsys):
    root = tmp_path / "new"
    assert run_here(generate.main, "--root", root, "--nice", "--count", 9) == 0
    said = "no run here, so the weights that come with the project: dense, 30,000 steps"
    assert said in capsys.readouterr().out
    assert picture(root / "images" / "shipped-dense" / "nice.png").std() > 50
    assert os.listdir(root) == ["images"]


def test_shipped_weights_can_be_asked_for(root, tmp_path, capsys):
    out = tmp_path / "a.png"
    options = ("--root", root, "--out", out, "--design", "dense-sgd", "--count", 4)
    assert run_here(generate.main, *options, "--shipped") == 0
    assert "10,000 steps" in capsys.readouterr().out
    shipped = picture(out)
    assert run_here(generate.main, *options) == 0
    assert not np.array_equal(picture(out), shipped)

    assert run_here(generate.main, "--root", tmp_path, "--shipped", "--name", "best") == 0
    assert "the weights 'best' that come with the project" in capsys.readouterr().out
    assert list(tmp_path.glob("images/*/*.png")) == [tmp_path / "images/shipped-best/generated.png"]


def test_a_named_run_must_be_there(tmp_path):
    code, out, err = finish(start("generate", "--root", tmp_path, "--name", "dense"))
    assert (code, out) == (2, "")
    assert "no trained run 'dense'" in err
    assert "(saved each minute): none; or use the weights" in err
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
def test_a_process_of_its_own_is_quiet(tmp_path):
    options = ("--root", tmp_path, "--shipped", "--design", "dcgan", "--count", 4)
    code, out, err = finish(start("generate", *options))
    assert (code, err) == (0, "")
    assert "dcgan, 11,750 steps; seed 0" in out
