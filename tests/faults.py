"""make test-faults: kill, damage and misuse the real commands in real processes, and count.

    python tests/faults.py [--kills 50] [--seed N] [--store]

Prints a table: kills survived and runs that ended identical, faults handled, bad inputs refused.
`--store` keeps the counts in experiments/reference/faults.json, which experiments/measured.md
shows. Exits with code 1 when anything was lost.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path[:0] = map(str, (REPOSITORY, REPOSITORY / "experiments"))

import numpy as np  # noqa: E402
from bad_input import RUN, bad_inputs, complete, prepare, tree  # noqa: E402
from PIL import Image  # noqa: E402
from results import REFERENCE, store  # noqa: E402

from gan.data.digits import draw_digits  # noqa: E402

# A cheap design, checkpoints as often as can be: a kill may well fall into one being written.
SETTINGS = ("--batch-size", "8", "--sample-interval", "100", "--checkpoint-seconds", "0.2")
LENGTH = 2000
# The convolutional designs: fewer steps, at a batch at which d-on-g shows a step that is not exact.
CONVOLUTIONAL = ("d-on-g", "dcgan")
CONVOLUTIONAL_SETTINGS = ("--batch-size", "32", "--checkpoint-seconds", "0.2")
CONVOLUTIONAL_LENGTH = 40
OTHERS = ("dense", "mlp", *CONVOLUTIONAL)  # killed less often


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
    record = json.loads((newest / "checkpoint.json").read_text())
    files = [run / "metrics.csv", *(root / "images" / name).iterdir()]
    # The page names the folder that the run lies in.
    contents = {path.name: path.read_bytes() for path in files if path.suffix != ".html"}
    return contents | {name: record[name] for name in ("variables", "averages", "step")}


class Place:
    """A folder for runs with small data, and the bytes of a run that nothing befell."""

    def __init__(self, folder: Path, length: int = LENGTH, design: str = "dense-sgd") -> None:
        self.folder, self.length, self.design = folder, length, design
        self.settings = CONVOLUTIONAL_SETTINGS if design in CONVOLUTIONAL else SETTINGS
        self.data = folder / "small.npz"
        np.savez(self.data, x_train=draw_digits(200, seed=1)[0])
        started = time.monotonic()
        whole = self.train(self.fresh("whole"))
        expect(finish(whole)[0] == 0, "the undisturbed run failed")
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

    def train(self, root: Path, *more: object, **options) -> subprocess.Popen:
        arguments = ("--root", root, "--name", "run", "--data", self.data, "--steps", self.length)
        words = (self.design, *arguments, *self.settings, *more)
        return start("train", *words, **options)

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


# -- kills ---------------------------------------------------------------------------------------


def kill_often(place: Place, kills: int, seed: int) -> tuple[int, int, int]:
    """SIGKILL the training `kills` times; count kills, finished runs, and those identical.

    The moments are spread over the time that a whole run takes on this machine.
    """
    moments = random.Random(seed)
    done = finished = identical = trained = 0
    while done < kills or finished == 0:
        root = place.fresh(f"killed-{finished}")
        while True:
            process = place.train(root)
            if done < kills:
                try:
                    process.wait(moments.uniform(1.0, place.seconds))
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                    done += 1
                    trained += any(root.glob("experiments/run/checkpoints/step-*"))
                    check_complete(root)
            code, _, err = finish(process)
            if code == 0:
                break
            expect(code == -signal.SIGKILL, f"after {done} kills: code {code}: {err[-300:]}")
        finished += 1
        identical += written(root) == place.expected
        leftovers = [path for path in root.rglob(".*.tmp.*")]
        expect(not leftovers, f"left behind: {leftovers}")
    expect(trained, "each kill came before the first checkpoint")
    return done, finished, identical


def check_complete(root: Path) -> None:
    """What was being written when the process was killed is complete or absent."""
    run = root / "experiments" / "run"
    try:
        for checkpoint in run.glob("checkpoints/step-*"):
            json.loads((checkpoint / "checkpoint.json").read_text())  # its last file
        if (run / "config.json").exists():
            json.loads((run / "config.json").read_text())
        for page in root.glob("images/run/index.html"):
            if not page.read_text().endswith("</html>\n"):
                raise ValueError(page)
        for picture in root.glob("images/run/[!.]*.[pg][ni][gf]"):
            with Image.open(picture) as image:
                image.load()
    except (OSError, ValueError) as error:
        raise Lost(f"half-written after a kill: {error}") from None


# -- faults --------------------------------------------------------------------------------------


def flip(path: Path) -> None:
    """Change one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 16
    path.write_bytes(content)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def newest(run: Path) -> Path:
    return max((run / "checkpoints").glob("step-*"))


def swap_variables(run: Path) -> None:
    """Give the newest checkpoint the variables of the oldest, sound as they are."""
    for path in min((run / "checkpoints").glob("step-*")).glob("variables.*"):
        shutil.copyfile(path, newest(run) / path.name)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "variables truncated": lambda run: truncate(next(newest(run).glob("variables.data*"))),
    "variables bit-flipped": lambda run: flip(next(newest(run).glob("variables.data*"))),
    "averages bit-flipped": lambda run: flip(next(newest(run).glob("averages.data*"))),
    "averages missing": lambda run: next(newest(run).glob("averages.data*")).unlink(),
    "index truncated": lambda run: truncate(newest(run) / "variables.index"),
    "index deleted": lambda run: (newest(run) / "variables.index").unlink(),
    "variables of another checkpoint": swap_variables,
    "record deleted": lambda run: (newest(run) / "checkpoint.json").unlink(),
    "record truncated": lambda run: truncate(newest(run) / "checkpoint.json"),
    "log in checkpoint bit-flipped": lambda run: flip(newest(run) / "metrics.csv"),
    "older checkpoint under a newer name": lambda run: shutil.copytree(
        min((run / "checkpoints").glob("step-*")), run / "checkpoints" / "step-00000285"
    ),
    "config truncated": lambda run: truncate(run / "config.json"),
    "config deleted": lambda run: (run / "config.json").unlink(),
    "config of other types": lambda run: (run / "config.json").write_text('{"design": 1}'),
    "metrics truncated": lambda run: truncate(run / "metrics.csv"),
    "metrics bit-flipped": lambda run: flip(run / "metrics.csv"),
    "metrics deleted": lambda run: (run / "metrics.csv").unlink(),
    "lock of a dead process": lambda run: (run / "lock").write_text("999999999\n"),
    "temporary files left": lambda run: (run / ".999999999.tmp.config.json").write_text("{"),
    "clock gone back": lambda run: [os.utime(path, (1, 1)) for path in run.rglob("*")],
    "clock gone ahead": lambda run: [os.utime(path, (2**32, 2**32)) for path in run.rglob("*")],
}


def damaged(place: Place, name: str) -> None:
    """Stop a run, damage it, go on: the end is that of an undisturbed run."""
    root, run = place.begun(name.replace(" ", "-"))
    DAMAGE[name](run)
    place.goes_on(root)


def every_checkpoint_damaged(place: Place) -> None:
    root, run = place.begun("all-damaged")
    for path in run.glob("checkpoints/*/variables.data*"):
        flip(path)
    place.refuses(place.train(root), 2, "--fresh starts the run over")


def swapped_checkpoint(place: Place) -> None:
    """The newest checkpoint is of a run with another seed: it is not taken for this one's."""
    root, run = place.begun("swapped")
    other = place.fresh("swapped-other")
    options = "--steps", 1 + place.length // 7, "--seed", 5
    expect(finish(place.train(other, *options))[0] == 0, "other run failed")
    shutil.rmtree(newest(run))
    theirs = newest(other / "experiments" / "run")
    shutil.copytree(theirs, run / "checkpoints" / theirs.name)
    place.goes_on(root, "belongs to another step or run")


def limited(size: int) -> dict:
    """Options of a process that can write no file larger than `size` bytes."""
    return {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))}


def disk_full(place: Place, name: str, size: int, said: str, *options: object) -> None:
    root, _ = place.begun(f"full-{name}", steps=150)
    before = written(root)["variables"]
    place.refuses(place.train(root, *options, **limited(size)), 1, f"{said}: File too large; ")
    expect(written(root)["variables"] == before, "the last good checkpoint has changed")
    place.goes_on(root)


def folder_gone(place: Place) -> None:
    root, run = place.begun("gone")
    process = place.train(root, "--steps", 100_000)
    before = (run / "metrics.csv").stat().st_size
    while process.poll() is None and (run / "metrics.csv").stat().st_size <= before:
        time.sleep(0.02)
    (root / "experiments").rename(root / "moved")
    place.refuses(process, 1, "No such file or directory")
    (root / "moved").rename(root / "experiments")
    place.goes_on(root)


def diverges(place: Place) -> None:
    root = place.fresh("diverges")
    process = place.train(root, "--learning-rate", "1e6", "--steps", 500)
    place.refuses(process, 1, "the training diverged: ")


def weights_not_finite(place: Place) -> None:
    """Losses are from before an update: after this one step they are numbers, and G is not."""
    root = place.fresh("not-finite")
    process = place.train(root, "--learning-rate", "1e4", "--steps", 1)
    place.refuses(process, 1, "after step 1 a variable is NaN or infinite; no checkpoint was saved")
    expect(not list(root.glob("experiments/run/checkpoints/*")), "a checkpoint was saved")
    expect(not list(root.glob("images/run/final*")), "final.png was drawn")


def second_process(place: Place) -> None:
    root = place.fresh("second")
    first = place.train(root, "--steps", 100_000)
    while first.poll() is None and not (root / "images" / "run" / "0.png").exists():
        time.sleep(0.05)
    place.refuses(place.train(root), 2, f"is being trained by process {first.pid};")
    first.kill()
    finish(first)
    place.goes_on(root)


def grid_damaged(place: Place) -> None:
    root, _ = place.begun("damaged-grid")
    (root / "images" / "run" / "0.png").write_text("damaged")
    code, _, err = finish(place.train(root))
    expect(code == 0, f"a damaged picture ended it with code {code}: {err[-300:]}")
    expect(written(root)["variables"] == place.expected["variables"], "it ended with other bytes")


def linked_folder(place: Place) -> None:
    root = place.fresh("linked")
    elsewhere = place.fresh("elsewhere")
    (root / "images").mkdir()
    (root / "images" / "run").symlink_to(elsewhere)
    place.refuses(place.train(root), 2, "is a link")
    expect(not list(elsewhere.iterdir()), "it wrote through the link")


FAULTS: dict[str, Callable[[Place], None]] = {
    **{name: lambda place, name=name: damaged(place, name) for name in DAMAGE},
    "every checkpoint damaged": every_checkpoint_damaged,
    "checkpoint of another run": swapped_checkpoint,
    "disk full in a checkpoint": lambda place: disk_full(
        place, "checkpoint", 2**20, "step-00000151"
    ),
    "disk full in a grid": lambda place: disk_full(
        place, "grid", 12_000, ".png", "--checkpoint-seconds", 1000
    ),
    "disk full in the log": lambda place: disk_full(
        place, "log", 5_200, "metrics.csv", "--checkpoint-seconds", 1000
    ),
    "folder gone": folder_gone,
    "losses no numbers": diverges,
    "weights no numbers": weights_not_finite,
    "second process": second_process,
    "folder a link": linked_folder,
    "grid damaged": grid_damaged,
}


def stopped(place: Place) -> None:
    """SIGTERM while it trains: it saves, and goes on to the same bytes."""
    root = place.fresh("stopped")
    process = place.train(root)
    while process.poll() is None and not list(root.glob("experiments/run/checkpoints/step-*")):
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    code, out, _ = finish(process)
    expect(code == 128 + signal.SIGTERM and "stopped after step" in out, f"code {code}: {out}")
    place.goes_on(root, "going on after step")


# What of FAULTS depends on how a design computes.
CONVOLUTIONAL_FAULTS: dict[str, Callable[[Place], None]] = {
    "stopped": stopped,
    "checkpoint of another run": swapped_checkpoint,
    **{
        name: FAULTS[name]
        for name in (
            "variables truncated",
            "variables bit-flipped",
            "variables of another checkpoint",
            "log in checkpoint bit-flipped",
            "metrics bit-flipped",
        )
    },
}


# -- bad input -----------------------------------------------------------------------------------


def refused(folder: Path, words: list[str], message: str) -> str | None:
    """None when the command line is refused as it should be, or else what happened."""
    command, words = complete(words, folder)
    limit = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_AS, (2**36, 2**36))}
    code, out, err = finish(start(command, *words, **limit))
    said = message.replace("HERE", str(folder))
    if code != 2 or err.count("\n") != 1 or "Traceback" in err or said not in err:
        return f"code {code}, not {said!r}: {err[-400:] or out[-400:]}"
    return None


def refuse_all(folder: Path, rows: dict[str, tuple]) -> dict[str, str]:
    """The rows that were not refused, and what happened; and whether anything was written."""
    prepare(folder)
    command, words = complete(["train", *RUN.split()], folder)
    expect(finish(start(command, *words))[0] == 0, "the run could not be trained")
    folders = folder, REPOSITORY / "experiments", REPOSITORY / "images"
    before = list(map(tree, folders))
    with ThreadPoolExecutor(2) as pool:
        results = pool.map(lambda row: refused(folder, *row), rows.values())
        failures = {line: bad for line, bad in zip(rows, results, strict=True) if bad}
    if before != list(map(tree, folders)):
        failures["all"] = "something was written"
    return failures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--store", action="store_true", help="keep the counts for README")
    parser.add_argument(
        "--only", metavar="FAULT", help="one fault; bad input; kills; d-on-g or dcgan"
    )
    options = parser.parse_args()
    print(f"seed {options.seed} (again: python tests/faults.py --seed {options.seed})", flush=True)
    started, lost = time.monotonic(), {}
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder))
        if options.only in CONVOLUTIONAL:
            where = place_of(options.only, Path(folder))
            for name, fault in CONVOLUTIONAL_FAULTS.items():
                fault(where)
                print(name, flush=True)
            return 0
        if options.only == "kills":
            for where in (place, *(place_of(design, Path(folder)) for design in OTHERS)):
                found = kill_often(where, kills_of(where, options.kills), options.seed)
                print(where.design, "kills, runs, identical:", *found, flush=True)
            return 0
        if options.only == "bad input":
            rows = bad_inputs()
            lost = refuse_all(place.fresh("refusing"), rows)
            print(f"{len(rows)} bad inputs", *lost.items(), sep="\n", flush=True)
            return bool(lost)
        if options.only:
            FAULTS[options.only](place)
            return 0
        rows = bad_inputs()
        lost |= refuse_all(place.fresh("refusing"), rows)
        counts = {"bad inputs refused": [len(rows.keys() - lost.keys()), len(rows)]}
        show(counts)

        faults = {name: (FAULTS[name], place) for name in FAULTS}
        places = [place]
        for design in OTHERS:
            places.append(place_of(design, Path(folder)))
            for name, fault in CONVOLUTIONAL_FAULTS.items() if design in CONVOLUTIONAL else ():
                faults[f"{design}: {name}"] = fault, places[-1]

        def handled(name: str) -> str | None:
            fault, where = faults[name]
            try:
                fault(where)
            except Exception as error:  # whatever it is, it is lost
                return repr(error)

        with ThreadPoolExecutor(2) as pool:
            results = dict(zip(faults, pool.map(handled, faults), strict=True))
        broken = {name: why for name, why in results.items() if why}
        lost |= broken
        counts["faults handled"] = [len(faults) - len(broken), len(faults)]
        show(counts)

        kills = runs = identical = 0
        for where in places:
            try:
                these = kill_often(where, kills_of(where, options.kills), options.seed)
                kills, runs, identical = np.add((kills, runs, identical), these).tolist()
                if these[2] < these[1]:
                    lost[f"{where.design}: kills"] = f"{these[1] - these[2]} runs: other bytes"
            except Lost as error:
                lost[f"{where.design}: kills"] = str(error)
        counts["kills survived"] = [kills, kills]
        show(counts)
        counts["runs then identical to an undisturbed one"] = [identical, runs]
        show(counts)
    for name, why in lost.items():
        print(f"LOST {name}: {why}")
    seconds = round(time.monotonic() - started)
    print(f"{'lost' if lost else 'nothing lost'}, in {seconds} s")
    if options.store:
        command = f'make test-faults ARGS="--seed {options.seed}"'
        store(
            REFERENCE / "faults.json", command, {"counts": counts, "lost": lost, "seconds": seconds}
        )
    return bool(lost)


def kills_of(place: Place, kills: int) -> int:
    """How many of `kills` a place gets: the other designs a tenth, but three or more."""
    return max(3, kills // 10) if place.design in OTHERS else kills


def place_of(design: str, folder: Path) -> Place:
    """A place below `folder` for one of the other designs."""
    (folder / design).mkdir()
    length = CONVOLUTIONAL_LENGTH if design in CONVOLUTIONAL else LENGTH
    return Place(folder / design, length, design)


def show(counts: dict[str, list[int]]) -> None:
    """Print the last of `counts`, at once."""
    what, (good, tried) = list(counts.items())[-1]
    print(f"{what:45} {good} / {tried}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
