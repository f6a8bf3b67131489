"""Nets taken elsewhere, kept checkpoints, and the list of runs, through the real commands."""

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
from conftest import REPOSITORY, run_here
from PIL import Image

from gan import evaluate, export, generate, train
from gan.cli.listing import COLUMNS
from gan.data.digits import draw_digits
from gan.pictures.grid import save_grid
from gan.runs import Run, load
from gan.support.errors import UserError

pytestmark = pytest.mark.usefixtures("short_runs")


@pytest.fixture(scope="module")
def root(short_runs, tmp_path_factory, small_data):
    """`long` has checkpoints of the steps 2, 4 and 9; `short` has the same first 4 steps."""
    root = tmp_path_factory.mktemp("runs")
    for name, *lengths in (("short", 4), ("long", 2, 4, 9)):
        for steps in lengths:
            options = ("--root", root, "--name", name, "--data", small_data, "--batch-size", 8)
            assert run_here(train.main, "dense-sgd", *options, "--steps", steps) == 0
    return root


@pytest.fixture
def copy(root, tmp_path):
    """A copy of the runs, to be changed."""
    return shutil.copytree(root, tmp_path / "copy")


def test_images_of_a_kept_checkpoint(root, tmp_path, capsys):
    """They are those of a run that ended there."""
    drawn = {}
    for name, average in (("short", ()), ("short", ("--average",)), ("long", ("--average",))):
        words = ("--root", root, "--name", name, "--count", 4, *average)
        step = ("--step", 4) if name == "long" else ()
        assert run_here(generate.main, *words, *step, "--npz", tmp_path / "a.npz") == 0
        with np.load(tmp_path / "a.npz") as archive:
            drawn[(name, *average)] = archive["images"]
    assert np.array_equal(drawn["long", "--average"], drawn["short", "--average"])
    capsys.readouterr()

    run = Run("long", root)
    for options in ((), ("--average",), ("--nice",)):
        words = ("--root", root, "--name", "long", "--step", 4, "--count", 4)
        assert run_here(generate.main, *words, *options) == 0
    out = capsys.readouterr().out
    assert "run 'long': dense-sgd, 4 of 9 steps; seed 0" in out
    save_grid(tmp_path / "short.png", drawn["short",], zoom=3)
    pictures = (run.grid("generated-step-4"), tmp_path / "short.png")
    assert np.array_equal(*(np.asarray(Image.open(path)) for path in pictures))
    for name in ("generated-average-step-4", "nice-step-4"):
        assert run.grid(name).exists()
    assert not run.grid("generated").exists()


def test_a_kept_checkpoint_in_python(root):
    design, steps = load(Run("long", root), step=4)
    short, _ = load(Run("short", root))
    assert (steps, load(Run("long", root))[1]) == (4, 9)
    for one, other in zip(design.all_variables, short.all_variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    with pytest.raises(
        UserError, match="run 'long': no checkpoint of step 5; checkpoints: 2, 4, 9"
    ):
        load(Run("long", root), step=5)
    with pytest.raises(UserError, match="the weights that come with the project have none"):
        load("dense", shipped=True, step=5)
    with pytest.raises(UserError, match="no run 'nosuch' in"):
        load(Run("nosuch", root), step=5)


def test_the_checkpoint_that_was_asked_for_or_none(copy, capsys):
    run = Run("long", copy)
    (run.checkpoints.path(4) / "metrics.csv").unlink()
    for main, *more in ((generate.main,), (export.main, "--nets", copy / "nets")):
        capsys.readouterr()
        assert run_here(main, "--root", copy, "--name", "long", "--step", 4, *more) == 2
        captured = capsys.readouterr()
        assert captured.err == (
            "error: run 'long': the checkpoint of step 4 cannot be used: its metrics.csv is "
            "damaged; choose another --step\n"
        )
        assert captured.out == ""
    assert not (copy / "nets").exists()


def test_figures_of_a_kept_checkpoint_are_not_those_of_the_run(copy, tmp_path, capsys):
    (x_train, _), (x_test, _) = draw_digits(300, seed=1), draw_digits(200, seed=2)
    np.savez(tmp_path / "mnist.npz", x_train=x_train, x_test=x_test)
    words = ("--root", copy, "--name", "long", "--data", tmp_path / "mnist.npz", "--count", 100)
    words += ("--against", "mnist")
    run = Run("long", copy)
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("*") if path.is_file()}
    for options in ((), ("--json", tmp_path / "a.json")):
        assert run_here(evaluate.main, *words, "--step", 4, *options) == 0
    assert "dense-sgd, 4 of 9 steps on small.npz; drawing 100 images" in capsys.readouterr().out
    assert json.loads((tmp_path / "a.json").read_bytes())["steps"] == 4
    assert {path: path.stat().st_mtime_ns for path in copy.rglob("*") if path.is_file()} == before
    assert run_here(evaluate.main, *words) == 0
    assert json.loads(run.results(average=False).read_bytes())["steps"] == 9


def generators(page):
    """The generators of the nets on a page."""
    text = re.search(r'type="application/json">(.*?)</script>', page.read_text(encoding="utf-8"))[1]
    return [(*net["generators"], net["length"]) for net in json.loads(text)["nets"]]


def test_nets_and_page_of_a_kept_checkpoint(root, tmp_path, capsys):
    nets, page = tmp_path / "new" / "nets", tmp_path / "other" / "page.html"
    words = ("--root", root, "--name", "long", "--step", 4, "--nets", nets, "--page", page)
    design, _ = load(Run("short", root))
    usual = design.generator.variables
    for average, expected, found in (
        ((), usual, ("last", "averaged")),
        (("--average",), design.averages, ("averaged",)),
    ):
        assert run_here(export.main, *words, *average) == 0
        out = capsys.readouterr().out
        assert f"'long': dense-sgd, 4 of 9 steps; generator: {', '.join(found)}" in out
        assert f"generator.keras ({found[0]}), discriminator.keras" in out
        assert generators(page) == [(*found, "4 of 9 steps")]
        saved = keras.saving.load_model(nets / "generator.keras")
        for mine, variable in zip(saved.variables, expected, strict=True):
            np.testing.assert_array_equal(mine.numpy(), variable.numpy())
        saved = keras.saving.load_model(nets / "discriminator.keras")
        for mine, variable in zip(saved.variables, design.discriminator.variables, strict=True):
            np.testing.assert_array_equal(mine.numpy(), variable.numpy())


def test_each_output_alone(root, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ("--root", root, "--name", "long")
    assert run_here(export.main, *words, "--nets", "nets") == 0
    assert "run 'long': dense-sgd, 9 steps; generator: last\n" in capsys.readouterr().out
    assert run_here(export.main, *words, "--page", "page.html") == 0
    assert {path.name for path in tmp_path.iterdir()} == {"nets", "page.html"}


def table(root, capsys) -> dict[str, list[str]]:
    """What `--list` prints: the texts of each row, by the name of the run, in order."""
    capsys.readouterr()
    assert run_here(generate.main, "--root", root, "--list") == 0
    head, *lines = capsys.readouterr().out.splitlines()
    starts = [head.index(title) for title in COLUMNS]
    ends = [*starts[1:], None]
    rows = [
        [line[start:end].strip() for start, end in zip(starts, ends, strict=True)] for line in lines
    ]
    return {name: row for name, *row in rows}


def test_the_list_of_runs(copy, capsys):
    assert table(copy, capsys) == {
        "short": ["dense-sgd", "4 steps", "finished", "4"],
        "long": ["dense-sgd", "9 steps", "finished", "2 4 9"],
    }
    folder = copy / "experiments"
    (folder / "notes").mkdir()  # no run
    (folder / "README.md").write_text("of the project", encoding="utf-8")
    (folder / "reference").mkdir()
    (folder / "reference" / "config.json").write_text("{}", encoding="utf-8")

    run = Run("long", copy)
    shutil.rmtree(run.checkpoints.path(9))
    (run.checkpoints.path(2) / "variables.index").unlink()
    config = json.loads((folder / "short" / "config.json").read_bytes())
    for name, design, recipe in (("mine", "my-gan", {"width": 3}), ("odd", "dense", {"steps": -1})):
        shutil.copytree(folder / "short", folder / name)
        [checkpoint] = (folder / name).glob("checkpoints/*/checkpoint.json")
        changed = config | {"design": design, "recipe": config["recipe"] | recipe}
        (folder / name / "config.json").write_text(json.dumps(changed), encoding="utf-8")
        record = json.loads(checkpoint.read_bytes()) | {"config": changed}
        checkpoint.write_text(json.dumps(record), encoding="utf-8")
    shutil.copytree(folder / "short", folder / "bad")
    (folder / "bad" / "checkpoints" / "step-00000004" / "checkpoint.json").unlink()
    (folder / "lost" / "checkpoints" / "step-00000001").mkdir(parents=True)
    for name in ("early", "ended"):
        (folder / name).mkdir()
        (folder / name / "lock").write_text("4711\n", encoding="utf-8")
    shutil.copy(folder / "short" / "config.json", folder / "ended")
    with (
        (folder / "early" / "lock").open("rb") as early,
        (folder / "short" / "lock").open("rb") as short,
    ):
        fcntl.flock(early, fcntl.LOCK_EX)
        fcntl.flock(short, fcntl.LOCK_EX)
        found = table(copy, capsys)
    assert found["long"] == [
        "dense-sgd",
        "4 of 9 steps",
        "stopped",
        "4; that of step 2 cannot be used: its variables are missing",
    ]
    script = "4; only the script of this design can load them"
    assert found["mine"] == ["my-gan", "4 steps", "finished", script]
    assert found["early"] == ["", "", "being trained by process 4711", "none yet"]
    assert found["short"][2] == f"being trained by process {os.getpid()}"
    assert found["ended"] == ["dense-sgd", "0 of 4 steps", "stopped", "none"]
    missing = "none; that of step 4 cannot be used: its checkpoint.json is missing or damaged"
    assert found["bad"] == ["dense-sgd", "0 of 4 steps", "damaged", missing]
    assert found["odd"][:3] == ["", "", "damaged"]
    assert "steps must be a whole number" in found["odd"][3]
    assert found["lost"][2] == "damaged"
    assert "lost/config.json is damaged or missing, and no checkpoint" in found["lost"][3]
    assert len(found) == 8


def test_the_list_takes_no_tensorflow(root):
    code = (
        f"import sys; from gan.generate import main; main(['--list', '--root', {str(root)!r}])\n"
        "assert 'tensorflow' not in sys.modules"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == 3


def test_without_a_run_the_list_says_how_to_make_one(tmp_path, capsys):
    assert run_here(generate.main, "--root", tmp_path, "--list") == 0
    out = capsys.readouterr().out
    assert out.startswith(f"no runs in {tmp_path}/experiments; this makes one: ")
    assert out.endswith(f" -m gan.train dense --root {tmp_path}\n")
    assert not list(tmp_path.glob("experiments"))
