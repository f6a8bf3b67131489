"""The documents' own code at full length: that a training which was stopped goes on as it was."""

import numpy as np
import pytest
import reproduce_documents
from conftest import run_here

from gan.data.batches import Schedule
from gan.data.digits import draw_digits

LIBRARIES = ("tf_keras", "torch")


def test_designs_are_named_and_a_wrong_name_is_refused(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["reproduce_documents.py", "densee"])
    assert run_here(lambda _: reproduce_documents.main()) == 2
    assert "no document code for 'densee'; choose from dense-sgd, mlp" in capsys.readouterr().err
    # Without a name it is all of them, of which the first is begun.
    monkeypatch.setattr("sys.argv", ["reproduce_documents.py"])
    assert run_here(lambda _: reproduce_documents.main()) == 2
    assert "this needs the real MNIST" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dense", "dense-sgd", "mlp", "d-on-g"])
def test_a_stopped_training_goes_on_to_the_same_images(name, tmp_path, monkeypatch):
    for library in LIBRARIES:
        pytest.importorskip(library, reason=f"{library} comes with `make .venv/experiments`")
    images = (draw_digits(3 * 64, seed=1)[0] / 127.5 - 1).astype("float32")[..., np.newaxis]
    monkeypatch.setattr(reproduce_documents, "EPOCH", 3)
    monkeypatch.setattr(Schedule, "steps_per_epoch", 3)
    drawn = []
    for place, lengths in (("whole", [6]), ("parts", [3, 6])):
        for length in lengths:
            monkeypatch.setattr(Schedule, "total_steps", length)
            document, _ = reproduce_documents.train(name, 0, images, tmp_path / place)
        drawn.append(reproduce_documents.draw(document, 100, "normal"))
    np.testing.assert_array_equal(*drawn)


@pytest.mark.parametrize(("noise", "limit"), [("uniform", 1.0), ("normal", 6.0)])
def test_images_are_drawn_from_the_noise_that_the_document_trains_on(noise, limit):
    class Document:
        batch_size = 128

        def sample(self, vectors):
            seen.append(np.abs(vectors).max())
            return np.zeros((len(vectors), 28, 28, 1), np.float32)

    seen = []
    assert reproduce_documents.draw(Document(), 300, noise).shape == (300, 28, 28, 1)
    assert limit / 2 < max(seen) <= limit
