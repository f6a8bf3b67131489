"""What every experiment needs: MNIST, and a way to store its figures with their origin."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parent.parent
PICTURES = REPOSITORY / "images" / "reference"
sys.path.insert(0, str(REPOSITORY))  # experiments run as scripts, from any folder

from gan.data.images import RealImages, load_mnist  # noqa: E402
from gan.runs.trained import REFERENCE as REFERENCE  # noqa: E402
from gan.support.errors import UserError  # noqa: E402


def machine() -> str:
    """Describe this machine, for instance `2 cores of an AMD EPYC at 2.6 GHz, no GPU`."""
    try:
        cpu = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        model = re.search(r"model name\s*: (.*)", cpu)[1].split(" @")[0].strip()
        megahertz = float(re.search(r"cpu MHz\s*: (.*)", cpu)[1])
        model += f" at {megahertz / 1000:.1f} GHz"
    except (OSError, TypeError):
        model = "an unnamed processor"
    gpus = len(list(Path("/proc/driver/nvidia/gpus").glob("*"))) or "no"
    return f"{os.cpu_count()} cores of {model}, {gpus} GPU{'s' if gpus not in ('no', 1) else ''}"


def commit() -> str | None:
    """Return the commit that is checked out, with a `+` if code was changed; None without git.

    Call it when an experiment starts, because that is when the code that runs is loaded.
    """
    git = ["git", "-C", str(REPOSITORY)]
    try:
        name = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True)
    except OSError:
        return None
    changes = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", "gan", "experiments/*.py"])
    return name.stdout.strip()[:12] + ("+" if changes.returncode else "") or None


def check_machine(result: dict) -> None:
    """Raise UserError if `result`, which will be measured again in part, is of another machine."""
    if result.get("machine", machine()) != machine():
        raise UserError(f"the other figures are of {result['machine']}; measure all of them again")


def real_mnist() -> RealImages:
    """Load MNIST for an experiment. Raises UserError if GAN_DATA names other images."""
    mnist = load_mnist(os.environ.get("GAN_DATA") or "auto")  # its runs train on GAN_DATA, too
    if not mnist.is_published:
        raise UserError("this experiment needs MNIST, but GAN_DATA names other images")
    return mnist


def labels(mnist: RealImages) -> tuple[np.ndarray, np.ndarray]:
    """Return the labels of the training images and test images, uint8 [N] each, of an .npz."""
    if mnist.path.is_dir():
        raise UserError(f"{mnist.path} is a folder; this experiment reads labels from an .npz")
    with np.load(mnist.path) as archive:
        return archive["y_train"], archive["y_test"]


def stored(path: Path, otherwise: dict | None = None) -> dict:
    """Return what `path` holds; if there is no such file, `otherwise`."""
    return json.loads(path.read_bytes()) if path.exists() or otherwise is None else otherwise


def with_origin(command: str, result: dict) -> dict:
    """Return `result` with the command, date and machine that it comes from."""
    origin = {"command": command, "date": date.today().isoformat(), "machine": machine()}
    return origin | result | origin


def keep(path: Path, result: dict) -> None:
    """Write `result` as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def store(path: Path, command: str, result: dict) -> dict:
    """Write `result` as JSON, with its command, date and machine; return all that is written."""
    result = with_origin(command, result)
    keep(path, result)
    return result


def with_run(runs: Sequence[dict], run: dict) -> list[dict]:
    """Return `runs` in the order of their seeds, `run` in place of the one with its seed."""
    others = [each for each in runs if each["seed"] != run["seed"]]
    return sorted([*others, run], key=lambda each: each["seed"])


def save_plot(figure, path: Path) -> None:
    """Write a Matplotlib figure as a PNG that depends only on what it shows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80, metadata={"Software": None})


def wait_for(processes: Sequence[subprocess.Popen]) -> int:
    """Wait for started trainings; return the largest exit code, as a shell counts signals.

    Ctrl-C reaches them, too: they save and stop. A SIGTERM is passed on, and does the same.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: [process.terminate() for process in processes])
    codes = [process.wait() for process in processes]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    return max(128 - code if code < 0 else code for code in codes)
