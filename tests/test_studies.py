"""The studies: every row is a training, and what was measured of a run is not measured again."""

import json

import numpy as np
import pytest
import study
from conftest import assert_changed, run_here, weights
from exchanged_nets import ExchangedSGD
from studies import STUDIES, Row
from study_run import StudyRun

from gan import train
from gan.runs.trained import REFERENCE

ROWS = [(name, title, row) for name, each in STUDIES.items() for title, row in each.rows.items()]


@pytest.mark.parametrize(("name", "title", "row"), ROWS, ids=lambda value: str(value)[:20])
def test_every_row_is_a_training(name, title, row):
    design = "dense" if row.script else row.design  # gan.train does not know that of a script
    assert train.parse([design, *row.options.split()]).design == design


@pytest.mark.parametrize("name", STUDIES)
def test_stored_figures_stand_where_the_study_looks_for_them(name):
    if not (path := REFERENCE / STUDIES[name].file).exists():
        return  # a study that is yet to be run
    rows = json.loads(path.read_bytes())
    for key in STUDIES[name].place:
        rows = rows[key]
    assert rows.keys() & STUDIES[name].rows.keys()


def test_a_measurement_counts_until_the_run_is_started_over(small_data, tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_DATA", small_data)
    row = Row("mine", "dcgan", "--epochs 2 --batch-size 64")
    training = StudyRun(row, 1, tmp_path, origin={"commit": "1"})
    assert training.total == 2 * 4
    assert training.arguments(4) == ["dcgan", "--batch-size", "64", "--steps", "4"]
    training.run.folder.mkdir(parents=True)
    training.run.metrics.write_text("step,d_loss\n0,0.5\n1,0.4\n", encoding="utf-8")
    training.remember(2, {"last": 3.0})
    training.remember(2, {"average": 2.0})
    known = {"log": "1,0.4", "commit": "1", "last": 3.0, "average": 2.0}
    assert StudyRun(row, 1, tmp_path).measured(2) == known
    assert StudyRun(row, 1, tmp_path, real="both").measured(2) == {}
    training.run.metrics.write_text("step,d_loss\n0,0.5\n1,0.3\n", encoding="utf-8")
    assert training.measured(2) == {}


def test_rows_that_share_a_run_are_the_same_training():
    """Else the nets and pictures that a study keeps could be those of a longer row."""
    known = {}
    for _, _, row in ROWS:
        assert known.setdefault(row.run, (row.design, row.options)) == (row.design, row.options)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("dense", "--rows", "float64"), "no row 'float64'; choose from float32, bfloat16"),
        (("dense", "--data", "x.npz"), "the study dense trains on MNIST; leave out --data"),
        (("fashion",), "give Fashion-MNIST as --data FILE"),
        (("fashion", "--data", "DATA"), "DATA does not hold the images of Fashion-MNIST"),
    ],
)
def test_bad_input_is_one_line(arguments, message, tmp_path, monkeypatch, capsys):
    data = str(tmp_path / "other.npz")
    np.savez(data, **dict.fromkeys(("x_train", "x_test"), np.zeros((9, 28, 28), np.uint8)))
    arguments, message = (
        [word.replace("DATA", data) for word in arguments],
        message.replace("DATA", data),
    )
    monkeypatch.setattr("sys.argv", ["study.py", *arguments])
    assert run_here(lambda _: study.main()) == 2
    assert capsys.readouterr().err == f"error: {message}\n"


def test_exchanged_nets_train_with_dropout_towards_a_probability():
    design = ExchangedSGD(image_shape=(12, 12, 1))
    images = np.random.default_rng(0).uniform(-1, 1, (4, 12, 12, 1))
    first, second = (design.discriminator(images).numpy() for _ in range(2))
    assert ((first > 0) & (first < 1)).all()
    assert (first != second).all()
    before = weights(design.generator), weights(design.discriminator)
    design.step(images, *np.random.default_rng(1).normal(size=(2, 4, 100)))
    for net, old in zip((design.generator, design.discriminator), before, strict=True):
        assert_changed(old, weights(net))
