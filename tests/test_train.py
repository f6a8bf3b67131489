"""Training through the real command: what it writes, how it stops, goes on and refuses."""

import csv
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import REPOSITORY, finish, run_here, start, variables
from PIL import Image

from gan import data, train
from gan.designs import build_design
from gan.errors import UserError
from gan.loop import all_variables
from gan.runs import Run

LENGTH = 400


def small_run(root, small_data, *more):
    return (
        *("dense", "--root", root, "--data", small_data, "--steps", LENGTH),
        *("--batch-size", 8, "--sample-interval", 150, *more),
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
    """Bytes of everything a run wrote: each variable, the metrics, each grid."""
    paths = (run.metrics, *run.images.iterdir())
    files = {path.name: path.read_bytes() for path in paths}
    return variables(run) | files


def test_what_a_run_writes(whole_run, small_data):
    run, out = whole_run
    assert {path.name for path in run.images.iterdir()} == {
        *("0.png", "150.png", "300.png", "final.png", "training.gif")
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
    assert run.checkpointed_steps() == [LENGTH]
    assert f"trained {LENGTH} steps" in out
    assert "gan.generate --name dense" in out


def test_a_checkpoint_holds_every_variable_and_they_moved(whole_run):
    run, _ = whole_run
    reader = tf.train.load_checkpoint(str(run.checkpoints / f"step-{LENGTH:08d}" / "variables"))
    shapes = reader.get_variable_to_shape_map()
    sizes = [int(np.prod(shape)) for name, shape in shapes.items() if name.startswith("variables")]
    weights = 1_489_936 + 533_505
    assert sum(sizes) == 3 * weights + 3_584 + 2  # with Adam's moments, clock and learning rate
    clocks = [reader.get_tensor(name) for name in shapes if name.startswith("variables")]
    assert any(tensor.shape == () and tensor == 3 * LENGTH for tensor in clocks)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopping_and_going_on_gives_the_same_bytes(tmp_path, small_data, whole_run, number):
    command = small_run(tmp_path, small_data)
    run = Run("dense", tmp_path)
    # The first step compiles for seconds; the signal comes while it or one of the next runs.
    # Checkpoints all the time: one may be of the very step at which the signal stops it.
    process = start("train", *command, "--checkpoint-seconds", 1e-9)
    while process.poll() is None and not run.grid("0").exists():
        time.sleep(0.005)
    process.send_signal(number)
    code, out, err = finish(process)
    assert code == 128 + number, err
    assert "stopped after step" in out
    stopped_at = run.checkpointed_steps()[-1]
    assert 0 < stopped_at < LENGTH
    assert len(run.metrics.read_text().splitlines()) == 1 + stopped_at

    code, out, err = finish(start("train", *command))
    assert code == 0, err
    assert f"going on after step {stopped_at}" in out
    assert contents(run) == contents(whole_run[0])


def test_rows_and_grids_after_the_last_checkpoint_are_made_again(tmp_path, small_data, whole_run):
    command = small_run(tmp_path, small_data)
    run = Run("dense", tmp_path)
    assert run_here(train.main, *command, "--steps", 130) == 0
    with run.metrics.open("a") as log:
        log.write("130,0.5,0.5,0.5\n131,0.5")  # as a killed process may leave it
    assert run_here(train.main, *command) == 0
    assert contents(run) == contents(whole_run[0])


def test_checkpoints_are_pruned(tmp_path, small_data):
    options = ("--steps", 12, "--checkpoint-seconds", 1e-9)
    assert run_here(train.main, *small_run(tmp_path, small_data, *options)) == 0
    steps = Run("dense", tmp_path).checkpointed_steps()
    assert len(steps) == 3
    assert steps[-1] == 12


def test_a_finished_run_says_so_and_can_be_made_longer_or_begun_anew(
    tmp_path, small_data, capsys, monkeypatch
):
    command = small_run(tmp_path, small_data, "--steps", 10)
    run = Run("dense", tmp_path)
    assert run_here(train.main, *command) == 0
    before = contents(run)
    capsys.readouterr()
    monkeypatch.setattr(sys, "argv", ["train", *map(str, command)])
    assert run_here(train.main, *command) == 0
    out = capsys.readouterr().out
    assert "run 'dense' is finished: it has 10 steps" in out
    assert "--steps 20" in out
    assert contents(run) == before

    assert run_here(train.main, *command, "--steps", 12) == 0
    assert run.checkpointed_steps()[-1] == 12
    stale = run.images / "stale.png"
    stale.write_text("of the old run")
    assert run_here(train.main, *command, "--fresh") == 0
    assert contents(run) == before
    assert not stale.exists()


def test_an_epoch_is_a_pass_through_the_data(tmp_path, small_data):
    command = ("dense", "--root", tmp_path, "--data", small_data, "--epochs", 2)
    assert run_here(train.main, *command, "--batch-size", 20) == 0
    assert Run("dense", tmp_path).checkpointed_steps() == [20]


def test_a_run_keeps_its_data_when_auto_would_mean_another(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(data, "SYNTHETIC_COUNT", 100)
    command = ("dense", "--root", tmp_path, "--batch-size", 8)
    assert run_here(train.main, *command, "--steps", 2) == 0
    assert "NOT MNIST" in capsys.readouterr().err
    assert (
        json.loads((tmp_path / "experiments/dense/config.json").read_text())["data"]["source"]
        == "synthetic"
    )
    other = tmp_path / "other.npz"
    np.savez(other, x_train=np.zeros((50, 28, 28), np.uint8))
    monkeypatch.setenv("GAN_DATA", str(other))
    assert run_here(train.main, *command, "--steps", 4) == 0
    assert run_here(train.main, *command, "--steps", 6, "--data", other) == 2
    assert "was started with the data the built-in digits" in capsys.readouterr().err


def test_data_is_known_by_its_pixels_and_not_by_its_name(tmp_path, small_data, capsys):
    command = ("dense", "--root", tmp_path, "--batch-size", 8)
    moved = tmp_path / "moved.npz"
    moved.write_bytes(Path(small_data).read_bytes())
    assert run_here(train.main, *command, "--steps", 2, "--data", small_data) == 0
    assert run_here(train.main, *command, "--steps", 3, "--data", moved) == 0
    np.savez(moved, x_train=np.zeros((50, 28, 28), np.uint8))
    assert run_here(train.main, *command, "--steps", 4, "--data", moved) == 2
    assert "was started with the data moved.npz (digest" in capsys.readouterr().err


def test_dense_sgd_trains_and_resumes(tmp_path, small_data):
    command = ("dense-sgd", "--root", tmp_path, "--data", small_data, "--batch-size", 8)
    assert run_here(train.main, *command, "--steps", 9, "--name", "whole") == 0
    assert run_here(train.main, *command, "--steps", 4, "--name", "cut") == 0
    assert run_here(train.main, *command, "--steps", 9, "--name", "cut") == 0
    assert contents(Run("whole", tmp_path)) == contents(Run("cut", tmp_path))


def test_seeds_give_other_weights_and_other_batches(tmp_path, small_data):
    first = {}
    for seed in (0, 1):
        options = ("--seed", seed, "--name", f"seed-{seed}", "--steps", 1)
        assert run_here(train.main, *small_run(tmp_path, small_data, *options)) == 0
        run = Run(f"seed-{seed}", tmp_path)
        first[seed] = run.metrics.read_text(), set(variables(run).values())
    assert first[0][0] != first[1][0]
    large = [{value for value in first[seed][1] if len(value) > 10_000} for seed in (0, 1)]
    assert not large[0] & large[1]


@pytest.fixture(scope="module")
def three_checkpoints(tmp_path_factory, small_data):
    """A run of 9 steps with a checkpoint after each call; the newest three are there."""
    root = tmp_path_factory.mktemp("checkpoints")
    options = ("--steps", 9, "--checkpoint-seconds", 1e-9)
    assert run_here(train.main, *small_run(root, small_data, *options)) == 0
    return root


def test_a_damaged_checkpoint_is_skipped_and_said(tmp_path, three_checkpoints, small_data, capsys):
    shutil.copytree(three_checkpoints, tmp_path, dirs_exist_ok=True)
    run = Run("dense", tmp_path)
    whole = contents(run)
    good, damaged, newest = run.checkpointed_steps()
    assert newest == 9
    (run.checkpoints / f"step-{newest:08d}" / "variables.index").unlink()
    data_file = run.checkpoints / f"step-{damaged:08d}" / "variables.data-00000-of-00001"
    with data_file.open("r+b") as file:
        file.seek(data_file.stat().st_size // 2)
        file.write(b"damage")
    assert run_here(train.main, *small_run(tmp_path, small_data, "--steps", 9)) == 0
    out = capsys.readouterr().out
    assert "the checkpoint of step 9 cannot be used" in out
    assert f"the checkpoint of step {damaged} cannot be used" in out
    assert f"going on after step {good}\n" in out
    assert contents(run) == whole

    for step in run.checkpointed_steps():
        (run.checkpoints / f"step-{step:08d}" / "variables.index").write_bytes(b"")
    before = run.metrics.read_bytes()
    assert run_here(train.main, *small_run(tmp_path, small_data, "--steps", 12)) == 2
    err = capsys.readouterr().err
    assert "--fresh starts the run over" in err
    assert err.count("\n") == 1
    assert run.metrics.read_bytes() == before


def test_a_checkpoint_of_other_variables_is_refused(three_checkpoints):
    run = Run("dense", three_checkpoints)
    design = build_design("dense")
    with pytest.raises(UserError, match="of other nets"):
        run.restore_checkpoint(9, design.generator.variables)
    more = [*all_variables(design), keras.Variable(np.zeros(3))]
    with pytest.raises(UserError, match="of other nets"):
        run.restore_checkpoint(9, more)


def test_two_processes_do_not_train_one_run(tmp_path, small_data, capsys):
    run = Run("dense", tmp_path)
    process = start("train", *small_run(tmp_path, small_data, "--steps", 100_000))
    while process.poll() is None and not run.grid("0").exists():
        time.sleep(0.05)
    for more in ([], ["--fresh"]):
        command = small_run(tmp_path, small_data, "--steps", 100_000, *more)
        assert run_here(train.main, *command) == 2
        err = capsys.readouterr().err
        assert f"is being trained by process {process.pid};" in err
        assert err.count("\n") == 1
    process.kill()
    finish(process)
    # The lock died with it. It left no checkpoint, only rows and a grid: the run begins again.
    assert run_here(train.main, *small_run(tmp_path, small_data, "--steps", 3)) == 0
    assert len(run.metrics.read_text().splitlines()) == 4


def test_a_second_signal_ends_it_at_once(tmp_path, small_data):
    process = start("train", *small_run(tmp_path, small_data, "--steps", 100_000))
    run = Run("dense", tmp_path)
    while process.poll() is None and not (run.folder / "lock").exists():
        time.sleep(0.01)
    time.sleep(0.5)  # it compiles now, for seconds
    process.send_signal(signal.SIGTERM)
    time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    assert finish(process, seconds=20)[0] == -signal.SIGTERM
    assert run.checkpointed_steps() == []


def test_training_outlives_the_reader_of_its_output(tmp_path, small_data):
    command = small_run(tmp_path, small_data, "--steps", 50)
    process = start("train", *command)
    process.stdout.close()
    process.wait(timeout=60)
    assert Run("dense", tmp_path).checkpointed_steps() == [50]


@pytest.fixture(scope="module")
def short_run(tmp_path_factory, small_data):
    root = tmp_path_factory.mktemp("short")
    assert run_here(train.main, *small_run(root, small_data, "--steps", 5)) == 0
    return root


def files_of(root):
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


BAD = {
    "unknown design": (["densest"], "invalid choice: 'densest'"),
    "no design": ([], "required: DESIGN"),
    "unknown option": (["dense", "--stepz", "3"], "unrecognized arguments"),
    "negative steps": (["dense", "--steps", "-5"], "a whole number from 1 to 2147483647, not '-5'"),
    "broken steps": (["dense", "--steps", "many"], "not 'many'"),
    "both lengths": (["dense", "--steps", "5", "--epochs", "2"], "not allowed with"),
    "infinite rate": (["dense", "--learning-rate", "inf"], "a number above 0"),
    "rate of NaN": (["dense", "--learning-rate", "nan"], "a number above 0"),
    "negative seed": (["dense", "--seed", "-1"], "from 0 to 2147483647"),
    "missing data": (["dense", "--data", "nowhere.npz"], "no data 'nowhere.npz'"),
    "setting it lacks": (["dense-sgd", "--beta-1", "0.5"], "no setting 'beta_1'"),
    "name out of the folder": (["dense", "--name", "../x"], "no run can be called '../x'"),
    "name of the shipped": (["dense", "--name", "reference"], "no run can be called"),
    "another batch size": (["dense", "--batch-size", "9"], "started with batch_size 8, not 9"),
    "another learning rate": (["dense", "--learning-rate", "0.1"], "learning_rate 0.0002, not 0.1"),
    "an empty name": (["dense", "--name", ""], "must not be empty"),
    "data of one byte": (["dense", "--data", "/dev/null"], "no .npz file, or a damaged one"),
    "too large a batch": (["dense", "--batch-size", "100000"], "from 1 to 65536, not '100000'"),
    "a size for no folder": (["dense", "--image-size", "28"], "goes with --data FOLDER"),
    "a broken size": (["dense", "--image-size", "28x"], "must be as 28 or 32x48"),
    "an order there is not": (["dense", "--order", "backwards"], "must be random or shuffled or"),
    "another seed": (["dense", "--seed", "7"], "started with seed 0, not 7"),
    "another design": (["dense-sgd", "--name", "dense"], "started with design dense"),
    "no time at all": (["dense", "--checkpoint-seconds", "0"], "a number above 0"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_changes_nothing(short_run, small_data, capsys, case):
    arguments, message = BAD[case]
    common = ["--root", short_run, "--batch-size", 8, "--sample-interval", 150]
    if "--data" not in arguments:
        common += ["--data", small_data]
    before = files_of(short_run)
    capsys.readouterr()
    assert run_here(train.main, *common, *arguments) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert files_of(short_run) == before


FAULTS = (
    "root is a file",
    "config is damaged",
    "config is another",
    "metrics are cut",
    "no config",
)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_root_that_will_not_do(tmp_path, small_data, capsys, fault):
    root, message = tmp_path, "--fresh starts the run over"
    if fault == "root is a file":
        root, message = tmp_path / "file", "no folder that runs can lie in"
        root.write_text("")
    else:
        assert run_here(train.main, *small_run(root, small_data, "--steps", 3)) == 0
        run = Run("dense", root)
        if fault == "config is damaged":
            (run.folder / "config.json").write_text('{"design": "dense"')
        elif fault == "config is another":
            (run.folder / "config.json").write_text('{"design": 3, "recipe": [], "data": 5}')
        elif fault == "no config":
            (run.folder / "config.json").unlink()
        else:
            run.metrics.write_text("step,d_loss,d_accuracy,g_loss\n")
    capsys.readouterr()
    assert run_here(train.main, *small_run(root, small_data)) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_bad_input_in_a_process_of_its_own(tmp_path):
    code, out, err = finish(start("train", "dense", "--root", tmp_path, "--data", "nowhere.npz"))
    assert (code, out) == (2, "")
    assert err.startswith("error: no data 'nowhere.npz'")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("module", ["train", "generate"])
def test_help_comes_without_loading_tensorflow(module):
    code = (
        f"import sys; sys.argv = ['x', '--help']\nfrom gan.{module} import main\n"
        "try: main()\nexcept SystemExit: assert 'tensorflow' not in sys.modules"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert f"python -m gan.{module}" in result.stdout
