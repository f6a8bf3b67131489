"""Digits that one asks for: how they are chosen, and the options of the command."""

import re
import tracemalloc

import numpy as np
import pytest
from conftest import refusal, run_here
from PIL import Image

from gan import generate
from gan.data.digits import draw_digits
from gan.evaluation import labelled, sampling
from gan.evaluation.against import MNIST_DIGESTS, check_digits
from gan.evaluation.labelled import Labelled, choose_digits, label
from gan.evaluation.sampling import Samples
from gan.runs import load
from gan.support.errors import UserError

COUNT, CHUNK = 3000, 64
PARTS = slice(0, 200), slice(200, 300)


@pytest.fixture
def drawn():
    """Images that hold their own number, with digits and probabilities at random."""
    random = np.random.default_rng(0)
    numbers = np.arange(COUNT).reshape(-1, 1, 1, 1)
    labels = random.integers(0, 10, COUNT).astype(np.uint8)
    return Labelled(numbers, numbers.ravel(), labels, random.uniform(0.1, 1, COUNT))


def chunks(drawn, taken=None):
    for first in range(0, COUNT, CHUNK):
        if taken is not None:
            taken.append(first)
        yield Labelled(*(values[first : first + CHUNK] for values in drawn))


def first_of(drawn, digit, each):
    return np.flatnonzero((drawn.labels == digit) & (drawn.probabilities >= 0.9))[:each]


@pytest.mark.parametrize("digits", ["7", "0", "90", "3142"])
@pytest.mark.parametrize("each", [1, 15])
def test_the_first_sure_images_of_each_digit_in_the_order_asked_for(drawn, digits, each):
    taken = []
    found, text = choose_digits(chunks(drawn, taken), digits, each)
    expected = [first_of(drawn, int(digit), each) for digit in digits]
    np.testing.assert_array_equal(found.images.ravel(), np.concatenate(expected))
    np.testing.assert_array_equal(found.scores, np.concatenate(expected))
    needed = [places[-1] + 1 for places in expected]
    assert len(taken) == -(-max(needed) // CHUNK)  # no more than it takes
    numbers = [int(number.replace(",", "")) for number in re.findall(r"in ([\d,]+)", text)]
    assert numbers == needed
    assert text.startswith(f"{len(taken) * CHUNK:,} images drawn: {each} of digit {digits[0]} in ")


def test_too_few_of_a_digit_are_an_error_with_the_numbers(drawn):
    there = len(first_of(drawn, 6, COUNT))
    drawn.labels[drawn.labels == 4] = 5
    choose_digits(chunks(drawn), "6", there)
    message = f"among 3,000 images drawn: {there} of digit 6, 0 of digit 4, and you asked for 35 of"
    assert there < 35 <= len(first_of(drawn, 5, COUNT))
    with pytest.raises(UserError, match=message):
        choose_digits(chunks(drawn), "564", 35)


def test_memory_does_not_grow_with_the_number_of_images_drawn():
    images = np.zeros((1000, 28, 28, 1), np.uint8)

    def many():
        for n in range(300):
            labels = np.full(1000, n == 299, np.uint8)
            labels[0] = 1
            yield Labelled(images.copy(), np.zeros(1000), labels, np.ones(1000))

    tracemalloc.start()
    choose_digits(many(), "1", 300)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5 * images.nbytes  # of 300


def test_labels_are_the_digits_that_the_images_show():
    images, digits = draw_digits(300, seed=0)
    samples = Samples(images[..., np.newaxis], np.arange(300))
    found = list(label([Samples(*(values[part] for values in samples)) for part in PARTS]))
    assert [len(chunk.labels) for chunk in found] == [200, 100]
    labels, probabilities = (np.concatenate([c[n] for c in found]) for n in (2, 3))
    assert (labels.dtype, probabilities.dtype) == (np.uint8, np.float32)
    assert (labels == digits)[probabilities >= 0.9].mean() > 0.9
    np.testing.assert_array_equal(found[1].scores, np.arange(200, 300))


@pytest.fixture(scope="module")
def dense():
    return load("dense", shipped=True)


@pytest.fixture
def _quick(dense, monkeypatch):
    """Commands that load nothing, and draw 250 images at a time."""
    monkeypatch.setattr(generate, "load", lambda trained, average, step: dense)
    monkeypatch.setattr(sampling, "CHUNK", 250)


def arrays(tmp_path, *options):
    path = tmp_path / "a.npz"
    options = ("--root", tmp_path, "--shipped", "--npz", path, *options)
    assert run_here(generate.main, *options) == 0
    with np.load(path) as archive:
        return dict(archive)


@pytest.mark.usefixtures("_quick")
def test_the_command_draws_the_first_of_each_digit(tmp_path, capsys):
    everything = arrays(tmp_path, "--count", "250", "--labels")
    said = "images (250, 28, 28, 1), scores (250,), labels (250,), probabilities (250,)\n"
    assert said in capsys.readouterr().out
    picture = tmp_path / "a.png"
    some = arrays(tmp_path, "--digits", "70", "--count", "3", "--labels", "--out", picture)
    said = capsys.readouterr().out
    sure = everything["probabilities"] >= 0.9
    places = [np.flatnonzero(sure & (everything["labels"] == digit))[:3] for digit in (7, 0)]
    for name, values in some.items():
        expected = everything[name][np.concatenate(places)]
        np.testing.assert_allclose(values, expected, atol=1e-5)
    assert some["labels"].tolist() == [7, 7, 7, 0, 0, 0]
    in_seven, in_zero = (those[-1] + 1 for those in places)
    assert f"250 images drawn: 3 of digit 7 in {in_seven}, of digit 0 in {in_zero}\n" in said
    rows = some["images"].reshape(2, 3, 28, 28).swapaxes(1, 2).reshape(56, 84)
    np.testing.assert_array_equal(np.asarray(Image.open(picture))[::3, ::3], rows)


@pytest.mark.usefixtures("_quick")
def test_a_digit_in_a_grid_has_a_picture_of_its_own_name(tmp_path, monkeypatch, capsys):
    place = ("--root", tmp_path, "--shipped", "--average")
    assert run_here(generate.main, *place, "--digit", "0", "--grid", "2x5") == 0
    assert "250 images drawn: 10 of digit 0 in " in capsys.readouterr().out
    folder = tmp_path / "images" / "shipped-dense"
    with Image.open(folder / "digit-0-average.png") as picture:
        assert picture.size == (5 * 84, 2 * 84)

    monkeypatch.setattr(labelled, "LEAST_LIMIT", 60)
    monkeypatch.setattr(labelled, "LIMIT_PER_IMAGE", 6)
    files = ("--npz", tmp_path / "a.npz", "--separate", tmp_path / "many")
    text = refusal(generate.main, *place, "--digits", "01", "--count", "20", *files)
    assert re.search(r"among 120 images drawn: \d+ of digit 0, \d+ of digit 1, and you", text)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["digit-0-average.png"]


@pytest.mark.parametrize(
    ("data", "is_mnist"),
    [
        ({"source": "mnist", "digest": "x"}, True),
        ({"source": "/a/b.npz", "digest": "x", "published": "mnist"}, True),
        ({"source": "/a/b.npz", "digest": MNIST_DIGESTS[0]}, True),  # of an older version
        ({"source": "/a/b.npz", "digest": "x"}, False),
        ({"source": "/a/mnist", "digest": "x", "published": None}, False),
        ({"source": "synthetic", "digest": "x", "published": None}, False),
        ({"source": "fashion", "digest": "x", "published": "fashion"}, False),
        ({"source": "/a/b.npz", "digest": "x", "published": "fashion"}, False),
    ],
)
def test_only_runs_on_mnist_have_digits(data, is_mnist):
    if is_mnist:
        check_digits(data, "run 'a'")
    else:
        with pytest.raises(
            UserError, match=r"^run 'a' was trained on those; .* choose another run"
        ):
            check_digits(data | {"name": "those"}, "run 'a'")
