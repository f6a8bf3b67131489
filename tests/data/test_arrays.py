"""Arrays of images that a user brings, in files and in Python, and the memory that they need."""

import numpy as np
import pytest
import tensorflow as tf
from bad_input import IMAGES, npz
from conftest import refusal

from gan import train
from gan.data import load_images, of_array
from gan.dense import SGDGAN
from gan.support.errors import UserError


def load(path):
    return load_images(str(path), say=lambda line: None).images


@pytest.mark.parametrize("shape", [(5, 28, 28), (5, 28, 28, 1), (5, 12, 16, 3), (2, 5, 12, 16)])
def test_an_npy_in_fortran_order(tmp_path, shape):
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    np.save(tmp_path / "a.npy", np.asfortranarray(images))
    np.testing.assert_array_equal(load(tmp_path / "a.npy").ravel(), images.ravel())


@pytest.mark.parametrize(
    "first", ["", "label,pixel0,pixel1\n", '"label","1x1"\r\n', "\ufefflabel\n"]
)
@pytest.mark.parametrize("columns", [784, 785])
def test_a_csv_of_mnist(tmp_path, first, columns):
    labels = np.arange(5)[:, None] + 200
    rows = np.hstack([labels, IMAGES.reshape(5, 784)])[:, 785 - columns :]
    text = first + "\n".join(",".join(map(str, row)) for row in rows)
    (tmp_path / "train.CSV").write_text(text, encoding="utf-8")
    np.testing.assert_array_equal(load(tmp_path / "train.CSV")[..., 0], IMAGES)


@pytest.mark.parametrize(
    "shape", [(5, 1, 28, 28), (5, 3, 64, 48), (5, 4, 28, 28), (300, 3, 32, 32)]
)
def test_channels_first_is_refused_with_the_line_that_mends_it(shape):
    images = np.zeros(shape, np.uint8)
    with pytest.raises(UserError, match=r"most likely \[N, channels, H, W\]") as error:
        of_array(images)
    call = "numpy.transpose(images, (0, 2, 3, 1))"
    assert call in str(error.value)
    if shape[1] != 4:
        mended = eval(call, {"numpy": np, "images": images})
        assert of_array(mended).images.shape == (shape[0], *shape[2:], shape[1])
    frames = f"images.reshape(-1, {shape[2]}, {shape[3]})"
    assert frames in str(error.value)


WRONG = {
    "0 to 1": IMAGES / 255,
    "-1 to 1": IMAGES.astype("float32") / 127.5 - 1,
    "0 to 255": IMAGES.astype("float16"),
    "integers": IMAGES.astype(int),
    "12 bits": IMAGES.astype("uint16") * 16 + 7,
    "any": IMAGES.astype(float) * 3 - 100,
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("source", ["array", "a.npy", "a.npz"])
def test_other_numbers_are_refused_with_the_line_that_converts_them(tmp_path, name, source):
    images = WRONG[name]
    if source == "a.npy":
        np.save(tmp_path / source, images)
    elif source == "a.npz":
        (tmp_path / source).write_bytes(npz(x_train=images))
    with pytest.raises(UserError, match=r"must be uint8, 0\.\.255\. Its values are from") as error:
        of_array(images) if source == "array" else load(tmp_path / source)
    call = str(error.value).split("convert it with ")[1]
    converted = eval(call, {"numpy": np, "images": images})
    assert np.abs(of_array(converted).images[..., 0].astype(int) - IMAGES).max() <= 1


def test_what_memory_cannot_hold_is_refused_with_both_sizes(tmp_path, monkeypatch):
    monkeypatch.setattr("gan.support.memory.available", lambda: 10_000_000)
    needs = "to train on 5,000 images 28x28 needs 11 MB of memory, 10 MB is free"
    with pytest.raises(UserError, match=needs):
        of_array(np.zeros((5000, 28, 28), np.uint8))
    assert len(of_array(IMAGES).images) == 5


class Greedy(SGDGAN):
    """A design that asks for more memory than there is, from Python or from TensorFlow."""

    def __init__(self, where: str, **options: object) -> None:
        self.where = where
        super().__init__(image_shape=(12, 12, 1), **options)

    def build_nets(self) -> None:
        if self.where == "build, Python":
            np.ones(2**50)
        if self.where == "build, TensorFlow":
            tf.ones([2**50])
        super().build_nets()

    def step(self, real_images, d_noise, g_noise):
        if self.where == "step":
            tf.debugging.assert_all_finite(tf.random.normal([2**50]), "")
        return super().step(real_images, d_noise, g_noise)


@pytest.mark.parametrize(
    "where",
    [
        "build, Python",
        # TensorFlow asks for it again, for ten seconds.
        *(pytest.param(where, marks=pytest.mark.slow) for where in ("build, TensorFlow", "step")),
    ],
)
def test_where_memory_is_out_a_line_says_what_to_make_smaller(tmp_path, quick_runs, where):
    from gan.runs import Run

    smaller = "a smaller batch" if where == "step" else "smaller images, or shorter noise"
    with pytest.raises(UserError, match=f"not enough memory; use {smaller}"):
        Greedy(where).train(images=IMAGES[:, :12, :12], run=Run("greedy", tmp_path))


def test_a_command_says_it_too(monkeypatch, tmp_path):
    def out_of_memory(*arguments, **options):
        return np.ones(2**50)

    monkeypatch.setattr(train, "load_dataset", out_of_memory)
    assert "ask for fewer or smaller images" in refusal(train.main, "dense", "--root", tmp_path)
