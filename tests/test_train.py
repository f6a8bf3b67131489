"""Training through the real command: what it writes, how it stops, goes on and refuses."""

import csv
import functools
import json
import shutil
import signal
import time
from contextlib import suppress

import numpy as np
import pytest
import tensorflow as tf
from conftest import finish, run_here, start, variables
from PIL import Image

from gan import train
from gan.pictures.gallery import Gallery
from gan.runs import Run

LENGTH = 200


def small_run(root, small_data, *more, design="dense"):
    return (
        *(design, "--root", root, "--data", small_data, "--steps", LENGTH),
        *("--batch-size", 8, "--sample-interval", 75, *more),
    )


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory, small_data):
    """A run that was never stopped."""
    root = tmp_path_factory.mktemp("whole")
    code, out, err = finish(start("train", *small_run(root, small_data)))
    assert code == 0, err
    assert err == ""
    return Run("dense", root), out


def contents(run):
    """Bytes of all that a run wrote, but its page, which names it: variables, log, pictures."""
    paths = (run.metrics, *(path for path in run.images.iterdir() if path.name != "index.html"))
    files = {path.name: path.read_bytes() for path in paths}
    return variables(run) | files


def test_what_a_run_writes(whole_run, small_data):
    run, out = whole_run
    assert {path.name for path in run.images.iterdir()} == {
        *("0.png", "75.png", "150.png", "final.png", "final-average.png"),
        *("training.gif", "curves.png", "index.html"),
    }
    assert Image.open(run.grid("final")).size == (5 * 28 * 3, 5 * 28 * 3)
    config = json.loads((run.folder / "config.json").read_text())
    assert config["recipe"]["batch_size"] == 8
    assert config["recipe"]["beta_1"] == 0.5
    assert config["data"]["source"] == small_data
    rows = list(csv.DictReader(run.metrics.open()))
    assert [int(row["step"]) for row in rows] == list(range(LENGTH))
    assert set(rows[0]) == {"step", "d_loss", "d_accuracy", "g_loss"}
    assert float(rows[0]["d_loss"]) == pytest.approx(np.log(2), abs=0.3)
    assert run.checkpoints.steps() == [LENGTH]
    assert f"trained {LENGTH} steps" in out
    assert "gan.generate --name dense" in out


def test_a_checkpoint_holds_every_variable_and_they_moved(whole_run):
    run, _ = whole_run
    reader = tf.train.load_checkpoint(
        str(run.checkpoints.folder / f"step-{LENGTH:08d}" / "variables")
    )
    shapes = reader.get_variable_to_shape_map()
    sizes = [int(np.prod(shape)) for name, shape in shapes.items() if name.startswith("variables")]
    weights = 1_489_936 + 533_505
    assert sum(sizes) == 3 * weights + 3_584 + 2  # with Adam's moments, clock and learning rate
    clocks = [reader.get_tensor(name) for name in shapes if name.startswith("variables")]
    assert any(tensor.shape == () and tensor == 3 * LENGTH for tensor in clocks)


def test_stopping_and_going_on_gives_the_same_bytes(tmp_path, small_data, whole_run, capsys):
    command = small_run(tmp_path, small_data)
    run = Run("dense", tmp_path)
    # The first step compiles for seconds; the signal comes while it or one of the next runs.
    # Checkpoints all the time: one may be of the very step at which the signal stops it.
    process = start("train", *command, "--checkpoint-seconds", 1e-9)
    while process.poll() is None and not run.grid("0").exists():
        time.sleep(0.005)
    process.send_signal(signal.SIGTERM)
    code, out, err = finish(process)
    assert code == 128 + signal.SIGTERM, err
    assert "stopped after step" in out
    stopped_at = run.checkpoints.steps()[-1]
    assert 0 < stopped_at < LENGTH
    assert len(run.metrics.read_text().splitlines()) == 1 + stopped_at
    with run.metrics.open("a") as log:  # as a process killed later may leave it
        log.write(f"{stopped_at},0.5,0.5,0.5\n{stopped_at + 1},0.5")

    assert run_here(train.main, *command) == 0
    assert f"going on after step {stopped_at}" in capsys.readouterr().out
    assert contents(run) == contents(whole_run[0])


def test_two_processes_do_not_train_one_run(tmp_path, small_data, capsys):
    run = Run("dense-sgd", tmp_path)
    endless = functools.partial(small_run, tmp_path, small_data, "--steps", 1_000_000)
    process = start("train", *endless(design="dense-sgd"))
    while process.poll() is None and not (run.images / "index.html").exists():
        time.sleep(0.05)  # the page is there before the first checkpoint
    assert run.checkpoints.steps() == []
    for more in ([], ["--fresh"]):
        command = endless(*more, design="dense-sgd")
        assert run_here(train.main, *command) == 2
        err = capsys.readouterr().err
        assert f"is being trained by process {process.pid};" in err
        assert err.count("\n") == 1
    process.kill()
    finish(process)
    with run.locked():  # the lock died with it
        pass


def test_a_second_signal_ends_it_at_once(tmp_path, small_data):
    process = start("train", *small_run(tmp_path, small_data, "--steps", 100_000))
    run = Run("dense", tmp_path)
    while process.poll() is None and not (run.folder / "lock").exists():
        time.sleep(0.01)
    time.sleep(0.5)  # it compiles now, for seconds
    process.send_signal(signal.SIGINT)
    time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    assert finish(process, seconds=20)[0] == -signal.SIGTERM
    assert run.checkpoints.steps() == []


def test_training_outlives_the_reader_of_its_output(tmp_path, small_data):
    process = start("train", *small_run(tmp_path, small_data, "--steps", 50, design="dense-sgd"))
    process.stdout.close()
    process.wait(timeout=60)
    assert Run("dense-sgd", tmp_path).checkpoints.steps() == [50]


@pytest.mark.usefixtures("quick_runs")
def test_ctrl_c_saves_and_stops(tmp_path, small_data, monkeypatch, capsys):
    """The signal comes while a grid is drawn; the run ends after that call."""
    draw = Gallery.draw
    monkeypatch.setattr(Gallery, "draw", lambda *_: (draw(*_), signal.raise_signal(signal.SIGINT)))
    assert run_here(train.main, *small_run(tmp_path, small_data, design="dense-sgd")) == 130
    assert "stopped after step 1" in capsys.readouterr().out
    assert Run("dense-sgd", tmp_path).checkpoints.steps() == [1]


@pytest.mark.usefixtures("quick_runs")
def test_a_run_that_diverges_says_so(tmp_path, small_data, capsys):
    command = small_run(tmp_path, small_data, "--learning-rate", 1e6, design="dense-sgd")
    assert run_here(train.main, *command) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: the training diverged: ")
    assert err.count("\n") == 1


@pytest.mark.usefixtures("quick_runs")
def test_tensorboard_gets_the_losses_and_grids(tmp_path, small_data, capsys, monkeypatch):
    command = small_run(tmp_path, small_data, "--steps", 25, "--tensorboard", design="dense-sgd")
    with monkeypatch.context() as patch:
        patch.setattr("importlib.util.find_spec", lambda name: None)
        assert run_here(train.main, *command) == 2
    assert "pip install tensorboard" in capsys.readouterr().err
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
        [(n, s) for n in names for s in range(0, 41, 10)] + [("grid", 0)]
    )


def points(board) -> list[tuple[str, int]]:
    """Name and step of each point in the event files of a folder, also of a damaged one."""
    found = []
    for events in board.iterdir():
        with suppress(tf.errors.DataLossError):
            for event in tf.compat.v1.train.summary_iterator(str(events)):
                found += [(value.tag, event.step) for value in event.summary.value]
    return found
