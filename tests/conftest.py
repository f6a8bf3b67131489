"""What the tests share: small data, a home of their own, the commands as a user runs them."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gan import data
from gan.command import load_tensorflow, run_command
from gan.digits import draw_digits

REPOSITORY = Path(__file__).parent.parent
REAL_MNIST = os.environ.get("GAN_DATA")

load_tensorflow()

needs_mnist = pytest.mark.skipif(not REAL_MNIST, reason="GAN_DATA does not name the real MNIST")


@pytest.fixture(autouse=True)
def _own_home(tmp_path, monkeypatch):
    """No test reads or writes the user's cache, or reaches further than this machine."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("GAN_DATA", raising=False)
    monkeypatch.setattr(data, "ORIGIN", "http://127.0.0.1:9/")  # where nothing listens


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


def start(module: str, *arguments, **options) -> subprocess.Popen:
    """Start `python -m gan.<module>` in a process of its own."""
    command = [sys.executable, "-m", f"gan.{module}", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=REPOSITORY, **pipes | options)


def finish(process: subprocess.Popen, seconds: float = 120) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a started command."""
    out, err = process.communicate(timeout=seconds)
    return process.returncode, out, err
