"""The project as a library: in a notebook, in a script."""

import importlib
import json
import random
import subprocess
import sys

import pytest
from conftest import REPOSITORY, run_here, variables

import gan
from gan.data import load_images
from gan.designs import build_design
from gan.runs import Run, load
from gan.support.errors import UserError
from gan.train import main as train_main

NOTEBOOK = REPOSITORY / "experiments" / "quickstart.ipynb"


def cells():
    found = json.loads(NOTEBOOK.read_text())["cells"]
    return [cell for cell in found if cell["cell_type"] == "code"]


@pytest.mark.usefixtures("quick_runs")
def test_the_notebook_runs_from_top_to_bottom(tmp_path, small_data, monkeypatch):
    monkeypatch.setenv("GAN_DATA", small_data)
    monkeypatch.chdir(NOTEBOOK.parent)
    monkeypatch.setattr(sys, "path", sys.path[:])
    names = {}
    for cell in cells():
        source = "".join(cell["source"])
        source = source.replace('Run("quickstart")', f'Run("quickstart", {str(tmp_path)!r})')
        exec(source.replace("epochs=3000", "epochs=3"), names)
    assert names["images"].shape == (32, 28, 28, 1)
    assert (tmp_path / "experiments" / "quickstart" / "generator.keras").exists()
    assert (tmp_path / "images" / "quickstart" / "curves.png").exists()


def test_the_notebook_shows_what_it_gave():
    outputs = [output for cell in cells() for output in cell["outputs"]]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 3
    kinds = {output["output_type"] for output in outputs}
    assert kinds <= {"display_data", "execute_result"}  # no error, no chatter


@pytest.mark.usefixtures("quick_runs")
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

    # A run that is loaded keeps its seed.
    load(run)[0].train(steps=6, run=run, dataset=load_images(small_data))
    assert run_here(train_main, "dense-sgd", *options, 6) == 0
    assert variables(command) == variables(run)
    with pytest.raises(UserError, match="seed must be a whole number"):
        build_design("dense-sgd", seed=-1)


def test_keras_on_another_backend_is_refused(monkeypatch):
    """No other backend is installed here, so what Keras would say of itself is put in its place."""
    monkeypatch.setattr("keras.config.backend", lambda: "torch")
    with pytest.raises(ImportError, match="Keras already runs on torch here; import gan before"):
        importlib.reload(gan)


def test_a_script_is_quiet_and_writes_to_its_run_only(tmp_path, small_data):
    script = f"""
from gan.dense import DENSE_SGD, GAN
from gan.runs import Run

gan = GAN(DENSE_SGD)
gan.train(epochs=4, batch_size=8, sample_interval=2, run=Run("mine", {str(tmp_path)!r}))
gan.sample_images(epoch=4, run=Run("mine", {str(tmp_path)!r}))
print(gan.generator(gan.generator.inputs[0]).shape)
"""
    command = [sys.executable, "-c", script]
    environment = {"PATH": "", "GAN_DATA": small_data, "PYTHONPATH": str(REPOSITORY)}
    environment["HOME"] = environment["KERAS_HOME"] = str(tmp_path / "home")
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[-1] == "(None, 28, 28, 1)"
    assert all(line.startswith("step ") for line in lines[:-1])
    assert {path.name for path in tmp_path.iterdir()} == {"experiments", "images", "home"}
    assert {path.name for path in (tmp_path / "images").iterdir()} == {"mine"}
