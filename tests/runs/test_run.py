"""A run's folder: begun, gone on with, made longer, begun anew, refused."""

import errno
import fcntl
import functools
import json
import os
import platform
import shutil
import subprocess
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import REPOSITORY, contents, refusal, run_here, variables
from PIL import Image
from test_train import small_run as dense_run

from gan import train
from gan.data import images as data
from gan.designs import build_design
from gan.runs import Run, find_runs, load
from gan.runs.checkpoints import Checkpoints
from gan.runs.lock import holder, locked
from gan.support import exact
from gan.support.errors import UserError

pytestmark = pytest.mark.usefixtures("short_runs")


small_run = functools.partial(dense_run, design="dense-sgd")  # the quickest to trace and to save


def test_a_finished_run_says_so_and_can_be_made_longer_or_begun_anew(
    tmp_path, small_data, capsys, monkeypatch
):
    command = small_run(tmp_path, small_data, "--steps", 10)
    run = Run("dense-sgd", tmp_path)
    assert run_here(train.main, *command) == 0
    before = contents(run)
    capsys.readouterr()
    monkeypatch.setattr(sys, "argv", ["train", *map(str, command)])
    assert run_here(train.main, *command) == 0
    out = capsys.readouterr().out
    assert "run 'dense-sgd' is finished: it has 10 steps" in out
    assert "--steps 20" in out
    assert "--steps 10 --fresh" in out
    assert contents(run) == before

    assert run_here(train.main, *command, "--steps", 12) == 0
    assert run.checkpoints.steps()[-1] == 12
    stale = run.images / "stale.png", run.evaluations
    for path in stale:
        path.write_text("of the old run", encoding="utf-8")
    mine = run.images / "photo.jpg"
    mine.write_text("of the user", encoding="utf-8")
    capsys.readouterr()
    assert run_here(train.main, *command, "--fresh") == 0
    assert "starting over; the run had 12 steps" in capsys.readouterr().out
    mine.unlink()
    assert contents(run) == before
    assert not any(path.exists() for path in stale)


def test_pictures_that_are_not_of_a_run_stay(tmp_path, small_data, capsys):
    """Neither data in a run's own folder nor other pictures there may go by --fresh."""
    photos = tmp_path / "images" / "dense-sgd"
    photos.mkdir(parents=True)
    for index in range(4):
        Image.fromarray(np.full((16, 16), index, np.uint8)).save(photos / f"mine-{index}.png")
    options = ("--root", tmp_path, "--steps", 2, "--batch-size", 4, "--fresh")
    assert "where the run writes" in refusal(train.main, "dense-sgd", *options, "--data", photos)
    assert run_here(train.main, "dense-sgd", *options, "--data", small_data) == 0
    assert {f"mine-{index}.png" for index in range(4)} < {path.name for path in photos.iterdir()}


def test_a_log_that_is_not_as_it_was_written_ends_the_run(
    tmp_path, small_data, monkeypatch, capsys
):
    """And nothing is lost: the last checkpoint has the rows until then."""
    run = Run("dense-sgd", tmp_path)
    command = ("dense-sgd", "--root", tmp_path, "--data", small_data, "--batch-size", 8)
    assert run_here(train.main, *command, "--steps", 3) == 0
    begin = Run.begin

    def begin_and_empty_the_log(*arguments):
        begin(*arguments)
        os.truncate(run.metrics, 0)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "begin", begin_and_empty_the_log)
        assert run_here(train.main, *command, "--steps", 5) == 1
    err = capsys.readouterr().err
    assert "metrics.csv: the file is damaged; the checkpoint of step 3 is complete" in err
    assert run_here(train.main, *command, "--steps", 5) == 0
    rows = run.metrics.read_text(encoding="utf-8").splitlines()[1:]
    assert [int(row.split(",")[0]) for row in rows] == [0, 1, 2, 3, 4]


def test_an_epoch_is_a_pass_through_the_data(tmp_path, small_data):
    command = ("dense-sgd", "--root", tmp_path, "--data", small_data, "--epochs", 2)
    assert run_here(train.main, *command, "--batch-size", 50) == 0
    assert Run("dense-sgd", tmp_path).checkpoints.steps() == [8]


def test_a_run_says_that_it_goes_on_with_other_cores_or_versions(
    tmp_path, small_data, monkeypatch, capsys
):
    command = ("dense-sgd", "--root", tmp_path, "--data", small_data, "--batch-size", 8)

    def go_on(steps):
        assert run_here(train.main, *command, "--steps", steps) == 0
        return capsys.readouterr().out

    go_on(2)
    used, versions = exact.cores(), f"python {platform.python_version()}, tensorflow "
    monkeypatch.setattr(exact, "cores", lambda: used + 1)
    monkeypatch.setattr(platform, "python_version", lambda: "3.99")
    out = go_on(3)
    assert f"the run used {used} core(s), and uses {used + 1}; its bytes may differ" in out
    assert f"the run began with {versions}{tf.__version__}" in out

    path = tmp_path / "experiments" / "dense-sgd" / "config.json"
    older = json.loads(path.read_bytes())
    assert older.pop("cores") == used + 1
    path.write_text(json.dumps(older), encoding="utf-8")
    assert "may differ" not in go_on(4)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs Linux")
def test_cores_are_those_that_tensorflow_uses(monkeypatch):
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert exact.cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)
    assert exact.cores() == len(allowed)
    monkeypatch.delattr(os, "sched_getaffinity")  # macOS
    assert exact.cores() == os.cpu_count()
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "7")
    assert exact.cores() == 7


def test_a_run_keeps_its_data_when_auto_would_mean_another(tmp_path, monkeypatch, capsys):
    command = ("dense-sgd", "--root", tmp_path, "--batch-size", 8)
    assert run_here(train.main, *command, "--steps", 2) == 0
    assert "NOT MNIST" in capsys.readouterr().err
    assert (
        json.loads((tmp_path / "experiments/dense-sgd/config.json").read_bytes())["data"]["source"]
        == "synthetic"
    )
    other = tmp_path / "other.npz"
    np.savez(other, x_train=np.zeros((50, 28, 28), np.uint8))
    monkeypatch.setenv("GAN_DATA", str(other))
    capsys.readouterr()
    assert run_here(train.main, *command, "--steps", 4) == 0
    assert (
        "the run still uses the built-in digits, not GAN_DATA's images; --fresh"
        in capsys.readouterr().out
    )
    said = refusal(train.main, *command, "--steps", 6, "--data", other)
    assert "was started with the data the built-in digits" in said
    np.savez(other, x_train=data.load_images("synthetic").images[..., 0])
    assert run_here(train.main, *command, "--steps", 6) == 0
    monkeypatch.setenv("GAN_DATA", "auto")
    assert run_here(train.main, *command, "--steps", 8) == 0
    out = capsys.readouterr().out
    assert "not GAN_DATA's images" not in out
    assert "downloading" not in out


def test_data_that_is_gone_is_said_and_nothing_is_put_in_its_place(tmp_path, monkeypatch, capsys):
    mine = tmp_path / "mine.npz"
    np.savez(mine, x_train=np.zeros((50, 28, 28), np.uint8))
    command = ("dense-sgd", "--root", tmp_path, "--batch-size", 8)
    assert run_here(train.main, *command, "--steps", 2, "--data", mine) == 0
    mine.rename(tmp_path / "moved.npz")
    err = refusal(train.main, *command, "--steps", 4)
    assert f"was started with mine.npz, which is not at {mine} any more; if it has moved" in err
    assert "--fresh" not in err
    moved = tmp_path / "moved.npz"  # known by its pixels, not by its name
    assert run_here(train.main, *command, "--steps", 4, "--data", moved) == 0
    moved.rename(tmp_path / "again.npz")
    monkeypatch.setenv("GAN_DATA", str(tmp_path / "again.npz"))
    assert run_here(train.main, *command, "--steps", 6) == 0


def test_a_look_at_the_lock_does_not_refuse_a_training(tmp_path, monkeypatch):
    """`holder` takes the lock for an instant: here until the training waits for it."""
    look = (tmp_path / "lock").open("a+", encoding="utf-8")
    fcntl.flock(look, fcntl.LOCK_SH)
    sleep = lambda seconds: look.close() if seconds else None  # noqa: E731
    monkeypatch.setattr("gan.runs.lock.time.sleep", sleep)
    with locked(tmp_path):
        assert holder(tmp_path) == str(os.getpid())
    assert holder(tmp_path) is None


def test_a_file_system_without_locks_is_refused(tmp_path, small_data, monkeypatch, capsys):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", no_locks)
    said = refusal(train.main, *small_run(tmp_path, small_data, "--steps", 2))
    assert "cannot be locked: No locks available; choose another --root" in said


def test_a_run_that_prunes_its_checkpoints_is_found(three_checkpoints, monkeypatch):
    """Between the listing and the look at its age, the newest checkpoint may be deleted."""
    steps = Checkpoints.steps
    monkeypatch.setattr(Checkpoints, "steps", lambda self: [*steps(self), 99])
    assert [run.name for run in find_runs(three_checkpoints)] == ["dense-sgd"]


def test_variables_of_another_checkpoint_are_refused(tmp_path, three_checkpoints):
    """They are sound by themselves, so only the digest in checkpoint.json tells."""
    root = shutil.copytree(three_checkpoints, tmp_path / "copy")
    run = Run("dense-sgd", root)
    *_, older, newest = run.checkpoints.steps()
    for path in run.checkpoints.path(older).glob("variables.*"):
        shutil.copyfile(path, run.checkpoints.path(newest) / path.name)
    design = build_design("dense-sgd", batch_size=8)
    with pytest.raises(UserError, match="its variables are damaged"):
        run.checkpoints.restore(newest, design, run.config())

    # A whole checkpoint, of another run or under the name of another step.
    with pytest.raises(UserError, match="it belongs to another step or run"):
        run.checkpoints.restore(older, design, run.config() | {"seed": 5})
    run.checkpoints.path(older).rename(run.checkpoints.path(99))
    with pytest.raises(UserError, match="it belongs to another step or run"):
        run.checkpoints.restore(99, design, run.config())


def test_what_was_never_trained_is_not_loaded(tmp_path, three_checkpoints, monkeypatch):
    with pytest.raises(UserError, match="no run 'nosuch' in"):
        load(Run("nosuch", tmp_path))
    empty = shutil.copytree(three_checkpoints, tmp_path / "empty")
    shutil.rmtree(empty / "experiments/dense-sgd/checkpoints")
    with pytest.raises(UserError, match="run 'dense-sgd' has no checkpoint"):
        load(Run("dense-sgd", empty))
    with pytest.raises(UserError, match="no weights 'nosuch' come with the project; there"):
        load("nosuch", shipped=True)
    design, steps = load("dense", shipped=True)
    assert (design.name, steps) == ("dense", 30_000)
    best, steps = load("best", shipped=True)
    assert (best.name, steps, best.recipe.batch_size) == ("dense", 60_000, 128)
    assert not np.array_equal(design.averages[0], design.generator.variables[0])
    # Without an average of its own, its average is what was loaded, not the first weights.
    monkeypatch.setattr("gan.runs.trained.has_average", lambda *_: False)
    design, _ = load("dense", shipped=True)
    np.testing.assert_array_equal(design.averages[0], design.generator.variables[0])


def test_seeds_give_other_weights_and_other_batches(tmp_path, small_data):
    first = {}
    for seed in (0, 1):
        options = ("--seed", seed, "--name", f"seed-{seed}", "--steps", 1)
        assert run_here(train.main, *small_run(tmp_path, small_data, *options)) == 0
        run = Run(f"seed-{seed}", tmp_path)
        first[seed] = run.metrics.read_text(encoding="utf-8"), set(variables(run).values())
    assert first[0][0] != first[1][0]
    large = [{value for value in first[seed][1] if len(value) > 10_000} for seed in (0, 1)]
    assert not large[0] & large[1]


@pytest.fixture(scope="module")
def three_checkpoints(short_runs, tmp_path_factory, small_data):
    """A run of 9 steps with a checkpoint after each call; the newest three are there."""
    root = tmp_path_factory.mktemp("checkpoints")
    options = ("--steps", 9, "--checkpoint-seconds", 1e-9)
    assert run_here(train.main, *small_run(root, small_data, *options)) == 0
    return root


def test_checkpoints_are_pruned(three_checkpoints):
    steps = Run("dense-sgd", three_checkpoints).checkpoints.steps()
    assert (len(steps), steps[-1]) == (3, 9)


def test_without_a_sound_checkpoint_nothing_is_changed(
    tmp_path, three_checkpoints, small_data, capsys
):
    shutil.copytree(three_checkpoints, tmp_path, dirs_exist_ok=True)
    run = Run("dense-sgd", tmp_path)
    for step in run.checkpoints.steps():
        (run.checkpoints.folder / f"step-{step:08d}" / "variables.index").write_bytes(b"")
    before = run.metrics.read_bytes()
    said = refusal(train.main, *small_run(tmp_path, small_data, "--steps", 12))
    assert "--fresh starts the run over" in said
    assert run.metrics.read_bytes() == before


def test_unsound_later_checkpoints_do_not_push_out_sound_ones(
    tmp_path, three_checkpoints, small_data
):
    shutil.copytree(three_checkpoints, tmp_path, dirs_exist_ok=True)
    run = Run("dense-sgd", tmp_path)
    for step in (100, 200, 300):
        run.checkpoints.path(step).mkdir()
    assert run_here(train.main, *small_run(tmp_path, small_data, "--steps", 12)) == 0
    assert {9, 12} < set(run.checkpoints.steps())


def test_a_checkpoint_of_other_variables_is_refused(three_checkpoints):
    run = Run("dense-sgd", three_checkpoints)
    design = build_design("dense-sgd")
    more = [*design.all_variables, keras.Variable(np.zeros(3))]
    for others in (design.generator.variables, more):
        other = SimpleNamespace(all_variables=others, averages=[])
        with pytest.raises(UserError, match="belong to other nets"):
            run.checkpoints.restore(9, other, run.config())


@pytest.mark.parametrize("module", ["train", "generate", "export", "evaluate"])
def test_help_comes_without_loading_tensorflow(module):
    code = (
        f"import sys; sys.argv = ['x', '--help']\nfrom gan.{module} import main\n"
        "try: main()\nexcept SystemExit: assert 'tensorflow' not in sys.modules"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert f"python -m gan.{module}" in result.stdout


def test_help_of_a_design_shows_its_own_settings(capsys):
    assert run_here(train.main, "dcgan", "--name", "dense", "--help") == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "(default: 256)" in text
    assert (
        "--dropout N share of D's activations that are set to 0 in training (default: 0.3)" in text
    )
    assert "--momentum" not in text
