"""Equal commands give equal bytes: each design, at its document's batch, on a busy machine.

Smaller batches do not show what this is about: with several inter-op threads d-on-g gives equal
bytes at a batch of 50 and other bytes in every run at 128.
"""

import subprocess
import sys

import keras
import numpy as np
import pytest
from conftest import finish, start
from faults import written

from gan.data.batches import Schedule
from gan.data.digits import draw_digits
from gan.designs import DESIGNS, build_design
from gan.runs import Run
from gan.support.tensorflow import is_exact
from gan.training.steps import compile_steps

BUSY = "while True: sum(range(10**6))"


@pytest.fixture
def busy():
    """Two processes that keep both cores at work."""
    processes = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(2)]
    yield
    for process in processes:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("name", "steps", "optimizer"),
    [
        pytest.param("d-on-g", 4, keras.optimizers.SGD, marks=pytest.mark.slow),
        ("dcgan", 2, keras.optimizers.Adam),
    ],
)
def test_the_steps_of_a_convolutional_design_give_equal_bytes(name, steps, optimizer):
    images = draw_digits(1000, seed=2)[0][..., np.newaxis]
    contents = []
    for others in (0, 9):
        for _ in range(others):  # Keras counts on in their names, which must not matter
            optimizer()
        design = build_design(name)
        run_steps = compile_steps(design, images, Schedule(design.recipe, len(images), seed=0))
        arrays = [run_steps(0, steps), *(variable.numpy() for variable in design.all_variables)]
        contents.append([array.tobytes() for array in arrays])
    assert contents[0] == contents[1]


def test_operations_run_one_at_a_time():
    assert is_exact()


@pytest.mark.slow
@pytest.mark.usefixtures("busy")
@pytest.mark.parametrize("name", DESIGNS)
def test_equal_commands_give_equal_bytes(tmp_path, name):
    assert_equal_runs(tmp_path, name, 8 if name in ("d-on-g", "dcgan") else 300)


@pytest.mark.slow
@pytest.mark.usefixtures("busy")
@pytest.mark.parametrize("name", ["d-on-g", "dcgan"])
def test_equal_commands_give_equal_bytes_on_two_devices(tmp_path, name):
    assert_equal_runs(tmp_path, name, 4, "--devices", 2)


def assert_equal_runs(folder, name, steps, *options):
    """A run in one process, and one in two, write the same variables, log and pictures."""
    data = folder / "data.npz"
    np.savez(data, x_train=draw_digits(1000, seed=2)[0])
    for root, length in (("one", steps), ("two", steps // 2 + 1), ("two", steps)):
        place = ("--name", "run", "--root", folder / root, "--data", data)
        code, _, error = finish(start("train", name, *place, "--steps", length, *options))
        assert (code, error) == (0, "")
    assert written(folder / "one") == written(folder / "two")


@pytest.mark.usefixtures("quick_runs")
def test_a_script_that_started_tensorflow_otherwise_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("gan.training.loop.is_exact", lambda: False)
    images = draw_digits(8, seed=2)[0][:, 8:20, 8:20]
    design = build_design("dense-sgd", (12, 12, 1), batch_size=8)
    design.train(steps=1, images=images, run=Run("run", tmp_path))
    assert "a resumed run may end with other bytes" in capsys.readouterr().out
