"""The loop that a reader sees, `gan.training.plain`, and the loop that runs compute the same."""

import itertools

import numpy as np
import pytest
from conftest import built

from gan.data.batches import Schedule
from gan.data.digits import draw_digits
from gan.training import train_plainly
from gan.training.steps import compile_steps

IMAGES = draw_digits(20, seed=2)[0][:, 8:20, 8:20, np.newaxis]
STEPS = 4  # through the end of an epoch, with its smaller batch


@pytest.mark.usefixtures("float64")  # XLA rounds otherwise; images and noise stay float32
@pytest.mark.parametrize(
    ("name", "with_xla"),
    [
        *((name, name == "dense-sgd") for name in ("dense-sgd", "d-on-g", "dcgan")),
        *(
            pytest.param(name, with_xla, marks=pytest.mark.slow)
            for name, with_xla in itertools.product(("dense", "mlp"), (False, True))
        ),
    ],
)
def test_the_plain_loop_computes_what_the_compiled_one_does(name, with_xla):
    options = {"image_shape": (12, 12, 1), "seed": 3, "batch_size": 8, "steps": STEPS}
    design = built(name, **options)
    design.compile_with_xla = with_xla
    before = [variable.numpy() for variable in design.all_variables]
    schedule = Schedule(design.recipe, len(IMAGES), design.seed)
    losses, done = [], 0
    run_steps = compile_steps(design, IMAGES, schedule)
    while done < STEPS:
        end = min(STEPS, schedule.stretch_end(done))
        losses.extend(run_steps(done, end - done))
        done = end
    compiled = [variable.numpy() for variable in design.all_variables]

    design = built(name, **options)  # the same first weights
    for step, figures in train_plainly(design, IMAGES):
        found = [float(figures[loss]) for loss in design.loss_names]
        np.testing.assert_allclose(found, losses[step], atol=1e-4)  # the log is float32
    assert step == STEPS - 1
    for variable, expected, first in zip(design.all_variables, compiled, before, strict=True):
        way = np.abs(expected - first).max()
        np.testing.assert_allclose(variable.numpy(), expected, rtol=0, atol=1e-3 * way + 1e-12)
