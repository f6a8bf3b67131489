"""How `gan` starts TensorFlow in a script of the user: quietly and exactly, and nothing else."""

import os
import re
import subprocess
import sys

import pytest
from conftest import REPOSITORY

from gan.support.tensorflow import set_xla_flags, tf

OURS = ("TF_CPP_MIN_LOG_LEVEL", "TF_NUM_INTEROP_THREADS", "KERAS_BACKEND", "XLA_FLAGS")


def run(script: str, folder=REPOSITORY, **environment: str) -> tuple[str, str]:
    """What a script prints on stdout and on stderr."""
    kept = {name: value for name, value in os.environ.items() if name not in OURS}
    environment = kept | {"PYTHONPATH": str(REPOSITORY)} | environment
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def slow(*values: object):
    return pytest.param(*values, marks=pytest.mark.slow)


IS_EXACT = "\nfrom gan.support.exact import is_exact\nprint(is_exact())"
COMPUTE = "import keras\nkeras.random.normal((2, 100))\n"


@pytest.mark.parametrize(
    ("script", "environment", "exact"),
    [
        slow("from gan.designs import build_design\n" + COMPUTE, {}, True),
        slow(COMPUTE + "import gan", {}, False),  # too late
        slow("import keras\nimport gan\nkeras.random.normal((2, 100))", {}, True),
        slow("import gan\n" + COMPUTE, {"TF_NUM_INTEROP_THREADS": "2"}, False),  # the user's wish
    ],
)
def test_a_script_is_exact_if_gan_comes_before_the_first_computation(script, environment, exact):
    assert run(script + IS_EXACT, **environment)[0] == f"{exact}\n"


def test_what_the_user_has_set_stays_but_the_backend():
    mine = {name: "1" for name in OURS} | {"XLA_FLAGS": "", "KERAS_BACKEND": "torch"}
    script = f"import gan, os\nprint([os.environ[name] for name in {OURS}])"
    assert run(script, **mine)[0] == "['1', '1', 'tensorflow', '']\n"


def test_xla_flags_are_set_only_while_xla_reads_them(monkeypatch):
    seen = []
    monkeypatch.setattr(tf, "function", lambda *_, **__: lambda _: seen.append(dict(os.environ)))
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    set_xla_flags.__wrapped__()
    assert "region_analysis=true" in seen[0]["XLA_FLAGS"]
    assert "XLA_FLAGS" not in os.environ
    monkeypatch.setenv("XLA_FLAGS", "--mine")
    set_xla_flags.__wrapped__()
    assert (len(seen), os.environ["XLA_FLAGS"]) == (1, "--mine")


def test_a_script_is_quiet_and_writes_to_its_run_only(tmp_path, small_data):
    run_of = f"Run('mine', {str(tmp_path)!r})"
    script = f"""
from gan.dense import DENSE_SGD, GAN
from gan.runs import Run

GAN.compile_with_xla = False  # which takes seconds
gan = GAN(DENSE_SGD)
gan.train(epochs=4, batch_size=8, sample_interval=2, run={run_of})
gan.sample_images(epoch=4, run={run_of})
print(gan.generator(gan.generator.inputs[0]).shape)
"""
    home = str(tmp_path / "home")
    out, err = run(script, tmp_path, GAN_DATA=small_data, HOME=home, KERAS_HOME=home)
    first, *lines, last = out.splitlines()
    assert first == "here an epoch is a step: 4 of 8 images, 32 images in all"
    assert (last, err) == ("(None, 28, 28, 1)", "")
    assert all(line.startswith("step ") for line in lines)
    assert {path.name for path in tmp_path.iterdir()} == {"experiments", "images", "home"}
    assert {path.name for path in (tmp_path / "images").iterdir()} == {"mine"}


@pytest.mark.slow
def test_readmes_python_example_prints_nothing_of_its_own(tmp_path, small_data):
    """As it stands on the page, only shorter, and in a folder of its own."""
    [script] = re.findall(
        "```python\n(.*?)```", (REPOSITORY / "README.md").read_text(encoding="utf-8"), re.DOTALL
    )
    for long, short in (
        ("steps=3000", "steps=2"),
        ('run="mine"', f'run=Run("mine", {str(tmp_path)!r})'),
        ('load("mine")', f'load(Run("mine", {str(tmp_path)!r}))'),
        ('"dcgan").fit(digits', '"dcgan", batch_size=4).fit(digits[:8]'),
        ("epochs=1)", "epochs=1, verbose=0)"),
    ):
        assert long in script, long
        script = script.replace(long, short)
    script = "from gan.runs import Run\n" + script
    out, err = run(script, tmp_path, GAN_DATA=small_data, KERAS_HOME=str(tmp_path / "keras"))
    assert err == ""
    assert all(line.startswith("step ") for line in out.splitlines())
    assert (tmp_path / "images" / "nets" / "generator.keras").exists()
