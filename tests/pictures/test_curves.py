"""The picture of the losses."""

import math

import numpy as np
import pytest
from matplotlib.axes import Axes
from PIL import Image

from gan.pictures.curves import POINTS, as_means, draw_curves, read_metrics, thin, top_of


def write_log(path, steps, **columns):
    rows = zip(range(steps), *columns.values(), strict=True)
    text = "".join(",".join(map(str, row)) + "\n" for row in rows)
    path.write_text(",".join(["step", *columns]) + "\n" + text, encoding="utf-8")
    return path


def test_the_log_is_read_as_it_is(tmp_path):
    log = write_log(tmp_path / "metrics.csv", 2, d_loss=[0.5, 0.25], g_loss=[1, 2])
    columns = read_metrics(log)
    assert list(columns) == ["step", "d_loss", "g_loss"]
    np.testing.assert_array_equal(columns["d_loss"], [0.5, 0.25])


def test_a_long_log_is_thinned_to_means():
    mean, low, high = thin(np.arange(100.0 * POINTS))
    np.testing.assert_allclose(mean, 100 * np.arange(POINTS) + 49.5)
    assert (low < mean).all()
    assert (mean < high).all()


@pytest.mark.parametrize("steps", [1, 7, pytest.param(3000, marks=pytest.mark.slow)])
def test_a_picture_of_any_length(tmp_path, steps):
    random = np.random.default_rng(0)
    losses = {name: random.random(steps) for name in ("d_loss", "d_accuracy", "g_loss")}
    log = write_log(tmp_path / "metrics.csv", steps, **losses)
    for name in ("a", "b"):
        draw_curves(read_metrics(log), tmp_path / f"{name}.png")
    assert Image.open(tmp_path / "a.png").size == (800, 600)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_with_smooth_labels_the_legend_names_no_divergence(tmp_path, monkeypatch):
    labels, plot = [], Axes.plot

    def spy(*arguments, label, **more):
        labels.append(label)
        return plot(*arguments, label=label, **more)

    monkeypatch.setattr(Axes, "plot", spy)
    columns = read_metrics(write_log(tmp_path / "a.csv", 9, d_loss=9 * [0.5], g_loss=9 * [1]))
    for smooth_labels in (False, True):
        draw_curves(columns, tmp_path / "a.png", smooth_labels=smooth_labels)
    third = "ln 2 - d_loss: estimated JS divergence", "ln 2 - d_loss (smooth labels: no divergence)"
    assert (labels[2], labels[5]) == third


def test_a_spike_in_the_first_steps_does_not_flatten_the_rest():
    losses = np.r_[np.full(40, 90.0), np.full(3960, 1.5)]
    assert 1.5 < top_of(losses) < 2
    assert top_of(np.zeros(5)) > 1


def test_the_sum_of_two_halves_is_drawn_as_their_mean(tmp_path):
    """At the equilibrium a d_loss that is a mean is ln 2, one that is a sum is 2 ln 2."""
    pictures = []
    for terms in (1, 2):
        values = [terms * math.log(2)] * 50
        log = write_log(tmp_path / "metrics.csv", 50, d_loss=values, g_loss=[1.0] * 50)
        draw_curves(as_means(read_metrics(log), terms), tmp_path / "curves.png")
        pixels = np.asarray(Image.open(tmp_path / "curves.png").convert("L"))
        pictures.append(pixels[:, :400])  # without the legends, which tell them apart
    np.testing.assert_array_equal(*pictures)
