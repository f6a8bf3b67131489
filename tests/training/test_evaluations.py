"""`--evaluate-every`: which rows are written, that the training is the same, what is refused."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from conftest import built, contents, draw_nothing, refusal, run_here
from PIL import Image

from gan import evaluate, train
from gan.data.digits import draw_digits
from gan.data.images import RealImages
from gan.evaluation.log import comparable, read_evaluations, write_evaluations
from gan.evaluation.metrics import FIGURES
from gan.pictures.curves import draw_curves
from gan.runs import Run
from gan.support.errors import UserError
from gan.training import evaluations

pytestmark = pytest.mark.usefixtures("quick_runs")
COUNT = 100


@pytest.fixture(scope="module")
def mnist(tmp_path_factory):
    """Path of drawn digits laid out as mnist.npz."""
    path = tmp_path_factory.mktemp("data") / "mnist.npz"
    (x_train, _), (x_test, _) = draw_digits(150, seed=1), draw_digits(120, seed=2)
    np.savez(path, x_train=x_train, x_test=x_test)
    return path


@pytest.fixture
def command(tmp_path, mnist, monkeypatch):
    """Trains the run `name`; the drawn digits take the place of MNIST."""
    monkeypatch.setenv("GAN_DATA", str(mnist))
    monkeypatch.setattr(evaluations, "IMAGES_PER_EVALUATION", COUNT)
    monkeypatch.setattr(RealImages, "is_published", True)

    def run(name, *more):
        options = ("--name", name, "--root", tmp_path, "--batch-size", 8, "--sample-interval", 50)
        more = (*more, "--against", "mnist") if "--evaluate-every" in more else more
        assert run_here(train.main, "dense-sgd", *options, *more) == 0
        return Run(name, tmp_path)

    return run


def rows(run):
    with run.evaluations.open(encoding="utf-8") as file:
        return [(int(row["step"]), row["generator"], row) for row in csv.DictReader(file)]


def test_it_changes_nothing_and_each_row_is_there_once(command, monkeypatch):
    plain = command("plain", "--steps", 40)
    every = ("--evaluate-every", 20)
    drawn = []  # what the last picture of the curves was drawn from
    monkeypatch.setattr(
        "gan.pictures.gallery.draw_curves",
        lambda *parts: drawn.append(parts[2]) or draw_nothing(*parts),
    )
    whole = command("whole", "--steps", 40, *every)
    assert [row["step"] for row in drawn[-1]] == [20, 20, 40, 40]
    expected = [(step, name) for step in (20, 40) for name in ("last", "averaged")]
    assert [row[:2] for row in rows(whole)] == expected
    assert contents(whole) == contents(plain)
    assert not plain.evaluations.exists()

    # The figures are those of gan.evaluate.
    found = [float(row["frechet_distance"]) for *_, row in rows(whole)]
    place = ("--root", whole.root, "--name", "whole", "--json", whole.folder / "j")
    place = (*place, "--against", "mnist")
    for average in ([], ["--average"]):
        assert run_here(evaluate.main, *place, "--count", COUNT, *average) == 0
        figures = json.loads((whole.folder / "j").read_bytes())["figures"]
        assert found[3 if average else 2] == pytest.approx(figures["frechet_distance"], rel=1e-5)

    page = (whole.images / "index.html").read_text(encoding="utf-8")
    assert '"evaluations": {"last": [[20, 40], [' in page
    assert '"evaluated": "MNIST"' in page
    assert {row["compared_with"] for *_, row in rows(whole)} == {"MNIST"}


def test_the_curve_is_in_the_picture_of_the_losses(tmp_path):
    columns = {"step": np.arange(9.0), "d_loss": np.ones(9), "g_loss": np.ones(9)}
    measured = [
        {
            "step": step,
            "generator": name,
            "frechet_distance": 900.0 / step,
            "compared_with": "MNIST",
        }
        for step in (3, 6)
        for name in ("last", "averaged")
    ]
    pictures = []
    for distance in (900.0, 400.0):
        measured[2]["frechet_distance"] = distance
        draw_curves(columns, tmp_path / "a.png", measured)
        pictures.append(np.asarray(Image.open(tmp_path / "a.png").convert("L")))
    assert pictures[0].shape == (800, 800)
    np.testing.assert_array_equal(pictures[0][:500], pictures[1][:500])  # the losses
    assert not np.array_equal(pictures[0][550:], pictures[1][550:])


def test_without_mnist_or_for_other_images_it_says_so(tmp_path, mnist, small_data, monkeypatch):
    np.savez(tmp_path / "small.npz", x_train=np.zeros((9, 12, 12), np.uint8))
    monkeypatch.setenv("GAN_DATA", str(mnist))  # drawn digits, which do not stand for MNIST
    options = ("dense-sgd", "--root", tmp_path / "new", "--evaluate-every", 5)
    for data, against, message in (
        (small_data, ["--against", "mnist"], "this needs the real MNIST, but"),
        ("synthetic", [], "this needs the real MNIST, but"),
        (small_data, ["--against", "fashion"], "this needs the real Fashion-MNIST, but"),
        (small_data, [], "small.npz is not known as MNIST or Fashion-MNIST"),
        (tmp_path / "small.npz", [], "images of 12x12x1; only 28x28x1 can be compared with MNIST"),
        (tmp_path / "small.npz", ["--against", "mnist"], "images of 12x12x1; only 28x28x1 can be"),
    ):
        assert message in refusal(train.main, *options, "--data", data, *against)
    with pytest.raises(UserError, match="against must be mnist or fashion, not 'digits'"):
        built("dense-sgd").train(
            steps=1, run=Run("x", tmp_path), evaluate_every=1, against="digits"
        )
    assert not Path(tmp_path, "new").exists()


def test_rows_of_other_real_images_are_kept_and_not_drawn_beside_these(tmp_path):
    """A file of an older version has no column `compared_with`: it compares with MNIST."""
    path = tmp_path / "evaluations.csv"
    figures = ",".join(["1.5"] * len(FIGURES))
    header = ",".join(["step", "generator", *FIGURES])
    path.write_text(f"{header}\n20,last,{figures}\n", encoding="utf-8")
    [old] = read_evaluations(path, 99)
    assert old["compared_with"] == "MNIST"
    write_evaluations(path, [old, old | {"step": 40, "compared_with": "Fashion-MNIST"}])
    rows = read_evaluations(path, 99)
    assert [row["step"] for row in rows] == [20, 40]
    assert [row["step"] for row in comparable(rows)] == [40]
    with path.open("a", encoding="utf-8") as file:
        file.write(f"60,last,{figures}\n80,last,{figures},Fash")  # cut off by a kill
    assert read_evaluations(path, 99) == rows
    assert comparable([]) == []
