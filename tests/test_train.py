"""Training through the real command: what it writes, how it stops, goes on and refuses."""

import csv
import functools
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import redirect_stdout, suppress

import numpy as np
import pytest
import tensorflow as tf
from conftest import REPOSITORY, finish, refusal, run_here, start
from PIL import Image

from gan import train
from gan.cli import progress
from gan.runs import Run

LENGTH = 60


def small_run(root, small_data, *more, design="dense"):
    return (
        *(design, "--root", root, "--data", small_data, "--steps", LENGTH),
        *("--batch-size", 8, "--sample-interval", 25, *more),
    )


@pytest.fixture(scope="module")
def whole_run(quick_runs, tmp_path_factory, small_data):
    """A run that was never stopped, and what it printed."""
    root, out = tmp_path_factory.mktemp("whole"), io.StringIO()
    with redirect_stdout(out):
        assert run_here(train.main, *small_run(root, small_data)) == 0
    return Run("dense", root), out.getvalue()


def test_what_a_run_writes(whole_run, small_data):
    run, out = whole_run
    assert {path.name for path in run.images.iterdir()} == {
        *("0.png", "25.png", "50.png", "final.png", "final-average.png"),
        *("training.gif", "curves.png", "index.html"),
    }
    assert Image.open(run.grid("final")).size == (5 * 28 * 3, 5 * 28 * 3)
    config = json.loads((run.folder / "config.json").read_bytes())
    assert config["recipe"]["batch_size"] == 8
    assert config["recipe"]["beta_1"] == 0.5
    assert config["data"]["source"] == small_data
    rows = list(csv.DictReader(run.metrics.open(encoding="utf-8")))
    assert [int(row["step"]) for row in rows] == list(range(LENGTH))
    assert set(rows[0]) == {"step", "d_loss", "d_accuracy", "g_loss"}
    assert float(rows[0]["d_loss"]) == pytest.approx(np.log(2), abs=0.3)
    assert run.checkpoints.steps() == [LENGTH]
    assert f"trained {LENGTH} steps" in out
    assert "gan.generate --name dense" in out


def test_a_checkpoint_holds_every_variable_and_they_moved(whole_run):
    run, _ = whole_run
    reader = tf.train.load_checkpoint(str(run.checkpoints.path(LENGTH) / "variables"))
    shapes = reader.get_variable_to_shape_map()
    sizes = [int(np.prod(shape)) for name, shape in shapes.items() if name.startswith("variables")]
    weights = 1_489_936 + 533_505
    assert sum(sizes) == 3 * weights + 3_584 + 2  # with Adam's moments, clock and learning rate
    clocks = [reader.get_tensor(name) for name in shapes if name.startswith("variables")]
    assert any(tensor.shape == () and tensor == 3 * LENGTH for tensor in clocks)


def test_two_processes_do_not_train_one_run_and_a_signal_stops_it(tmp_path, small_data, capsys):
    run = Run("dense-sgd", tmp_path)
    endless = functools.partial(small_run, tmp_path, small_data, "--steps", 1_000_000)
    process = start("train", *endless(design="dense-sgd"))
    while process.poll() is None and not (run.images / "index.html").exists():
        time.sleep(0.05)  # the page is there before the first checkpoint
    assert run.checkpoints.steps() == []
    for more in ([], ["--fresh"]):
        command = endless(*more, design="dense-sgd")
        assert f"is being trained by process {process.pid};" in refusal(train.main, *command)
    process.send_signal(signal.SIGTERM)
    code, out, err = finish(process)
    assert (code, err) == (128 + signal.SIGTERM, "")
    [stopped_at] = run.checkpoints.steps()
    assert f"stopped after step {stopped_at:,} of 1,000,000; everything is saved" in out
    assert len(run.metrics.read_text(encoding="utf-8").splitlines()) == 1 + stopped_at
    with run.locked():  # the lock died with it
        pass


SIGNALS = """
import time
from gan.training.endings import stop_signals
with stop_signals() as stopped_by:
    print("ready", flush=True)
    while not stopped_by():
        time.sleep(0.01)
    print("first", flush=True)
    time.sleep(60)
"""


@pytest.mark.slow
def test_a_second_signal_ends_it_at_once():
    command = [sys.executable, "-c", SIGNALS]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    for number in (signal.SIGINT, signal.SIGTERM):
        assert process.stdout.readline() in ("ready\n", "first\n")
        process.send_signal(number)
    assert finish(process, seconds=20)[0] == -signal.SIGTERM


@pytest.mark.usefixtures("quick_runs")
def test_training_outlives_the_reader_of_its_output(tmp_path, small_data, monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    monkeypatch.setattr(progress.CONSOLE, "quiet", False)  # what it becomes must not last
    command = small_run(tmp_path, small_data, "--steps", 5, design="dense-sgd")
    with os.fdopen(writer, "w", encoding="utf-8") as stdout, redirect_stdout(stdout):
        run_here(train.main, *command)
    assert Run("dense-sgd", tmp_path).checkpoints.steps() == [5]


def test_a_terminal_shows_a_live_line(monkeypatch):
    terminal = io.StringIO()
    console = progress._Console(file=terminal, force_terminal=True, width=120, color_system=None)
    monkeypatch.setattr(progress, "CONSOLE", console)
    with progress.Report(3, 10) as report:
        assert "compiling" in report.live.tasks[0].fields["rate"]
        for done in (5, 7):
            report.update(done, {"d_loss": 0.5, "g_loss": 0.75})
    assert re.search("7/10 .* it/s .*d_loss 0.500 g_loss 0.750", terminal.getvalue())


def test_a_terminal_that_is_gone_does_not_end_a_training(monkeypatch):
    def gone(*_, **__):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(progress.CONSOLE, "print", gone)
    progress.say("step 5")


@pytest.mark.usefixtures("quick_runs")
def test_a_run_that_diverges_says_so(tmp_path, small_data, capsys):
    command = small_run(tmp_path, small_data, "--learning-rate", 1e6, design="dense-sgd")
    assert run_here(train.main, *command) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: the training diverged: ")
    assert err.count("\n") == 1


@pytest.mark.slow
@pytest.mark.usefixtures("quick_runs")
def test_tensorboard_gets_the_losses_and_grids(tmp_path, small_data, capsys, monkeypatch):
    command = small_run(tmp_path, small_data, "--steps", 25, "--tensorboard", design="dense-sgd")
    with monkeypatch.context() as patch:
        patch.setattr("importlib.util.find_spec", lambda name: None)
        assert "pip install tensorboard" in refusal(train.main, *command)
    assert list(tmp_path.iterdir()) == []
    assert run_here(train.main, *command) == 0
    run = Run("dense-sgd", tmp_path)
    board = run.folder / "tensorboard"
    whole = points(board)
    names = ("d_loss", "d_accuracy", "g_loss")
    assert sorted(whole) == sorted([(n, s) for n in names for s in (0, 10, 20)] + [("grid", 0)])

    # Killed after its checkpoint, in the middle of the board: what it lacks is written, once.
    [events] = board.iterdir()
    content = events.read_bytes()
    events.write_bytes(content[: len(content) // 2])
    assert 0 < len(points(board)) < len(whole)
    assert run_here(train.main, *command) == 0
    assert sorted(points(board)) == sorted(whole)
    shutil.rmtree(board)
    longer = small_run(tmp_path, small_data, "--steps", 41, "--tensorboard", design="dense-sgd")
    assert run_here(train.main, *longer) == 0
    assert sorted(points(board)) == sorted(
        [(n, s) for n in names for s in range(0, 41, 10)] + [("grid", 0), ("grid", 25)]
    )


def points(board) -> list[tuple[str, int]]:
    """Name and step of each point in the event files of a folder, also of a damaged one."""
    found = []
    for events in board.iterdir():
        with suppress(tf.errors.DataLossError):
            for event in tf.compat.v1.train.summary_iterator(str(events)):
                found += [(value.tag, event.step) for value in event.summary.value]
    return found
