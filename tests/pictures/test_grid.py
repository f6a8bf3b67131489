"""Mosaics against pixels written out by hand."""

import numpy as np
import pytest
from PIL import Image

from gan.data.pixels import scale_pixels, to_pixels
from gan.pictures.grid import combine_images, draw_grid, save_gif, save_grid


def test_combine_images_lays_out_as_document_001_does():
    images = np.arange(7, dtype=np.float32).reshape(7, 1, 1, 1) * np.ones((1, 2, 3, 1), np.float32)
    mosaic = combine_images(images)
    assert mosaic.shape == (4 * 2, 2 * 3, 1)  # int(sqrt(7)) = 2 columns, 4 rows
    assert mosaic.dtype == np.float32
    expected = np.kron([[0, 1], [2, 3], [4, 5], [6, 0]], np.ones((2, 3)))
    np.testing.assert_array_equal(mosaic[..., 0], expected)
    assert combine_images(np.zeros((132, 28, 28, 1))).shape == (12 * 28, 11 * 28, 1)
    with pytest.raises(ValueError, match="no images"):
        combine_images(np.zeros((0, 28, 28, 1)))


def test_pixels_span_the_whole_range():
    np.testing.assert_array_equal(to_pixels([-1.0, 0.0, 1.0, -1.1, 1.1]), [0, 127, 255, 0, 255])
    np.testing.assert_array_equal(scale_pixels(np.uint8([0, 51, 255])), np.float32([-1, -0.6, 1]))


@pytest.mark.parametrize("channels", [1, 3])
def test_the_png_holds_the_mosaic_enlarged_without_smoothing(channels):
    images = np.random.default_rng(0).uniform(-1, 1, (4, 5, 6, channels))
    picture = np.asarray(draw_grid(images, zoom=2))
    assert picture.shape == ((20, 24) if channels == 1 else (20, 24, 3))
    np.testing.assert_array_equal(
        picture[::2, ::2].reshape(10, 12, channels), combine_images(to_pixels(images))
    )
    np.testing.assert_array_equal(picture[::2, ::2], picture[1::2, 1::2])


def test_without_a_picture_there_is_no_gif(tmp_path, monkeypatch):
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", 100)  # Pillow opens up to twice as many
    save_grid(tmp_path / "huge.png", np.zeros((4, 28, 28, 1)))
    (tmp_path / "damaged.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    save_gif(tmp_path / "a.gif", [tmp_path / "huge.png", tmp_path / "damaged.png"])
    assert not (tmp_path / "a.gif").exists()


@pytest.mark.parametrize("count", [25, pytest.param(132, marks=pytest.mark.slow)])
def test_a_gif_of_150_grids_of_noise_is_under_5_mb(tmp_path, count):
    random = np.random.default_rng(0)
    grids = [tmp_path / f"{index}.png" for index in range(10)]
    for grid in grids:
        save_grid(grid, random.uniform(-1, 1, (count, 28, 28, 1)))
    grids[5].write_bytes(b"damaged")
    grids *= 15
    save_gif(tmp_path / "training.gif", [*grids, tmp_path / "missing.png"])
    assert (tmp_path / "training.gif").stat().st_size < 5 * 2**20
    with Image.open(tmp_path / "training.gif") as gif:
        assert 40 <= gif.n_frames <= 50
        for frame, grid in ((0, grids[0]), (gif.n_frames - 1, grids[-1])):
            gif.seek(frame)
            with Image.open(grid) as image:
                small = image.resize(gif.size, Image.Resampling.NEAREST)
            difference = np.asarray(gif.convert("L"), int) - np.asarray(small, int)
            assert np.abs(difference).mean() < 10
