"""The experiment on data augmentation: its figures are of new GANs and of all rows."""

from types import SimpleNamespace

import augmentation
import numpy as np
import pytest
from conftest import built

from gan.data.digits import draw_digits
from gan.evaluation import sampling
from gan.layers.seeding import digest


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """Drawn digits in place of MNIST, four training images of each digit."""
    path = tmp_path_factory.mktemp("digits") / "digits.npz"
    images, labels = draw_digits(200, seed=1)
    first = np.concatenate([np.flatnonzero(labels == digit)[:4] for digit in range(10)])
    np.savez(path, y_train=labels[first], y_test=labels[:20])
    images = images.reshape(-1, 28, 28, 1)
    return SimpleNamespace(path=path, train=images[first], test=images[:20])


def test_the_few_images_are_of_their_digit_and_chosen_by_the_seed(digits):
    chosen = augmentation.choose_few(digits, 3, seed=0)
    assert [set(indices // 4) for indices in chosen] == [{digit} for digit in range(10)]
    assert [len(set(indices)) for indices in chosen] == 10 * [3]
    again, other = (augmentation.choose_few(digits, 3, seed) for seed in (0, 1))
    assert np.array_equal(chosen, again)
    assert not np.array_equal(chosen, other)


@pytest.mark.slow
def test_each_gan_begins_with_new_weights_and_takes_its_images_only(digits, short_runs):
    def trained(chosen, seed):
        design = train(np.array(chosen), seed, 1)
        return digest([*design.all_variables, *design.averages])

    images = digits.train.copy()
    train = augmentation.compile_gan(images)
    first = trained([0, 1], 0)
    images[2:] = 0
    train = augmentation.compile_gan(images)
    assert trained([0, 2], 0) != first
    assert trained([0, 1], 0) == first


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Even though")  # tf.data compiles what it calls
def test_a_trial_measures_every_row(digits, short_runs, monkeypatch):
    monkeypatch.setattr(sampling, "CHUNK", 4)
    monkeypatch.setattr(augmentation, "GENERATED", 2)
    monkeypatch.setattr(augmentation, "CANDIDATES", 2)
    rows = {row: augmentation.ROWS[row] for row in ("alone", "both, `--nice`")}
    monkeypatch.setattr(augmentation, "ROWS", rows)
    found = augmentation.measure(digits, lambda *_: built("dense"), 2, seed=1, trial=1)
    assert found["accuracy"].keys() == rows.keys()
    assert all(0 <= right <= 1 for right in found["accuracy"].values())
    assert found["nearest"]["all"] > 1  # untrained: farther than other real images
    table = augmentation.text({"sizes": {"2": [found]}}).splitlines()
    assert len(table) == 2 + len(rows) + len(found["nearest"])
    assert augmentation.text({}) == "Not measured yet."
