"""What a user's machine brings: keras.json, terminals, homes, closed files, names of files."""

import io
import os
import subprocess
import sys
from contextlib import contextmanager, redirect_stdout

import numpy as np
import pytest
from conftest import REPOSITORY, in_make_test, refusal, run_here

from gan.cli.progress import say
from gan.data.download import cache_folder
from gan.designs import build_design
from gan.evaluation import classifier
from gan.generate import main as generate_main
from gan.layers.plain import plain
from gan.layers.replicas import binary_crossentropy
from gan.runs import Run
from gan.support.errors import UserError
from gan.support.tensorflow import keras, tf
from gan.train import main as train_main

STRICT = {"PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "LC_ALL": "C"}
STRICT["PYTHONIOENCODING"] = "ascii:strict"
SLOW = pytest.mark.slow


@pytest.fixture
def channels_first():
    """A script that has chosen other settings than Keras' defaults."""
    keras.config.set_image_data_format("channels_first")
    keras.config.set_epsilon(0.1)
    yield
    assert (keras.config.image_data_format(), keras.config.epsilon()) == ("channels_first", 0.1)
    keras.config.set_image_data_format("channels_last")
    keras.config.set_epsilon(1e-7)


@contextmanager
def ascii_stdout():
    """A terminal that shows ASCII only; yields its bytes."""
    shown = io.BytesIO()
    with redirect_stdout(io.TextIOWrapper(shown, "ascii", write_through=True)):
        yield shown


# -- keras.json ------------------------------------------------------------------------------------


def computed(name: str) -> list[np.ndarray]:
    """What the nets of a design, and those that it saves, compute."""
    design = build_design(name, (12, 16, 3), batch_size=4)
    random = np.random.default_rng(0)
    noise = random.normal(size=(4, 100)).astype("float32")
    images = random.uniform(-1, 1, (4, 12, 16, 3)).astype("float32")
    nets = (design.generator, noise), (design.discriminator, images)
    return [net(inputs) for own, inputs in nets for net in (own, plain(own))]


@pytest.mark.parametrize("name", in_make_test("d-on-g", "dcgan"))
def test_keras_settings_change_nothing_in_a_design(name, request):
    usual = computed(name)
    request.getfixturevalue("channels_first")
    for mine, others in zip(usual, computed(name), strict=True):
        np.testing.assert_array_equal(mine, others)


@pytest.mark.usefixtures("channels_first")
def test_keras_settings_change_nothing_in_the_losses_and_the_classifier():
    loss = binary_crossentropy(1.0, tf.zeros((1, 1)))
    assert float(loss) == pytest.approx(-np.log(1e-7))
    assert classifier.build_classifier().outputs[0].shape == (None, 64)


def command(*words: object, redirect: str = "", **environment: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of `python WORDS` in a process of its own."""
    shell = ["/bin/sh", "-c", f'exec "$@" {redirect}', "sh", sys.executable, *words]
    kept = {name: value for name, value in os.environ.items() if name != "GAN_DATA"}
    done = subprocess.run(shell, cwd=REPOSITORY, env=kept | environment, capture_output=True)
    return done.returncode, *(os.fsdecode(text) for text in (done.stdout, done.stderr))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "Is a directory"),
        pytest.param("[1]", "'list' object has no attribute 'get'", marks=SLOW),
        pytest.param("[" * 100_000, "maximum recursion depth exceeded", marks=SLOW),
        pytest.param('{"floatx": "float8"}', "Invalid `floatx` configuration", marks=SLOW),
        pytest.param('{"epsilon": 1}', "Invalid `epsilon` configuration", marks=SLOW),
        pytest.param('{"image_data_format": 1}', "Invalid `image_data_format`", marks=SLOW),
    ],
)
def test_a_keras_json_that_keras_cannot_use_is_named(tmp_path, content, reason):
    settings = tmp_path / "keras.json"
    settings.mkdir() if content is None else settings.write_text(content, encoding="utf-8")
    words = ("-m", "gan.generate", "--shipped", "--root", tmp_path, "--out", tmp_path / "a.png")
    code, out, err = command(*words, KERAS_HOME=str(tmp_path))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("error: Keras cannot start with its settings: ")
    assert reason in err
    assert f"correct or delete {settings}" in err
    assert not (tmp_path / "a.png").exists()


# -- terminals and names ---------------------------------------------------------------------------


def test_a_terminal_that_cannot_show_a_text_shows_the_rest():
    with ascii_stdout() as shown:
        assert run_here(lambda _: say("Fotos für 写真 \udcff") or 0) == 0
        assert shown.getvalue() == b"Fotos f?r ?? ?\n"


def test_names_that_are_not_utf_8_are_refused_in_one_line(tmp_path):
    with pytest.raises(UserError, match="its name is not in UTF-8 here; choose another --root"):
        Run("dense", tmp_path / "\udcff")
    assert "no run can be named" in refusal(generate_main, "--name", "\udcff")
    assert "no data 'n\\udcff': give" in refusal(train_main, "dense", "--data", "n\udcff")


@pytest.mark.slow
@pytest.mark.parametrize("environment", [STRICT, {"PYTHONIOENCODING": "utf-8:strict"}])
def test_commands_in_a_strict_terminal(tmp_path, environment):
    data = os.fsencode(tmp_path / "für ") + b"\xff.npz"
    np.savez(os.fsdecode(data), x_train=np.arange(9 * 144, dtype=np.uint8).reshape(9, 12, 12))
    train = ("-m", "gan.train", "dense-sgd", "--steps=2", "--batch-size=8", "--data", data)
    drawn = tmp_path / "写真.png"
    for words in (train, ("-m", "gan.generate", "--out", drawn), ("-m", "gan.generate", "--list")):
        code, out, err = command(*words, "--root", tmp_path, **environment)
        assert (code, err) == (0, "")
        assert "dense-sgd" in out
    assert drawn.exists()


# -- closed files and missing homes ----------------------------------------------------------------

CLOSED = """
import os, sys, gan
from gan.cli.progress import say
with open(sys.argv[1], "w", encoding="utf-8") as file:
    os.write(1, b"of TensorFlow"), os.write(2, b"of TensorFlow"), say("a line")
    sys.stderr.write(sys.stdin.read())
    file.write(str(file.fileno() > 2 and all(map(os.get_inheritable, range(3)))))
"""


def test_what_is_closed_is_opened_on_nothing(tmp_path):
    """Else a file that is opened later gets the number 1 or 2, and all that is logged."""
    assert command("-c", CLOSED, tmp_path / "a", redirect="<&- >&- 2>&-") == (0, "", "")
    assert (tmp_path / "a").read_text(encoding="utf-8") == "True"


@pytest.mark.slow
@pytest.mark.parametrize("redirect", ["2>&-", "<&- >&- 2>&-", ">/dev/full"])
def test_commands_without_input_or_output(tmp_path, small_data, redirect):
    train = ("-m", "gan.train", "dense-sgd", "--steps=2", "--batch-size=8", "--data", small_data)
    drawn = tmp_path / "a.png"
    for words in (train, ("-m", "gan.generate", "--out", drawn)):
        code, out, err = command(*words, "--root", tmp_path, redirect=redirect, PYTHONUNBUFFERED="")
        full = "error: the output cannot be written: No space left on device\n"
        assert (code, err) == ((1, full) if "full" in redirect else (0, ""))
        assert bool(out) == (">" not in redirect.replace("2>", ""))
    assert Run("dense-sgd", tmp_path).checkpoints.steps() == [2]
    assert drawn.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("home", [None, "nowhere", "file", ""])
def test_without_a_home_the_cache_is_in_the_temporary_folder(tmp_path, monkeypatch, home):
    def no_entry(_):
        raise KeyError

    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("pwd.getpwuid", no_entry)
    (tmp_path / "file").touch()
    if home is None:
        monkeypatch.delenv("HOME")
    else:
        monkeypatch.setenv("HOME", home and str(tmp_path / home))
    assert cache_folder() == (tmp_path if home != "" else type(tmp_path)("/")) / ".keras/datasets"


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["module://matplotlib_inline.backend_inline", "agg"])
def test_the_commands_of_a_notebook_start_and_draw_curves(tmp_path, backend):
    """A notebook sets MPLBACKEND to a module of its own Python."""
    script = """
import os, sys
from pathlib import Path
import numpy as np
from gan.support.tensorflow import keras
from gan.pictures.curves import draw_curves
columns = {name: np.ones(9) for name in ("step", "d_loss", "g_loss")}
draw_curves(columns, Path(sys.argv[1]))
print(os.environ["MPLBACKEND"])
"""
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "curves.png"],
        cwd=REPOSITORY,
        env=os.environ | {"MPLBACKEND": backend},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{backend}\n", "")
    assert (tmp_path / "curves.png").exists()
