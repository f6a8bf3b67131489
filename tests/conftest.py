"""What the tests share: small data, a home of their own, the commands as a user runs them."""

import functools
import io
import os
import shutil
from contextlib import redirect_stderr

import numpy as np
import pytest
from PIL import Image
from processes import REPOSITORY, finish, start  # noqa: F401

from gan.cli import run_command
from gan.data import digits, download
from gan.data.digits import draw_digits
from gan.designs import DESIGNS

REAL_MNIST = os.environ.get("GAN_DATA")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), "")

STEPS, BATCH = 6, 32

if "PYTEST_XDIST_WORKER" in os.environ:  # two processes share the cores, and so do their commands
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

from gan.support.tensorflow import keras, tf  # noqa: E402

CPU = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(CPU, 5 * [tf.config.LogicalDeviceConfiguration()])

needs_mnist = pytest.mark.skipif(not REAL_MNIST, reason="GAN_DATA does not name the real MNIST")


@pytest.fixture(autouse=True)
def _own_home(tmp_path, monkeypatch):
    """No test reads or writes the user's cache, or uses the network, or draws 60,000 digits."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("GAN_DATA", raising=False)
    monkeypatch.setattr(download, "ORIGIN", "http://127.0.0.1:9/")  # where nothing listens
    monkeypatch.setattr(digits, "COUNT", 100)


@pytest.fixture(scope="session")
def small_data(tmp_path_factory) -> str:
    """Path of an .npz with 200 drawn digits, as Keras lays MNIST out."""
    path = tmp_path_factory.mktemp("data") / "small.npz"
    images, labels = draw_digits(200, seed=1)
    np.savez(path, x_train=images, y_train=labels)
    return str(path)


def run_here(main, *arguments) -> int:
    """Exit code of a command run in this process, where TensorFlow is loaded already."""
    with pytest.raises(SystemExit) as exit_info:
        run_command(lambda: main([str(argument) for argument in arguments]))
    return exit_info.value.code


def refusal(main, *arguments) -> str:
    """The one line with which a command, run in this process, refuses its arguments."""
    with redirect_stderr(io.StringIO()) as err:
        assert run_here(main, *arguments) == 2
    assert err.getvalue().count("\n") == 1
    return err.getvalue()


@functools.cache
def _built_once(name: str, options: tuple) -> tuple:
    from gan.designs import build_design

    design = build_design(name, **dict(options))
    variables = [*design.all_variables, *design.averages]
    return design, [(variable, variable.numpy()) for variable in variables]


def built(name: str, **options):
    """The design that `build_design` gives, but built once: every call resets its variables.

    Not for a test that needs two of them at once, or changes more than variables.
    """
    design, values = _built_once(name, tuple(options.items()))
    for variable, value in values:
        variable.assign(value)
    return design


@pytest.fixture
def float64():
    """Nets in float64, where equality does not depend on the order of sums."""
    for dtype in ("float64", "float32"):
        keras.config.set_floatx(dtype)
        keras.config.set_dtype_policy(dtype)
        if dtype == "float64":
            yield


def contents(run) -> dict[str, bytes]:
    """Bytes of all that a run wrote, but its page, which names it: variables, log, pictures."""
    paths = (run.metrics, *(path for path in run.images.iterdir() if path.name != "index.html"))
    return variables(run) | {path.name: path.read_bytes() for path in paths}


def draw_nothing(columns, picture, *_):
    Image.new("L", (1, 1)).save(picture)


@pytest.fixture(scope="module")
def quick_runs():
    """Runs without two things that take seconds each: compiling with XLA, and Matplotlib."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gan.dense.GAN.compile_with_xla", False)
        patch.setattr("gan.mlp.MLPGAN.compile_with_xla", False)
        patch.setattr("gan.pictures.gallery.draw_curves", draw_nothing)
        yield


@pytest.fixture(scope="module")
def short_runs(quick_runs):
    """Quick runs of a few steps, which are not compiled, as that takes longer than they do.

    It holds to the end of the file: a test that needs a graph stands before.
    """
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def in_make_test(*quick: str) -> list:
    """All designs; those that are not `quick` are left to `make test-slow`."""
    return [
        name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in DESIGNS
    ]


def weights(model) -> list[np.ndarray]:
    """All weights in order of layers."""
    return [weight for layer in model.layers for weight in layer.get_weights()]


def step_inputs(noises, batch=BATCH, noise_count=None, seed=0) -> list[tuple]:
    """For each of STEPS steps, real images [batch, 28, 28, 1] and `noises` noise arrays."""
    random = np.random.default_rng(seed)
    images = draw_digits(STEPS * batch, seed)[0].reshape(STEPS, batch, 28, 28, 1) / 127.5 - 1
    shape = (noises, noise_count or batch, 100)
    return [(real_images, *random.normal(size=shape)) for real_images in images]


def assert_changed(before, after, none=False):
    """Every array changed, or, with `none`, not one did."""
    changed = [not np.array_equal(a, b) for a, b in zip(before, after, strict=True)]
    assert not any(changed) if none else all(changed)


def variables(run) -> dict[str, bytes]:
    """Bytes of every variable and every average in a run's newest checkpoint."""
    newest, found = run.checkpoints.path(run.checkpoints.steps()[-1]), {}
    for index in newest.glob("*.index"):
        reader = tf.train.load_checkpoint(str(index.with_suffix("")))
        for name in reader.get_variable_to_shape_map():
            if name.startswith("variables/"):
                found[f"{index.stem}/{name}"] = np.asarray(reader.get_tensor(name)).tobytes()
    return found
