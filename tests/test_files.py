"""Every file that a run or a command writes is whole or absent."""

import ast
import os
import re
import subprocess
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from conftest import REPOSITORY, built

from gan.cli.options import a_file
from gan.evaluation.archive import archive_of
from gan.evaluation.log import COLUMNS, write_evaluations
from gan.evaluation.sampling import Samples
from gan.layers.plain import save_plain
from gan.pictures.curves import draw_curves
from gan.pictures.grid import save_gif, save_grid, save_images_gif
from gan.pictures.play import write_play_page
from gan.runs.checkpoints import Checkpoints
from gan.runs.weights import save_weights
from gan.support.errors import UserError, disk_errors
from gan.support.files import sweep

IMAGES = np.zeros((4, 12, 12, 1), np.uint8)
NO_TEXT = ("Image", "os", "archive", "npz", "browser")  # whose `open` is of no text file


def write_archive(path):
    with archive_of(path, 4, IMAGES.shape[1:]) as append:
        append(Samples(IMAGES, np.zeros(4, np.float32)))


def write_curves(path):
    columns = dict.fromkeys(("step", "d_loss", "g_loss"), np.ones(3))
    draw_curves(columns, path)


def write_net(path):
    save_plain(path, keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]))


WRITERS = {
    "grid.png": lambda path: save_grid(path, IMAGES),
    "walk.gif": lambda path: save_images_gif(path, IMAGES, zoom=1),
    "training.gif": lambda path: save_gif(path, [path.with_name("0.png")]),
    "curves.png": write_curves,
    "samples.npz": write_archive,
    "evaluations.csv": lambda path: write_evaluations(path, [dict.fromkeys(COLUMNS, 1)]),
    "generator.keras": write_net,
    "weights-0.npy": lambda path: save_weights(path.parent, [keras.Variable(np.zeros(3))]),
    "play.html": lambda path: write_play_page(path, "", [("dense", built("dense"), "", ("last",))]),
}


def full_disk(*_):
    raise OSError(28, "disk full")


@pytest.mark.parametrize("name", WRITERS)
def test_what_cannot_be_written_leaves_the_old_file(tmp_path, monkeypatch, name):
    save_grid(tmp_path / "0.png", IMAGES)
    path = tmp_path / name
    path.write_bytes(b"old")
    with monkeypatch.context() as patch:
        patch.setattr("gan.support.files.sync", full_disk)
        with pytest.raises(OSError, match="disk full"):
            WRITERS[name](path)
    assert path.read_bytes() == b"old"
    assert not list(tmp_path.glob(".*"))
    WRITERS[name](path)
    assert path.read_bytes() != b"old"
    assert not list(tmp_path.glob(".*"))


def test_a_link_stays_and_the_file_that_it_names_is_replaced(tmp_path):
    target, link = tmp_path / "folder" / "target.png", tmp_path / "link.png"
    target.parent.mkdir()
    target.write_bytes(b"old")
    link.symlink_to(target)
    save_grid(link, IMAGES)
    assert link.is_symlink()
    assert target.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(UserError, match="must be a file, but /dev/null is a device"):
        a_file("")("/dev/null")


def test_what_killed_processes_left_is_swept(tmp_path):
    """In a container each process may have the same number, 1."""
    gone = subprocess.Popen(["true"])
    gone.wait()
    for process in (os.getpid(), gone.pid, os.getppid()):
        (tmp_path / f".{process}.tmp.a.png").touch()
    sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [f".{os.getppid()}.tmp.a.png"]


def test_a_closed_pipe_is_no_disk_error():
    with pytest.raises(BrokenPipeError), disk_errors("written", Path()):
        raise BrokenPipeError


def test_a_checkpoint_that_cannot_be_written_is_not_there(tmp_path, monkeypatch):
    (tmp_path / "metrics.csv").write_text("step\n", encoding="utf-8")
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    checkpoints.folder.mkdir()
    design = SimpleNamespace(all_variables=[keras.Variable(np.zeros(3))], averages=[])
    with monkeypatch.context() as patch:
        patch.setattr("gan.support.files.sync", full_disk)
        with pytest.raises(OSError, match="disk full"):
            checkpoints.save(3, design, {}, tmp_path / "metrics.csv")
    assert list(checkpoints.folder.iterdir()) == []
    checkpoints.save(3, design, {}, tmp_path / "metrics.csv")
    assert checkpoints.steps() == [3]


def opens_text(call: ast.Call) -> bool:
    """Whether a call opens a text file without naming the encoding."""
    owner, _, name = ast.unparse(call.func).rpartition(".")
    if name not in ("open", "fdopen", "read_text", "write_text") or owner in NO_TEXT:
        return False
    return not re.search(r"utf-8|'[rwax]b'", ast.unparse(call))


def test_every_text_file_is_read_and_written_as_utf_8():
    """Ruff's PLW1514 sees only calls on what it knows to be a path."""
    folders = [REPOSITORY / name for name in ("gan", "experiments", "tests")]
    for path in [path for folder in folders for path in folder.rglob("*.py")]:
        calls = [
            node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.Call)
        ]
        assert [call.lineno for call in calls if opens_text(call)] == [], path
