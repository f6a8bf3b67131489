"""Sampling through the real command."""

import os

import numpy as np
import pytest
from conftest import finish, run_here, start
from PIL import Image

from gan import generate, train
from gan.runs import Run


@pytest.fixture(scope="module")
def root(tmp_path_factory, small_data):
    """Two short runs; `second` was trained last."""
    root = tmp_path_factory.mktemp("runs")
    for name, seed in (("first", 0), ("second", 1)):
        options = ("--name", name, "--seed", seed, "--steps", 5, "--batch-size", 8)
        assert run_here(train.main, "dense", "--root", root, "--data", small_data, *options) == 0
    return root


def picture(path):
    return np.asarray(Image.open(path))


def test_a_png_of_new_images(root, capsys):
    assert run_here(generate.main, "--root", root, "--name", "first", "--count", 132) == 0
    assert "132 images of run 'first' (dense, 5 steps, seed 0)" in capsys.readouterr().out
    pixels = picture(Run("first", root).grid("generated"))
    assert pixels.shape == (12 * 28 * 3, 11 * 28 * 3)
    assert pixels.std() > 5


def test_the_newest_run_is_the_default(root, tmp_path, capsys):
    out = tmp_path / "new" / "a.png"
    assert run_here(generate.main, "--root", root, "--out", out) == 0
    assert "run 'second'" in capsys.readouterr().out
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


def test_it_samples_from_the_trained_generator(root, tmp_path):
    """What it draws is what the run's own generator gives for the same noise."""
    from gan import batches
    from gan.designs import build_design
    from gan.grid import encode_grid
    from gan.loop import all_variables

    design = build_design("dense", batch_size=8)
    Run("first", root).restore_checkpoint(5, all_variables(design))
    noise = batches.draw_noise(3, 0, batches.SAMPLE_NOISE, (1000, 100))[:4]
    images = design.generator.predict(noise, verbose=0)
    (tmp_path / "expected.png").write_bytes(encode_grid(images))
    out = tmp_path / "out.png"
    options = ("--name", "first", "--count", 4, "--seed", 3, "--out", out)
    assert run_here(generate.main, "--root", root, *options) == 0
    expected = picture(tmp_path / "expected.png").astype(int)
    np.testing.assert_allclose(picture(out).astype(int), expected, atol=1)


BAD = {
    "no such run": (["--name", "third"], "no run 'third'"),
    "no images": (["--count", "0"], "a whole number of at least 1"),
    "too many": (["--count", "50000"], "at most 40,000"),
    "no PNG": (["--out", "x.jpg"], "must be a .png file"),
    "out of the folder": (["--name", "../first"], "no run can be called"),
    "unwritable": (["--out", "/dev/null/x.png"], "cannot be written"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line(root, capsys, case):
    arguments, message = BAD[case]
    assert run_here(generate.main, "--root", root, *arguments) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_without_any_run(tmp_path):
    code, out, err = finish(start("generate", "--root", tmp_path))
    assert (code, out) == (2, "")
    assert "no trained run" in err
    assert "gan.train dense" in err
    assert os.listdir(tmp_path) == []
