"""The project as a library: in a notebook, in a script."""

import importlib
import json
import random
import re
import sys
from importlib.machinery import PathFinder
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from conftest import REPOSITORY, assert_changed, run_here, variables

import gan
from gan.data import load_images
from gan.designs import build_design
from gan.runs import Run, load
from gan.support.errors import UserError
from gan.train import main as train_main

NOTEBOOK = REPOSITORY / "experiments" / "first_gan.ipynb"
SHORTER = {  # what the test of the notebook replaces, each exactly once
    "STEPS = 12_000": "STEPS = 40",
    'run="first-gan"': "run=RUN",
}


def cells():
    found = json.loads(NOTEBOOK.read_bytes())["cells"]
    return [cell for cell in found if cell["cell_type"] == "code"]


def code() -> list[str]:
    return ["".join(cell["source"]) for cell in cells()]


@pytest.mark.slow
@pytest.mark.usefixtures("quick_runs")
def test_the_notebook_runs_from_top_to_bottom(tmp_path, small_data, monkeypatch, capsys):
    monkeypatch.setenv("GAN_DATA", small_data)
    (tmp_path / "experiments").mkdir()
    monkeypatch.chdir(tmp_path / "experiments")
    monkeypatch.setattr(sys, "path", sys.path[:])
    matplotlib.use("Agg")
    names = {"RUN": Run("first-gan", tmp_path)}
    whole = "".join(code())
    assert [whole.count(long) for long in SHORTER] == [1, 1]
    for source in code():
        for long, short in SHORTER.items():
            source = source.replace(long, short)
        exec(source, names)
    names["plt"].close("all")

    # A step changes both nets; in the old code D does not change.
    assert len(names["losses"]) == 40
    nets = names["discriminator"], names["generator"]
    trained = [variable for net in nets for variable in net.trainable_variables]
    before = [variable.numpy() for variable in trained]
    names["train_step"](names["images"][:32])
    assert_changed(before, [variable.numpy() for variable in trained])
    assert "D changed: False Warning: The model does not have" in capsys.readouterr().out

    # The averaged generator, as it is drawn and as it is saved.
    drawn = names["design"].sample(names["noise"], average=True)
    np.testing.assert_allclose(names["plain"](names["noise"]), drawn, atol=1e-5)
    assert (tmp_path / "images" / "first-gan" / "curves.png").exists()
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.glob("*/*")}
    assert left == {"experiments/first-gan", "images/first-gan"}


@pytest.mark.parametrize("folder", [REPOSITORY, NOTEBOOK.parent])
def test_the_notebook_finds_the_project_from_both_folders(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [])
    exec(code()[0].partition("from gan")[0], {})
    found = PathFinder.find_spec("gan", sys.path)
    assert Path(found.origin).resolve() == REPOSITORY / "gan" / "__init__.py"


def test_the_notebook_shows_what_it_gave():
    """Pictures and lines of text; no error, no log message, no path of a machine."""
    outputs = [output for cell in cells() for output in cell["outputs"]]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 8
    assert {output["output_type"] for output in outputs} == {
        "display_data",
        "execute_result",
        "stream",
    }
    assert {output.get("name", "stdout") for output in outputs} == {"stdout"}
    assert [cell["execution_count"] for cell in cells()] == list(range(1, len(cells()) + 1))
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert not re.search(r"/(home|root|tmp|work|Users)/|several operations at a time", text)
    assert len(text) < 1e6


def test_the_notebook_is_short():
    lines = [line.strip() for source in code() for line in source.splitlines()]
    assert sum(bool(line) and not line.startswith("#") for line in lines) <= 90


@pytest.mark.usefixtures("short_runs")
def test_python_and_the_command_give_the_same_bytes_from_one_seed(tmp_path, small_data):
    """Whatever the caller's random state, which stays as it is."""
    random.seed(99)
    before = random.getstate()
    design = build_design("dense-sgd", seed=3, batch_size=8)
    assert random.getstate() == before
    run = Run("python", tmp_path)
    design.train(steps=4, run=run, dataset=load_images(small_data))
    options = ("--name", "command", "--root", tmp_path, "--data", small_data)
    options += ("--seed", 3, "--batch-size", 8, "--steps")
    assert run_here(train_main, "dense-sgd", *options, 4) == 0
    command = Run("command", tmp_path)
    assert variables(command) == variables(run)
    assert command.metrics.read_bytes() == run.metrics.read_bytes()

    with pytest.raises(UserError, match="seed must be a whole number"):
        build_design("dense-sgd", seed=-1)


@pytest.mark.usefixtures("short_runs")
def test_a_run_is_named_by_a_word(tmp_path, monkeypatch):
    monkeypatch.setattr(Run.__init__, "__defaults__", (tmp_path,))  # the repository
    images = np.zeros((8, 12, 12), np.uint8)
    build_design("dense-sgd", (12, 12, 1), batch_size=4).train(steps=2, images=images, run="mine")
    design, steps = load("mine")
    assert (design.name, steps) == ("dense-sgd", 2)
    assert (tmp_path / "images" / "mine" / "final.png").exists()


def test_keras_on_another_backend_is_refused(monkeypatch):
    """No other backend is installed here, so what Keras would say of itself is put in its place."""
    monkeypatch.setattr("keras.config.backend", lambda: "torch")
    with pytest.raises(ImportError, match="Keras already runs on torch here; import gan before"):
        importlib.reload(gan)
