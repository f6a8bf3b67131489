"""The documents' own code at full length: that a training which was stopped goes on as it was."""

import numpy as np
import pytest
import reproduce_documents
from conftest import run_here

from gan.data.batches import Schedule
from gan.data.digits import draw_digits
from gan.designs import find_recipe

LIBRARIES = ("tf_keras", "torch")


def test_a_wrong_name_is_refused(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["reproduce_documents.py", "densee"])
    assert run_here(lambda _: reproduce_documents.main()) == 2
    assert "no document code for 'densee'; choose from dense-sgd, mlp" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dense", "dense-sgd", "mlp", "d-on-g"])
def test_a_stopped_training_goes_on_to_the_same_images(name, tmp_path, monkeypatch):
    for library in LIBRARIES:
        pytest.importorskip(library, reason=f"{library} comes with `make .venv/experiments`")
    count = 3 * find_recipe(name).batch_size  # a pass of three steps, as each save ends a pass
    images = (draw_digits(count, seed=1)[0] / 127.5 - 1).astype("float32")[..., np.newaxis]
    monkeypatch.setattr(reproduce_documents, "EPOCH", 3)
    monkeypatch.setattr(reproduce_documents, "EPOCHS", {"d-on-g": 2})
    monkeypatch.setattr(Schedule, "steps_per_epoch", 3)
    drawn = []
    for place, lengths in (("whole", [9]), ("parts", [3, 9])):
        for length in lengths:
            monkeypatch.setattr(Schedule, "total_steps", length)
            document, steps = reproduce_documents.train(name, 0, images, tmp_path / place)
        assert steps == (6 if name == "d-on-g" else 9)
        drawn.append(reproduce_documents.draw(name, document, 100))
    np.testing.assert_array_equal(*drawn)


@pytest.mark.parametrize(("name", "limit"), [("d-on-g", 1.0), ("dense", 6.0)])
def test_images_are_drawn_from_the_noise_that_the_document_trains_on(name, limit):
    class Document:
        batch_size = 128

        def sample(self, vectors):
            seen.append(vectors)
            return np.zeros((len(vectors), 28, 28, 1), np.float32)

    seen = []
    assert reproduce_documents.draw(name, Document(), 300).shape == (300, 28, 28, 1)
    vectors = np.concatenate(seen)
    assert limit / 2 < vectors.max() <= limit
    assert -limit <= vectors.min() < -limit / 2
