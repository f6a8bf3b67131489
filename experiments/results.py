"""Where the experiments' figures lie, and on what machine they were measured."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parent.parent
FIGURES = REPOSITORY / "experiments" / "reference"
PICTURES = REPOSITORY / "images" / "reference"
sys.path.insert(0, str(REPOSITORY))  # an experiment is run as a script, from anywhere

from gan.data.images import Mnist, load_mnist  # noqa: E402
from gan.support.errors import UserError  # noqa: E402


def machine() -> str:
    """What this machine computes with, for instance `2 cores of an AMD EPYC at 2.6 GHz, no GPU`."""
    try:
        cpu = Path("/proc/cpuinfo").read_text()
        model = re.search(r"model name\s*: (.*)", cpu)[1].split(" @")[0].strip()
        megahertz = float(re.search(r"cpu MHz\s*: (.*)", cpu)[1])
        model += f" at {megahertz / 1000:.1f} GHz"
    except (OSError, TypeError):
        model = "an unnamed processor"
    gpus = len(list(Path("/proc/driver/nvidia/gpus").glob("*"))) or "no"
    return f"{os.cpu_count()} cores of {model}, {gpus} GPU{'s' if gpus not in ('no', 1) else ''}"


def commit() -> str | None:
    """The commit that is checked out, followed by `+` if code was changed; None without git.

    To be called when an experiment starts, as what runs then was loaded then.
    """
    git = ["git", "-C", str(REPOSITORY)]
    try:
        name = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True)
    except OSError:
        return None
    changes = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", "gan", "experiments/*.py"])
    return name.stdout.strip()[:12] + ("+" if changes.returncode else "") or None


def check_machine(result: dict) -> None:
    """Raise UserError where `result`, to be measured anew in part, is of another machine."""
    if result.get("machine", machine()) != machine():
        raise UserError(f"the other figures are of {result['machine']}; measure all of them anew")


def real_mnist() -> Mnist:
    """MNIST for an experiment's figures. Raises UserError where GAN_DATA names something else."""
    mnist = load_mnist()
    if not mnist.is_real:
        raise UserError("these figures are of MNIST, and GAN_DATA names other images")
    return mnist


def labels(mnist: Mnist) -> tuple[np.ndarray, np.ndarray]:
    """The digits that MNIST's training and test images show, uint8 [N]."""
    with np.load(mnist.path) as archive:
        return archive["y_train"], archive["y_test"]


def store(path: Path, command: str, result: dict) -> dict:
    """Write `result` as JSON, with the command, date and machine it is from; return all of it."""
    origin = {"command": command, "date": date.today().isoformat(), "machine": machine()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(origin | result, indent=2) + "\n")
    return origin | result
