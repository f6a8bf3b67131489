"""Equal trainings give equal bytes, and a script in which they may not is told."""

import keras
import numpy as np
import pytest

from gan.data.batches import Schedule
from gan.data.digits import draw_digits
from gan.designs import build_design
from gan.runs import Run
from gan.support.exact import is_exact
from gan.training.steps import compile_steps


@pytest.mark.parametrize(
    ("name", "steps", "optimizer"),
    [
        pytest.param("d-on-g", 4, keras.optimizers.SGD, marks=pytest.mark.slow),
        ("dcgan", 1, keras.optimizers.Adam),
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


@pytest.mark.usefixtures("quick_runs")
def test_a_script_that_started_tensorflow_otherwise_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("gan.support.exact.is_exact", lambda: False)
    images = draw_digits(8, seed=2)[0][:, 8:20, 8:20]
    design = build_design("dense-sgd", (12, 12, 1), batch_size=8)
    design.train(steps=1, images=images, run=Run("run", tmp_path))
    assert "a resumed run may end with other bytes" in capsys.readouterr().out
