"""Against which real images a run is measured. Drawn digits stand for MNIST and Fashion-MNIST."""

import gzip
import hashlib
import json

import numpy as np
import pytest
from bad_input import idx
from conftest import refusal, run_here

from gan import evaluate, train
from gan.cli.commands import next_commands
from gan.data import download, images, load_real, of_array
from gan.data.digits import draw_digits
from gan.data.download import PUBLISHED, Published
from gan.evaluation import measure
from gan.evaluation.against import MNIST_DIGESTS, fitting
from gan.evaluation.classifier import FOLDERS
from gan.pictures.page import result
from gan.runs import Run
from gan.support.errors import UserError

pytestmark = pytest.mark.usefixtures("short_runs")
COUNT = 100
TITLES = {"mnist": "MNIST", "fashion": "Fashion-MNIST"}


def ignore(line):
    pass


@pytest.fixture
def sets(tmp_path, monkeypatch):
    """The files of a small MNIST and a small Fashion-MNIST, and of other images."""
    paths = {}
    for seed, name in enumerate(("mnist", "fashion", "own")):
        parts = [draw_digits(COUNT + 20, seed=2 * seed + part)[0] for part in (0, 1)]
        paths[name] = tmp_path / f"{name}.npz"
        np.savez(paths[name], x_train=parts[0], x_test=parts[1])
        if name in PUBLISHED:
            small = Published(TITLES[name], *map(images.fingerprint, parts))
            monkeypatch.setitem(PUBLISHED, name, small)
    return paths


@pytest.fixture
def classifiers(monkeypatch):
    """The folders of the classifiers that were loaded."""
    folders, load = [], measure.load_classifier
    monkeypatch.setattr(
        measure, "load_classifier", lambda folder: folders.append(folder) or load(folder)
    )
    return folders


def trained(root, data, *more):
    """A short run on `data`, and the text of its page."""
    options = ("--root", root, "--batch-size", 8, "--steps", 2, "--data", data)
    assert run_here(train.main, "dense-sgd", *options, *more) == 0
    return Run("dense-sgd", root), page(root)


def page(root):
    return (root / "images" / "dense-sgd" / "index.html").read_text(encoding="utf-8")


def test_a_run_on_fashion_is_measured_against_fashion(
    tmp_path, sets, classifiers, monkeypatch, capsys
):
    """Its real images are found in its own file; the order of the images does not matter."""
    monkeypatch.setattr("gan.training.evaluations.IMAGES_PER_EVALUATION", COUNT)
    with np.load(sets["fashion"]) as file:
        parts = {name: file[name][::-1] for name in ("x_train", "x_test")}
    np.savez(tmp_path / "clothes.npz", **parts)
    run, text = trained(tmp_path, tmp_path / "clothes.npz", "--evaluate-every", 2)
    line = "comparing with the test images of Fashion-MNIST, every 2 steps\n"
    assert line in capsys.readouterr().out
    assert '"evaluated": "Fashion-MNIST"' in text
    assert run.config()["data"]["published"] == "fashion"
    assert "measure it against Fashion-MNIST:" in text
    options = ("--root", tmp_path, "--count", COUNT)
    assert run_here(evaluate.main, *options) == 0
    out = capsys.readouterr().out
    assert out.startswith("comparing with the test images of Fashion-MNIST\n")
    assert "share of ankle boot" in out
    assert json.loads(run.results(False).read_bytes())["compared_with"] == "Fashion-MNIST"
    assert classifiers == 2 * [FOLDERS["fashion"]]
    assert f"{COUNT} images, after 2 steps, compared with Fashion-MNIST" in page(tmp_path)

    # Against MNIST if one asks for it.
    options = (*options, "--against", "mnist", "--data", sets["mnist"])
    assert run_here(evaluate.main, *options) == 0
    out = capsys.readouterr().out
    assert out.startswith("comparing with the test images of MNIST, but the training was on other")
    assert classifiers[2:] == [FOLDERS["mnist"]]
    assert f"{COUNT} images, after 2 steps, compared with MNIST" in page(tmp_path)


def test_a_run_on_other_images_is_measured_only_if_one_says_against_what(tmp_path, sets, capsys):
    run, text = trained(tmp_path, sets["own"])
    assert run.config()["data"]["published"] is None
    assert "draw new images:" in text
    assert "measure it" not in text
    options = ("--root", tmp_path, "--count", COUNT)
    for data in ([], ["--data", sets["mnist"]]):  # which says where, not against what
        line = refusal(evaluate.main, *options, *data)
        assert "own.npz is not known as MNIST or Fashion-MNIST" in line
        assert "add --against mnist or --against fashion" in line
    assert not run.results(False).exists()

    # The built-in digits imitate MNIST.
    config = run.config()
    config["data"] |= {"source": "synthetic", "name": "the built-in digits"}
    (run.folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    capsys.readouterr()
    assert run_here(evaluate.main, *options, "--data", sets["mnist"]) == 0
    line = "of MNIST, but the training was on other images: the built-in digits\n"
    assert f"comparing with the test images {line}" in capsys.readouterr().out
    assert json.loads(run.results(False).read_bytes())["compared_with"] == "MNIST"
    assert "measure it against MNIST:" in page(tmp_path)


def test_a_file_of_images_is_compared_with_mnist_or_as_it_is_told(tmp_path, sets, capsys):
    np.savez(tmp_path / "a.npz", images=draw_digits(COUNT, seed=9)[0])
    place = ("--npz", tmp_path / "a.npz", "--json", tmp_path / "a.json")
    for against, title in (([], "MNIST"), (["--against", "fashion"], "Fashion-MNIST")):
        data = sets["fashion" if against else "mnist"]
        assert run_here(evaluate.main, *place, *against, "--data", data) == 0
        out = capsys.readouterr().out
        assert out.startswith(f"comparing with the test images of {title}\n")
        assert json.loads((tmp_path / "a.json").read_bytes())["compared_with"] == title


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"source": "mnist", "digest": "x"}, "mnist"),
        ({"source": "fashion", "digest": "x"}, "fashion"),
        ({"source": "synthetic", "digest": "x", "published": None}, "mnist"),
        ({"source": "/a/mnist.npz", "digest": MNIST_DIGESTS[0]}, "mnist"),  # of an older version
        ({"source": "an array in Python", "digest": MNIST_DIGESTS[1]}, "mnist"),
        ({"source": "/a/clothes.npz", "digest": "x", "published": "fashion"}, "fashion"),
        ({"source": "/a/mnist", "digest": "x", "published": None}, None),
        ({"source": "/a/mnist.npz", "digest": "x"}, None),
        ({"source": "/a/mnist.npz", "digest": "x", "published": ["mnist"]}, None),  # damaged
    ],
)
def test_which_set_fits_a_run(tmp_path, data, expected):
    assert fitting(data) == expected
    recipe = {"steps": 3, "batch_size": 32, "learning_rate": 1e-3}
    config = {"design": "dense", "recipe": recipe, "seed": 0, "data": data}
    purposes = [purpose for purpose, _ in next_commands(Run("a", tmp_path), config, 1, 3)]
    measuring = [purpose for purpose in purposes if "measure" in purpose]
    assert measuring == ([f"measure it against {TITLES[expected]}:"] if expected else [])


def test_arrays_in_python_are_known_in_any_order_and_shape(sets):
    with np.load(sets["mnist"]) as file:
        train_images = file["x_train"]
    assert of_array(train_images).published == "mnist"
    assert of_array(train_images[::-1, ..., np.newaxis]).published == "mnist"
    changed = train_images.copy()
    changed[0, 0, 0] += 1
    for others in (changed, train_images[1:], np.repeat(train_images[..., np.newaxis], 3, axis=-1)):
        assert of_array(others).published is None


def test_the_results_of_an_older_version_are_shown(tmp_path):
    """They do not say what they were compared with; and those of a fashion run say MNIST."""
    run = Run("old", tmp_path)
    run.folder.mkdir(parents=True)
    figures = dict.fromkeys(measure.metrics.FIGURES, 1.5)
    found = {"steps": 3, "count": COUNT, "figures": figures, "floor": figures}
    for more, text in (({}, ""), ({"compared_with": "MNIST"}, ", compared with MNIST")):
        run.results(False).write_text(json.dumps(found | more), encoding="utf-8")
        (heading, *_), *rows = result(run, 5, False)
        assert heading == f"{COUNT} images, after 3 steps{text}"
        assert len(rows) == len(figures)


def test_real_images_come_from_where_they_are(tmp_path, sets, monkeypatch):
    """From GAN_DATA or the run's own file, if they are there; others do not stand for them."""
    for name in PUBLISHED:
        monkeypatch.setenv("GAN_DATA", str(sets["own"]))
        found = load_real(name, say=ignore, beside=str(sets[name]))
        assert (found.path, found.name, found.is_published) == (sets[name], name, True)
        with pytest.raises(UserError, match=f"this needs the real {TITLES[name]}, but .* GAN_DATA"):
            load_real(name, say=ignore, beside=str(tmp_path))
        monkeypatch.setenv("GAN_DATA", str(sets[name]))
        assert load_real(name, say=ignore, beside="synthetic").is_published
        own = load_real(name, str(sets["own"]))  # named by the user
        assert (own.path, own.is_published) == (sets["own"], False)
    monkeypatch.setenv("GAN_DATA", str(tmp_path / "nosuch"))
    with pytest.raises(UserError, match=r"GAN_DATA names .*nosuch.*; correct it"):
        load_real("mnist", say=ignore)


def test_fashion_is_read_from_its_four_files_or_the_download(tmp_path, sets, monkeypatch):
    with np.load(sets["fashion"]) as file:
        parts = [file["x_train"], file["x_test"]]
    cache = download.cache_folder()
    (cache / "fashion-mnist").mkdir(parents=True)
    for name, part, variable in zip(
        ("train", "t10k"), parts, ("FASHION", "FASHION_TEST"), strict=True
    ):
        published = getattr(images, variable)[0]
        assert published == f"fashion-mnist/{name}-images-idx3-ubyte.gz"
        content = gzip.compress(idx(part))
        (cache / published).write_bytes(content)
        digest = "md5:" + hashlib.md5(content).hexdigest()
        monkeypatch.setattr(images, variable, (published, digest, len(content)))
    for source in ("auto", "fashion", str(cache / "fashion-mnist")):
        found = load_real("fashion", source, ignore)
        assert found.is_published
        np.testing.assert_array_equal(found.test[..., 0], parts[1])
    (cache / "fashion-mnist" / "t10k-images-idx3-ubyte.gz").unlink()
    with pytest.raises(UserError, match=r"this needs the real Fashion-MNIST, but .*t10k"):
        load_real("fashion", say=ignore)
