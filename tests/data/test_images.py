"""Every source of images, and every way it can fail."""

import functools
import gzip

import numpy as np
import pytest
from bad_input import IMAGES, idx
from conftest import REAL_MNIST, needs_mnist
from PIL import EpsImagePlugin, Image

from gan.data import digits, load_images
from gan.data.download import cache_folder
from gan.support.errors import UserError

quiet = functools.partial(load_images, say=lambda line: None)


def write_npz(path, **arrays):
    np.savez(path, **arrays)
    return str(path)


def test_an_npz_as_keras_lays_it_out(tmp_path):
    path = write_npz(tmp_path / "own.npz", x_train=IMAGES, y_train=np.zeros(5, np.uint8))
    dataset = quiet(path)
    np.testing.assert_array_equal(dataset.images, IMAGES[..., np.newaxis])
    assert dataset.images.dtype == np.uint8
    assert (dataset.name, dataset.source, dataset.warning) == ("own.npz", path, None)
    assert dataset.digest != quiet(write_npz(tmp_path / "b.npz", x_train=IMAGES[:4])).digest


def test_an_npz_in_fortran_order(tmp_path):
    path = write_npz(tmp_path / "a.npz", x_train=np.asfortranarray(IMAGES))
    np.testing.assert_array_equal(quiet(path).images[..., 0], IMAGES)


def test_a_compressed_npz(tmp_path):
    np.savez_compressed(tmp_path / "small.npz", x_train=IMAGES)
    np.testing.assert_array_equal(quiet(str(tmp_path / "small.npz")).images[..., 0], IMAGES)


@pytest.mark.parametrize("shape", [(6, 12, 16), (6, 12, 16, 1), (6, 12, 16, 3), (2, 5, 12, 16)])
def test_an_npy_of_images_and_of_moving_mnist(tmp_path, shape):
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    np.save(tmp_path / "a.npy", images)
    (tmp_path / "a.npy").rename(tmp_path / "a.NPY")
    said = []
    dataset = load_images(str(tmp_path / "a.NPY"), say=said.append)
    np.testing.assert_array_equal(dataset.images.ravel(), images.ravel())
    count = 10 if shape[0] == 2 else 6
    assert dataset.images.shape == (count, 12, 16, 3 if shape[-1] == 3 else 1)
    frames = "a.NPY has the shape [2, 5, 12, 16]: using all 10 frames of 5 sequences as images"
    assert said == ([frames] if shape[0] == 2 else [])


@pytest.mark.parametrize("packed", [True, False])
def test_a_folder_of_idx_files(tmp_path, packed):
    content = idx(IMAGES)
    name = "train-images-idx3-ubyte"
    if packed:
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content))
    else:
        (tmp_path / name).write_bytes(content)
    np.testing.assert_array_equal(quiet(str(tmp_path)).images[..., 0], IMAGES)


def test_a_folder_of_images_in_order_of_name(tmp_path):
    for index in (3, 1, 2):
        Image.fromarray(IMAGES[index]).save(tmp_path / f"{index}.png")
    (tmp_path / "notes.txt").write_text("not an image", encoding="utf-8")
    np.testing.assert_array_equal(quiet(str(tmp_path)).images[..., 0], IMAGES[1:4])


def test_a_folder_of_colour_images_resized(tmp_path):
    colours = np.random.default_rng(1).integers(0, 256, (40, 60, 3), np.uint8)
    Image.fromarray(colours).save(tmp_path / "a.png")
    Image.fromarray(np.full((20, 20), 77, np.uint8)).save(tmp_path / "b.png")  # grey
    dataset = quiet(str(tmp_path), (32, 48))
    assert dataset.images.shape == (2, 32, 48, 3)
    assert (dataset.images[1] == 77).all()
    assert abs(dataset.images[0].mean() - colours.mean()) < 3
    assert dataset.options.image_size == (32, 48)
    with pytest.raises(UserError, match="--image-size is only for"):
        quiet("auto", (32, 32))


def test_an_npz_of_colour_images(tmp_path):
    colours = np.random.default_rng(1).integers(0, 256, (3, 32, 48, 3), np.uint8)
    dataset = quiet(write_npz(tmp_path / "colours.npz", x_train=colours))
    np.testing.assert_array_equal(dataset.images, colours)


def test_a_pickle_is_never_opened(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (tmp_path.joinpath("exploded").touch, ())

    path = write_npz(tmp_path / "bomb.npz", x_train=np.array([Bomb()], object))
    with pytest.raises(UserError):
        quiet(path)
    assert not (tmp_path / "exploded").exists()


def test_no_program_is_started_to_read_an_image(tmp_path, monkeypatch):
    """As Pillow does for PostScript, whatever the file is called."""

    def ghostscript(*arguments):
        raise AssertionError("Ghostscript was started")

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", ghostscript)
    Image.fromarray(np.zeros((28, 28, 3), np.uint8)).save(tmp_path / "a.eps")
    (tmp_path / "a.eps").rename(tmp_path / "a.png")
    with pytest.raises(UserError, match=r"1 damaged, or no image: a\.png"):
        quiet(str(tmp_path))


@pytest.mark.parametrize("name", ["nowhere/mnist.npz", "n" * 5000])
def test_a_file_that_gan_data_names_must_be_there(monkeypatch, name):
    monkeypatch.setenv("GAN_DATA", name)
    with pytest.raises(UserError, match=f"GAN_DATA names '{name[:13]}"):
        load_images()


def test_gan_data_names_the_file_that_auto_means(tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_DATA", write_npz(tmp_path / "named.npz", x_train=IMAGES))
    assert quiet().name == "named.npz"


def test_drawn_digits_are_cached_and_a_damaged_cache_is_drawn_again(monkeypatch):
    first = quiet("synthetic")
    cached = cache_folder() / digits.CACHE
    with monkeypatch.context() as patch:
        patch.setattr(digits, "draw_digits", lambda *_: pytest.fail("drawn again"))
        assert quiet("synthetic").digest == first.digest
    cached.write_bytes(cached.read_bytes()[:-100])
    assert quiet("synthetic").digest == first.digest


def test_a_home_that_cannot_be_written_to_costs_only_the_cache(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "file"))
    assert len(quiet("synthetic").images) == 100


@needs_mnist
def test_the_real_mnist():
    dataset = quiet(REAL_MNIST)
    assert dataset.images.shape == (60_000, 28, 28, 1)
    assert dataset.images.mean() == pytest.approx(33.318421)  # the published figures
    assert dataset.images.std() == pytest.approx(78.567490)
