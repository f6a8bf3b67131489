"""A resumed run is equal to one that was never stopped, whatever the design and the reason."""

import functools
import signal
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import contents, finish, in_make_test, run_here, start
from processes import flip, written

from gan import generate, train
from gan.data import load_images
from gan.data.digits import draw_digits
from gan.data.images import RealImages
from gan.designs import DESIGNS
from gan.pictures.gallery import Gallery
from gan.runs import Run, load

# Options and length: an epoch and a bit more, with dcgan's smaller last batch; averages move every
# 20 steps. The grids are named as in each document.
TRAININGS = {
    "dense": ("--batch-size 8 --sample-interval 3", 7, {"0", "3", "6"}),
    "dense-sgd": ("--batch-size 8 --sample-interval 20", 50, {"0", "20", "40"}),
    "d-on-g": ("--batch-size 50 --sample-interval 2", 5, {"0_0", "0_2", "1_0"}),
    "mlp": ("--batch-size 50 --sample-interval 3", 5, {"0", "3"}),
    "dcgan": ("--batch-size 60", 8, {"image_at_epoch_0001"}),
}
OFTEN = ("--checkpoint-seconds", 1e-9)
EVALUATED = ("--evaluate-every", 20)


def the_end_of_steps(cut):
    assert cut.train("--steps", 3) == 0


def a_signal_while_a_grid_is_drawn(cut):
    """The run ends after that call, and says so."""
    draw = Gallery.draw

    def draw_and_signal(gallery, done):
        draw(gallery, done)
        if cut.run.grid("3").exists():
            signal.raise_signal(signal.SIGINT)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Gallery, "draw", draw_and_signal)
        assert cut.train() == 130
    assert "stopped after step 4 of 7; everything is saved" in cut.said()
    assert cut.run.checkpoints.steps() == [4]
    assert not cut.run.grid("final").exists()


def a_kill_that_leaves_a_torn_log(cut):
    the_end_of_steps(cut)
    with cut.run.metrics.open("a", encoding="utf-8") as log:
        log.write("3,0.5,0.5,0.5\n4,0.5")


def damaged_newest_checkpoints(cut):
    """They are skipped, and the user is told."""
    assert cut.train("--steps", 30, *OFTEN) == 0
    checkpoints = cut.run.checkpoints
    _, damaged, newest = checkpoints.steps()
    (checkpoints.path(newest) / "variables.index").unlink()
    flip(next(checkpoints.path(damaged).glob("variables.data*")))
    assert cut.train("--steps", 30) == 0
    assert f"the checkpoint of step {newest} cannot be used" in (said := cut.said())
    assert f"the checkpoint of step {damaged} cannot be used" in said


def a_kill_while_a_checkpoint_is_deleted(cut):
    """Of the checkpoint nothing is left under its own name."""

    def killed(path):
        raise KeyboardInterrupt

    checkpoints = cut.run.checkpoints
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gan.runs.checkpoints.remove", killed)
        assert cut.train(*OFTEN) == 130
    assert all(map(checkpoints.record, checkpoints.steps()))
    assert len(list(checkpoints.folder.glob(".*.tmp.step-*"))) == 1


def python(cut):
    """A part of the training by a script; a run that is loaded keeps its seed."""
    assert cut.train("--steps", 10) == 0
    load(cut.run)[0].train(steps=30, run=cut.run, dataset=load_images(str(cut.data), say=str))


def evaluations(cut):
    """Their log has rows of steps that will run again, and a torn one."""
    assert cut.train("--steps", 30) == 0
    with cut.run.evaluations.open("a", encoding="utf-8") as file:
        file.write("25,other" + ",9" * 7 + "\n26,last" + ",nan" * 7 + "\n")
        file.write("40,last" + ",9" * 7 + "\n40,aver")


def slow(*row):
    return pytest.param(*row, marks=pytest.mark.slow)


REASONS = [
    *(slow(name, the_end_of_steps, ()) for name in DESIGNS),
    ("dense", a_signal_while_a_grid_is_drawn, ()),
    slow("dense", a_kill_that_leaves_a_torn_log, ()),
    ("dense-sgd", damaged_newest_checkpoints, ()),
    ("dense-sgd", a_kill_while_a_checkpoint_is_deleted, ()),
    slow("dense-sgd", python, ("--seed", 3)),  # test_library has the same in fewer steps
    slow("dense-sgd", evaluations, EVALUATED),
]


def everything(run):
    evaluated = run.evaluations.read_bytes() if run.evaluations.exists() else None
    return contents(run) | {"evaluations": evaluated}


@pytest.fixture(scope="module")
def make(quick_runs, tmp_path_factory):
    """Names a run of a design, and trains it when its `train` is called."""
    root = tmp_path_factory.mktemp("resumed")
    images, others = draw_digits(200, seed=1)[0], draw_digits(120, seed=2)[0]
    np.savez(root / "mnist.npz", x_train=images, x_test=others)
    np.savez(root / "small.npz", x_train=images[:, 8:20, 8:20])

    def make(design, name, options):
        settings, length, _ = TRAININGS[design]
        data = root / ("mnist.npz" if options == EVALUATED else "small.npz")
        place = ("--root", root, "--name", name, "--data", data)
        words = (design, *place, *settings.split(), "--steps", length, *options)
        run = functools.partial(run_here, train.main, *words)
        return SimpleNamespace(run=Run(name, root), train=run, data=data)

    return make


@pytest.fixture(scope="module")
def whole(make):
    """The run of a design that nothing befell."""

    @functools.cache
    def train_once(design, options):
        training = make(design, "-".join(["whole", design, *map(str, options)]), options)
        assert training.train() == 0
        return training.run

    return train_once


@pytest.mark.parametrize(("design", "reason", "options"), REASONS)
def test_a_resumed_run_is_equal_to_one_never_stopped(
    make, whole, monkeypatch, capsys, design, reason, options
):
    cut = make(design, f"{design}-{reason.__name__}", options)
    cut.said = lambda: capsys.readouterr().out
    monkeypatch.setenv("GAN_DATA", str(cut.data))  # the drawn digits take the place of MNIST
    monkeypatch.setattr(RealImages, "is_published", True)
    monkeypatch.setattr("gan.training.evaluations.IMAGES_PER_EVALUATION", 100)
    expected = everything(whole(design, options))
    reason(cut)
    cut.said()
    assert cut.train() == 0
    assert "going on after step " in (said := cut.said())
    assert "may differ" not in said
    assert everything(cut.run) == expected


@pytest.mark.parametrize("name", in_make_test("dense", "dense-sgd"))
def test_a_run_has_the_grids_of_its_document_and_can_be_drawn_from(whole, tmp_path, name):
    run, (_, _, grids) = whole(name, ()), TRAININGS[name]
    others = {"final", "final-average", "training", "curves", "index"}
    assert {path.stem for path in run.images.iterdir()} - {"nice"} == grids | others
    npz = tmp_path / "samples.npz"
    sample = ("--root", run.root, "--name", run.name, "--count", 20, "--npz", npz)
    assert run_here(generate.main, *sample, "--nice", "--candidates", 2) == 0
    with np.load(npz) as archive:
        assert archive["images"].shape == (20, 12, 12, 1)
        assert (np.diff(archive["scores"]) <= 0).all()


@pytest.fixture
def busy():
    """Two processes that keep both cores at work."""
    command = [sys.executable, "-c", "while True: sum(range(10**6))"]
    processes = [subprocess.Popen(command) for _ in range(2)]
    yield
    for process in processes:
        process.kill()
        process.wait()


@pytest.mark.slow
@pytest.mark.usefixtures("busy")
@pytest.mark.parametrize(
    ("name", "steps", "options"),
    [
        *((name, 8 if name in ("d-on-g", "dcgan") else 300, ()) for name in DESIGNS),
        *((name, 4, ("--devices", 2)) for name in ("d-on-g", "dcgan")),
    ],
)
def test_in_processes_of_their_own_on_a_busy_machine_too(tmp_path, name, steps, options):
    """At the documents' batch: with several inter-op threads d-on-g gives equal bytes at a batch
    of 50 and other bytes in every run at 128."""
    data = tmp_path / "data.npz"
    np.savez(data, x_train=draw_digits(1000, seed=2)[0])
    for root, length in (("one", steps), ("two", steps // 2 + 1), ("two", steps)):
        place = ("--name", "run", "--root", tmp_path / root, "--data", data)
        code, _, error = finish(start("train", name, *place, "--steps", length, *options))
        assert (code, error) == (0, "")
    assert written(tmp_path / "one") == written(tmp_path / "two")
