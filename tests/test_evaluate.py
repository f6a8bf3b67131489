"""gan.evaluate through the real command, on drawn digits in the place of MNIST."""

import json
import shutil

import numpy as np
import pytest
from conftest import REAL_MNIST, finish, needs_mnist, run_here, start

from gan import evaluate, generate, train
from gan.data.digits import draw_digits
from gan.evaluation import metrics
from gan.runs import Run, load
from gan.runs.trained import REFERENCE, SHIPPED_NAMES

pytestmark = pytest.mark.usefixtures("short_runs")
COUNT = 200


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Drawn digits laid out as mnist.npz, in all four parts."""
    path = tmp_path_factory.mktemp("data") / "mnist.npz"
    (x_train, y_train), (x_test, y_test) = draw_digits(600, seed=1), draw_digits(300, seed=2)
    np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return path


def test_a_run_is_measured(tmp_path, data, capsys):
    options = ("--root", tmp_path, "--data", data)
    assert run_here(train.main, "dense-sgd", *options, "--steps", 3, "--batch-size", 8) == 0
    capsys.readouterr()
    assert run_here(evaluate.main, *options, "--count", COUNT, "--against", "mnist") == 0
    out = capsys.readouterr().out
    other = "the training was on other images: mnist.npz\n"
    assert out.startswith(f"comparing with the test images of MNIST, but {other}")
    assert "run 'dense-sgd': dense-sgd, 3 steps on mnist.npz; drawing 200 images" in out
    result = json.loads((tmp_path / "experiments" / "dense-sgd" / "evaluation.json").read_bytes())
    assert (result["design"], result["steps"], result["count"]) == ("dense-sgd", 3, COUNT)
    figures, floor = result["figures"], result["floor"]
    assert figures.keys() == floor.keys() == {*metrics.FIGURES, "digits"}
    # Three steps make noise: hardly one is like the real ones, of which others are.
    assert figures["precision"] < 0.1
    assert floor["precision"] > 0.5
    assert figures["frechet_distance"] > 10 * floor["frechet_distance"]
    assert sum(figures["digits"]) == pytest.approx(1, abs=1e-3)
    assert f"{figures['frechet_distance']:.2f}" in out


def test_copies_of_training_images_show(tmp_path, data, capsys):
    with np.load(data) as mnist:
        np.savez(tmp_path / "copies.npz", images=mnist["x_train"][:COUNT])
    options = ("--npz", tmp_path / "copies.npz", "--data", data, "--json", tmp_path / "a.json")
    assert run_here(evaluate.main, *options, "--count", COUNT - 50) == 0
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first == "comparing with the test images of MNIST"
    assert second.endswith(f"copies.npz: the first {COUNT - 50} of {COUNT} images")
    result = json.loads((tmp_path / "a.json").read_bytes())
    assert result["figures"]["nearest_training_image"] < 0.01
    assert result["figures"]["coverage"] > 0.5
    assert result["floor"]["nearest_training_image"] == 1


def test_images_are_compared_with_the_test_images(tmp_path, capsys):
    """Test images of other digits than the training images: they alone are near themselves."""
    images, labels = draw_digits(1200, seed=3)
    low, high = images[labels < 5][:COUNT], images[labels >= 5][:COUNT]
    np.savez(tmp_path / "mnist.npz", x_train=low, x_test=high)
    found = {}
    for name, these in {"same": high, "one": high[:1].repeat(COUNT, axis=0)}.items():
        np.savez(tmp_path / "a.npz", images=these)
        options = ("--data", tmp_path / "mnist.npz", "--json", tmp_path / "a.json")
        assert run_here(evaluate.main, "--npz", tmp_path / "a.npz", *options) == 0
        found[name] = json.loads((tmp_path / "a.json").read_bytes())
    assert found["same"]["figures"]["frechet_distance"] == pytest.approx(0, abs=1e-3)
    assert found["same"]["figures"]["coverage"] == 1
    assert found["same"]["figures"]["nearest_training_image"] == pytest.approx(1)
    assert found["same"]["floor"]["frechet_distance"] > 10
    # One image over and over is like a real one, and all the others are missed.
    assert found["one"]["figures"]["precision"] == 1
    assert found["one"]["figures"]["recall"] < 0.1
    assert found["one"]["compared_with"] == "other images"
    assert "NOT MNIST" in capsys.readouterr().err


def test_the_file_that_generate_writes_gives_the_figures_of_the_run(tmp_path, data):
    options = ("--root", tmp_path, "--shipped", "--design", "dense", "--count", COUNT)
    images, *results = (tmp_path / name for name in ("a.npz", "a.json", "b.json"))
    assert run_here(generate.main, *options, "--npz", images) == 0
    of_run = (*options, "--data", data, "--json", results[0])
    of_file = ("--npz", images, "--data", data, "--json", results[1])
    for words in (of_run, of_file):
        assert run_here(evaluate.main, *words) == 0
    one, other = (json.loads(path.read_bytes()) for path in results)
    assert one["figures"] == other["figures"]
    assert one["run"] == "shipped-dense"  # no run of the user's own


def test_the_page_is_of_the_newest_checkpoint(tmp_path, small_data):
    """Also where the run was trained, and its checkpoint pruned, while it was measured."""
    options = ("dense-sgd", "--root", tmp_path, "--data", small_data, "--batch-size", 8)
    assert run_here(train.main, *options, "--steps", 5) == 0
    run = Run("dense-sgd", tmp_path)
    design, _ = load(run)
    assert run_here(train.main, *options, "--steps", 9) == 0
    shutil.rmtree(run.checkpoints.path(5))
    page = run.images / "index.html"
    page.unlink()
    evaluate.publish_again(run, design)
    assert "9 of 9 steps" in page.read_text(encoding="utf-8")

    # A newest checkpoint that is damaged, and a run that is gone.
    assert run_here(train.main, *options, "--steps", 12) == 0
    (run.checkpoints.path(12) / "metrics.csv").unlink()
    evaluate.publish_again(run, design)
    assert "9 of 12 steps" in page.read_text(encoding="utf-8")
    page.unlink()
    shutil.rmtree(run.folder)
    evaluate.publish_again(run, design)
    assert not run.folder.exists()


def test_without_mnist_it_says_what_to_do(tmp_path):
    code, out, err = finish(start("evaluate", "--root", tmp_path, "--shipped"))
    first, second, _ = out.split("\n")
    assert (code, first) == (2, "comparing with the test images of MNIST")
    assert second.startswith("downloading")
    assert "this needs the real MNIST" in err
    assert "GAN_DATA" in err
    assert err.count("\n") == 1


@needs_mnist
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["figures", "average"])
@pytest.mark.parametrize("name", SHIPPED_NAMES)
def test_what_is_shipped_measures_as_the_table_says(tmp_path, name, kind):
    """Half precision moves the figures of seed 0 by less than another seed would."""
    folder = REFERENCE / name
    stored = json.loads((folder / "result.json").read_bytes())["float32"][0]
    options = ["--shipped", "--name", name, "--data", REAL_MNIST]
    options += ["--average"] if kind == "average" else []
    assert run_here(evaluate.main, *options, "--json", tmp_path / "a.json") == 0
    result = json.loads((tmp_path / "a.json").read_bytes())
    assert result["compared_with"] == "MNIST"
    found = result["figures"]
    assert found["frechet_distance"] == pytest.approx(stored[kind]["frechet_distance"], rel=0.02)
    for measure in ("precision", "recall", "density", "coverage"):
        assert found[measure] == pytest.approx(stored[kind][measure], abs=0.02)
