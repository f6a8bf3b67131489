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

import numpy as np
from bad_input import RUN, bad_inputs, complete, prepare, tree
from PIL import Image
from processes import (
    CONVOLUTIONAL,
    OTHERS,
    REPOSITORY,
    STARTED,
    Lost,
    Place,
    expect,
    finish,
    flip,
    newest,
    place_of,
    start,
    truncate,
    written,
)
from results import REFERENCE, store

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
            json.loads((checkpoint / "checkpoint.json").read_bytes())  # its last file
        if (run / "config.json").exists():
            json.loads((run / "config.json").read_bytes())
        for page in root.glob("images/run/index.html"):
            if not page.read_text(encoding="utf-8").endswith("</html>\n"):
                raise ValueError(page)
        for picture in root.glob("images/run/[!.]*.[pg][ni][gf]"):
            with Image.open(picture) as image:
                image.load()
    except (OSError, ValueError) as error:
        raise Lost(f"half-written after a kill: {error}") from None


# -- faults --------------------------------------------------------------------------------------


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
    "config of other types": lambda run: (run / "config.json").write_bytes(b'{"design": 1}'),
    "metrics truncated": lambda run: truncate(run / "metrics.csv"),
    "metrics bit-flipped": lambda run: flip(run / "metrics.csv"),
    "metrics deleted": lambda run: (run / "metrics.csv").unlink(),
    "lock of a dead process": lambda run: (run / "lock").write_bytes(b"999999999\n"),
    "temporary files left": lambda run: (run / ".999999999.tmp.config.json").write_bytes(b"{"),
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
    (root / "images" / "run" / "0.png").write_bytes(b"damaged")
    code, _, err = finish(place.train(root))
    expect(code == 0, f"a damaged picture ended it with code {code}: {err[-300:]}")
    expect(written(root)["variables"] == place.expected["variables"], "it ended with other bytes")


def source_gone(place: Place) -> None:
    """A run that began with another run's weights needs that run no more."""
    root = place.fresh("source")
    begin = ("--start-from", "source")
    commands = {
        "source": ("--name", "source", "--steps", 50),
        "whole": ("--name", "whole", *begin),
        "first part": (*begin, "--steps", 1 + place.length // 7),
    }
    for name, options in commands.items():
        expect(finish(place.train(root, *options))[0] == 0, f"{name} failed")
    shutil.rmtree(root / "experiments" / "source")
    expect(finish(place.train(root, *begin))[0] == 0, "it did not go on")
    expect(written(root) == written(root, "whole"), "it ended with other bytes")


# As after heap corruption: the process aborts when a function is called for the third time.
ABORTS = """
import os, sys
from gan import train
from gan.runs import checkpoints
from gan.cli import run_command
name, calls = sys.argv.pop(1), []
function = getattr(checkpoints, name)
def abort(*arguments):
    calls.append(name)
    return os.abort() if len(calls) == 3 else function(*arguments)
setattr(checkpoints, name, abort)
run_command(train.main)
"""


def aborted(place: Place) -> None:
    """SIGABRT in a save: after the variables, before checkpoint.json, and while an old one goes."""
    for name in ("digest", "_file_digest", "remove"):
        root = place.fresh(f"aborted in {name}")
        command = [sys.executable, "-c", ABORTS, name, *place.words(root)]
        process = subprocess.run(command, cwd=REPOSITORY, capture_output=True)
        expect(process.returncode == -signal.SIGABRT, f"code {process.returncode}, not SIGABRT")
        place.goes_on(root, "going on after step")


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
    "aborted in a save": aborted,
    "source of its weights gone": source_gone,
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


# What of FAULTS depends on how a design computes, or on how a run began.
FAULTS_OF_OTHERS: dict[str, Callable[[Place], None]] = {
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
            "config deleted",
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


# -- all of it -----------------------------------------------------------------------------------

Counts = dict[str, list[int]]  # what was tried -> [how often it went well, how often it was tried]


def try_bad_inputs(places: list[Place], options: argparse.Namespace) -> tuple[Counts, dict]:
    rows = bad_inputs()
    with tempfile.TemporaryDirectory() as folder:
        lost = refuse_all(Path(folder), rows)
    return {"bad inputs refused": [len(rows.keys() - lost.keys()), len(rows)]}, lost


def try_faults(places: list[Place], options: argparse.Namespace) -> tuple[Counts, dict]:
    faults = {}
    for place in places:
        few = place.design in CONVOLUTIONAL or place.name != place.design
        of_others = FAULTS_OF_OTHERS if few else {}
        usual = place.name == "dense-sgd"
        for name, fault in (FAULTS if usual else of_others).items():
            faults[f"{place.name}: {name}"] = fault, place

    def handled(name: str) -> str | None:
        fault, place = faults[name]
        try:
            fault(place)
        except Exception as error:  # whatever it is, it is lost
            return repr(error)

    with ThreadPoolExecutor(2) as pool:
        results = dict(zip(faults, pool.map(handled, faults), strict=True))
    lost = {name: why for name, why in results.items() if why}
    return {"faults handled": [len(faults) - len(lost), len(faults)]}, lost


def try_kills(places: list[Place], options: argparse.Namespace) -> tuple[Counts, dict]:
    """The other designs are killed a tenth as often, but three times or more."""
    kills = runs = identical = 0
    lost = {}
    for place in places:
        usual = place.name == "dense-sgd"
        wanted = options.kills if usual else max(3, options.kills // 10)
        try:
            these = kill_often(place, wanted, options.seed)
            kills, runs, identical = np.add((kills, runs, identical), these).tolist()
            if these[2] < these[1]:
                lost[f"{place.name}: kills"] = f"{these[1] - these[2]} runs: other bytes"
        except Lost as error:
            lost[f"{place.name}: kills"] = str(error)
    same = {"runs then identical to an undisturbed one": [identical, runs]}
    return {"kills survived": [kills, kills]} | same, lost


PARTS = {"bad input": try_bad_inputs, "faults": try_faults, "kills": try_kills}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--store", action="store_true", help="keep the counts for README")
    parts = (*CONVOLUTIONAL, STARTED)  # places that have faults of their own
    only = (*PARTS, *parts, *FAULTS)
    parser.add_argument("--only", choices=only, help="a part, the faults of a design, or a fault")
    options = parser.parse_args()
    print(f"seed {options.seed} (again: python tests/faults.py --seed {options.seed})", flush=True)
    started, only, counts, lost = time.monotonic(), options.only, {}, {}
    with tempfile.TemporaryDirectory() as folder:
        places = [] if only in ("bad input", *parts) else [Place(Path(folder))]
        others = (*OTHERS, STARTED) if only in (None, "faults", "kills") else {only} & {*parts}
        places += [place_of(design, Path(folder)) for design in others]
        if only in FAULTS:
            FAULTS[only](places[0])
            return 0
        for part in PARTS if only is None else [only if only in PARTS else "faults"]:
            found, missing = PARTS[part](places, options)
            counts |= found
            lost |= missing
            for what, (good, tried) in found.items():
                print(f"{what:45} {good} / {tried}", flush=True)
    for name, why in lost.items():
        print(f"LOST {name}: {why}")
    seconds = round(time.monotonic() - started)
    print(f"{'lost' if lost else 'nothing lost'}, in {seconds} s")
    if options.store:
        command = f'make test-faults ARGS="--seed {options.seed}"'
        found = {"counts": counts, "lost": lost, "seconds": seconds}
        store(REFERENCE / "faults.json", command, found)
    return bool(lost)


if __name__ == "__main__":
    sys.exit(main())
