"""The real commands in processes of their own, and what a run leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path[:0] = map(str, (REPOSITORY, REPOSITORY / "experiments"))

import numpy as np  # noqa: E402

from gan.data.digits import draw_digits  # noqa: E402

# A cheap design, checkpoints as often as can be: a kill may well fall into one being written.
SETTINGS = ("--batch-size", "8", "--sample-interval", "100", "--checkpoint-seconds", "0.2")
LENGTH = 2000
# The convolutional designs: fewer steps, at a batch at which d-on-g shows a step that is not exact.
CONVOLUTIONAL = ("d-on-g", "dcgan")
CONVOLUTIONAL_SETTINGS = ("--batch-size", "32", "--checkpoint-seconds", "0.2")
CONVOLUTIONAL_LENGTH = 40
OTHERS = ("dense", "mlp", *CONVOLUTIONAL)  # killed less often
STARTED = "shipped-dense-sgd"  # a run of dense-sgd that begins with these weights


class Lost(Exception):
    """A fault that was not handled as it should be."""


def expect(condition: object, message: str) -> None:
    if not condition:
        raise Lost(message)


def start(module: str, *arguments: object, **options) -> subprocess.Popen:
    """Start `python -m gan.<module>` in a process of its own."""
    command = [sys.executable, "-m", f"gan.{module}", *map(str, arguments)]
    environment = {name: value for name, value in os.environ.items() if name != "GAN_DATA"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=REPOSITORY, env=environment, **pipes, **options)


def finish(process: subprocess.Popen, seconds: float = 900) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a started command."""
    out, err = process.communicate(timeout=seconds)
    return process.returncode, out, err


def written(root: Path, name: str = "run") -> dict[str, bytes]:
    """Everything a run of `name` leaves that must not depend on how often it was killed."""
    run = root / "experiments" / name
    newest = max((run / "checkpoints").glob("step-*"))
    record = json.loads((newest / "checkpoint.json").read_bytes())
    files = [run / "metrics.csv", *(root / "images" / name).iterdir()]
    # The page names the folder that the run lies in.
    contents = {path.name: path.read_bytes() for path in files if path.suffix != ".html"}
    return contents | {name: record[name] for name in ("variables", "averages", "step")}


class Place:
    """A folder for runs with small data, and the bytes of a run that nothing befell."""

    def __init__(
        self,
        folder: Path,
        length: int = LENGTH,
        design: str = "dense-sgd",
        start_from: str = "",
        options: tuple = (),
    ) -> None:
        self.folder, self.length, self.design = folder, length, design
        self.name = f"{design} from {start_from}" if start_from else design
        self.settings = CONVOLUTIONAL_SETTINGS if design in CONVOLUTIONAL else SETTINGS
        self.settings += ("--start-from", start_from) if start_from else ()
        self.settings += options
        self.data = folder / "small.npz"
        np.savez(self.data, x_train=draw_digits(200, seed=1)[0])
        started = time.monotonic()
        code, _, err = finish(self.train(self.fresh("whole")))
        expect(code == 0, f"the undisturbed run failed: {err[-300:]}")
        self.seconds = time.monotonic() - started  # of a whole run, start-up and all
        self.expected = written(folder / "whole")

    def fresh(self, name: str) -> Path:
        """A root of its own for one fault."""
        (self.folder / name).mkdir()
        return self.folder / name

    def begun(self, name: str, steps: int | None = None) -> tuple[Path, Path]:
        """A root with a run of `steps` steps, else a seventh of all, and the run's folder."""
        root, steps = self.fresh(name), steps or 1 + self.length // 7
        code, _, err = finish(self.train(root, "--steps", steps))
        expect(code == 0, f"the first part of {name} failed: {err}")
        return root, root / "experiments" / "run"

    def words(self, root: Path, *more: object) -> list[str]:
        """The arguments of `gan.train` for a run in `root`."""
        arguments = ("--root", root, "--name", "run", "--data", self.data, "--steps", self.length)
        return [str(word) for word in (self.design, *arguments, *self.settings, *more)]

    def train(self, root: Path, *more: object, **options) -> subprocess.Popen:
        return start("train", *self.words(root, *more), **options)

    def goes_on(self, root: Path, said: str = "") -> None:
        """The same command must go on and end with the bytes of the undisturbed run."""
        code, out, err = finish(self.train(root))
        expect(code == 0, f"going on ended with code {code}: {err[-300:]}")
        expect(said in out, f"{said!r} was not said: {out}")
        expect(written(root) == self.expected, "it ended with other bytes")

    def refuses(self, process: subprocess.Popen, code: int, said: str) -> None:
        found, _, err = finish(process)
        expect(found == code, f"code {found}, not {code}: {err[-300:]}")
        expect(said in err, f"{said!r} was not said: {err[-300:]}")
        expect(err.count("\n") == 1 and "Traceback" not in err, f"not one line: {err[-500:]}")


def flip(path: Path) -> None:
    """Change one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 16
    path.write_bytes(content)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def newest(run: Path) -> Path:
    return max((run / "checkpoints").glob("step-*"))


def place_of(design: str, folder: Path) -> Place:
    """A place below `folder` for one of the other designs, or for a run from trained weights."""
    (folder / design).mkdir()
    if design == STARTED:
        return Place(folder / design, start_from=STARTED)
    length = CONVOLUTIONAL_LENGTH if design in CONVOLUTIONAL else LENGTH
    return Place(folder / design, length, design)
