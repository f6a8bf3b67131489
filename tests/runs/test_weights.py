"""Weights in half precision: what is stored is what comes back."""

import numpy as np
import pytest
from conftest import REAL_MNIST, needs_mnist
from results import labels

from gan.designs import build_design
from gan.runs import weights
from gan.runs.trained import REFERENCE, SHIPPED_NAMES
from gan.runs.weights import load_weights, save_weights
from gan.support.errors import UserError


def test_weights_come_back_rounded_to_half_precision(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "VALUES_IN_A_FILE", 300_000)
    design, other = (build_design("dense", seed=seed) for seed in (0, 1))
    save_weights(tmp_path, design.net_weights)
    assert len(list(tmp_path.iterdir())) == 7
    load_weights(tmp_path, other.net_weights)
    for ours, theirs in zip(design.net_weights, other.net_weights, strict=True):
        np.testing.assert_array_equal(theirs, ours.numpy().astype(np.float16))


def test_weights_that_are_not_whole_are_refused(tmp_path):
    variables = build_design("dense").net_weights
    with pytest.raises(UserError, match="missing or damaged"):
        load_weights(tmp_path, variables)
    save_weights(tmp_path, variables[:-1])
    with pytest.raises(UserError, match="belong to other nets"):
        load_weights(tmp_path, variables)
    variables[0].assign(variables[0] + 1e6)
    before = (tmp_path / "weights-0.npy").read_bytes()
    with pytest.raises(ValueError, match="too large"):
        save_weights(tmp_path, variables)
    assert (tmp_path / "weights-0.npy").read_bytes() == before
    (tmp_path / "weights-0.npy").write_bytes(b"damaged")
    with pytest.raises(UserError, match="missing or damaged"):
        load_weights(tmp_path, variables)


def test_what_is_shipped_is_small():
    sizes = [path.stat().st_size for path in REFERENCE.rglob("*") if path.is_file()]
    assert max(sizes) < 10e6
    folders = [REFERENCE / name for name in SHIPPED_NAMES]
    assert sum(path.stat().st_size for each in folders for path in each.glob("*.npy")) < 80e6
    assert sum(path.stat().st_size for path in REFERENCE.glob("classifier/*.npy")) < 1e6


@needs_mnist
def test_the_classifier_reads_mnist():
    from gan.data.images import load_mnist
    from gan.evaluation.classifier import classify, load_classifier

    mnist = load_mnist(REAL_MNIST)
    some = slice(None, None, 5)
    _, probabilities = classify(load_classifier(), mnist.test[some])
    assert (probabilities.argmax(axis=1) == labels(mnist)[1][some]).mean() > 0.993
