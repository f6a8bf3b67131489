"""The averaged generator: what it is the average of, and that the training does not know of it."""

import json

import numpy as np
import pytest
from conftest import refusal, run_here, variables

from gan import evaluate, generate, train
from gan.data.batches import Schedule
from gan.data.digits import draw_digits
from gan.designs import DESIGNS, build_design
from gan.runs import Run, load
from gan.support.errors import UserError
from gan.training.average import STEPS_PER_AVERAGE
from gan.training.steps import compile_steps

FULL_SIZE = draw_digits(600, seed=2)[0][..., np.newaxis]
IMAGES = FULL_SIZE[:, 8:20, 8:20]
SHAPE = IMAGES.shape[1:]


def steps_of(design, images=IMAGES):
    """The compiled steps of `design`, which take the numbers of the first and of the end."""
    schedule = Schedule(design.recipe, len(images), design.seed)
    run_steps = compile_steps(design, images, schedule)

    def run(first, end):
        rows = []
        while first < end:
            part = min(end, schedule.stretch_end(first), first + 100)
            rows.append(run_steps(first, part - first))
            first = part
        return np.concatenate(rows)

    return run


def content(arrays) -> list[bytes]:
    return [np.asarray(array).tobytes() for array in arrays]


@pytest.mark.usefixtures("quick_runs")
def test_it_is_the_mean_of_gs_variables_that_forgets_the_first_ones():
    design = build_design("dense-sgd", SHAPE, batch_size=8)
    run, expected, rows = steps_of(design), [v.numpy() for v in design.generator.variables], []
    np.testing.assert_array_equal(expected[0], design.averages[0])
    for done in range(STEPS_PER_AVERAGE, 4 * STEPS_PER_AVERAGE, STEPS_PER_AVERAGE):
        rows.append(run(done - STEPS_PER_AVERAGE, done))
        decay = min(0.999, (1 + done) / (10 + done)) ** STEPS_PER_AVERAGE
        for mean, variable in zip(expected, design.generator.variables, strict=True):
            mean *= decay
            mean += (1 - decay) * variable.numpy()
    for mean, average in zip(expected, design.averages, strict=True):
        np.testing.assert_allclose(average, mean, rtol=1e-5, atol=1e-7)

    # However the steps are cut into calls, all has the same bytes.
    other = build_design("dense-sgd", SHAPE, batch_size=8)
    run = steps_of(other)
    logs = [run(*part) for part in ((0, 19), (19, 21), (21, 39), (39, 60))]
    assert content([np.concatenate(logs)]) == content([np.concatenate(rows)])
    assert content(other.averages) == content(design.averages)
    assert content(other.all_variables) == content(design.all_variables)


@pytest.mark.parametrize(
    ("name", "batch_size"),
    [
        ("dense-sgd", 8),
        *(pytest.param(name, None, marks=pytest.mark.slow) for name in DESIGNS),
    ],
)
def test_the_training_computes_the_same_bytes_without_it(name, batch_size, request):
    images, shape = FULL_SIZE, (28, 28, 1)
    if batch_size:
        request.getfixturevalue("quick_runs")
        images, shape = IMAGES, SHAPE
    contents = []
    for decay in (0.999, 0):
        design = build_design(name, shape, batch_size=batch_size, average_decay=decay)
        log = steps_of(design, images)(0, STEPS_PER_AVERAGE + 1)
        grid = design.sample(design.grid_noise())
        contents.append(content([log, *design.all_variables, grid]))
        assert len(design.averages) == (len(design.generator.variables) if decay else 0)
    assert contents[0] == contents[1]


@pytest.mark.usefixtures("quick_runs")
@pytest.mark.parametrize("name", ["dense-sgd", "mlp"])
def test_sampling_from_it_uses_the_averages_and_changes_nothing(name):
    design = build_design(name, batch_size=8)
    for average in design.averages:
        average.assign(1.5 * average + 0.01)
    noise = np.random.default_rng(0).normal(size=(8, 100)).astype("float32")
    before = content(design.all_variables)
    last, averaged = design.sample(noise), design.sample(noise, average=True)
    assert content(design.all_variables) == before
    assert not np.array_equal(last, averaged)
    for average, variable in zip(design.averages, design.generator.variables, strict=True):
        variable.assign(average)
    np.testing.assert_array_equal(design.sample(noise), averaged)
    with pytest.raises(UserError, match="average_decay is 0"):
        build_design(name, average_decay=0).sample(noise, average=True)


@pytest.mark.usefixtures("short_runs")
def test_a_run_keeps_it_and_draws_with_it(tmp_path, small_data, capsys, monkeypatch):
    monkeypatch.setattr("gan.training.steps.STEPS_PER_AVERAGE", 2)
    place = ("--name", "run", "--root", tmp_path)
    run = Run("run", tmp_path)

    def train_to(steps, *more):
        options = ("--data", small_data, "--batch-size", 8, "--learning-rate", 0.1, *more)
        options += ("--steps", steps)
        assert run_here(train.main, "dense-sgd", *place, *options) == 0
        return variables(run)

    first = train_to(3)
    assert any(name.startswith("averages/") for name in first)
    final, average = (run.grid(name) for name in ("final", "final-average"))
    assert final.read_bytes() != average.read_bytes()
    assert "final-average.png" in (run.images / "index.html").read_text(encoding="utf-8")

    capsys.readouterr()
    train_to(5, "--average-decay", 0.5)
    assert "average_decay was 0.999, and is 0.5 from here on" in capsys.readouterr().out
    run.results(average=True).write_text("{}", encoding="utf-8")
    assert run_here(generate.main, *place, "--count", 4) == 0
    assert run_here(generate.main, *place, "--count", 4, "--average") == 0
    assert "averaged generator, 5 steps" in capsys.readouterr().out
    assert run.grid("generated").read_bytes() != run.grid("generated-average").read_bytes()

    # Without it all else is the same; what a training kept before goes with --fresh.
    without = {k: v for k, v in first.items() if not k.startswith("averages/")}
    assert train_to(3, "--average-decay", 0, "--fresh") == without
    assert not average.exists()
    assert not run.results(average=True).exists()
    assert "no averaged generator was kept" in refusal(generate.main, *place, "--average")
    assert run_here(evaluate.main, *place, "--average") == 2


@pytest.mark.usefixtures("short_runs")
def test_an_older_run_begins_its_average_where_it_stands(tmp_path, small_data, capsys, monkeypatch):
    monkeypatch.setattr("gan.training.steps.STEPS_PER_AVERAGE", 6)
    options = ("--root", tmp_path, "--data", small_data, "--batch-size", 8)
    assert run_here(train.main, "dense-sgd", *options, "--average-decay", 0, "--steps", 4) == 0
    run = Run("dense-sgd", tmp_path)
    checkpoint = run.checkpoints.path(4) / "checkpoint.json"
    for path in (run.folder / "config.json", checkpoint):
        old = json.loads(path.read_bytes())
        for name in ("average_decay", "precision"):  # younger than the run
            del old.get("config", old)["recipe"][name]
        path.write_text(json.dumps(old), encoding="utf-8")
    [average, *_] = load(run)[0].averages
    np.testing.assert_array_equal(average, load(run)[0].generator.variables[0])
    capsys.readouterr()
    assert run_here(train.main, "dense-sgd", *options, "--steps", 6) == 0
    assert "the average of G's weights begins here" in capsys.readouterr().out
    design, _ = load(run, average=True)
    assert not np.array_equal(design.averages[0], design.generator.variables[0])
    said = refusal(train.main, "dense-sgd", *options, "--steps", 30, "--precision", "bfloat16")
    assert "was started with precision float32, not bfloat16" in said
