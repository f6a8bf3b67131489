"""make test-gpu: show that a GPU is really used, and is exact, with the real commands.

    python tests/gpu.py [--rehearse] [--only CHECK]

Prints a line for each check, takes about ten minutes (an estimate), and keeps what was found in
experiments/reference/gpu.json, which experiments/measured.md shows. Exits with code 1 if a check
failed. Without a GPU it says so and exits with 0. `--rehearse` lets the CPU take the GPU's place
and keeps nothing: it tests this script, and proves nothing about GPUs.
"""

from __future__ import annotations

import argparse
import functools
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from faults import check_complete  # it finds what the next lines import
from on_gpu import check_card, keep_part, others, this_card
from processes import (
    CONVOLUTIONAL,
    CONVOLUTIONAL_LENGTH,
    LENGTH,
    REPOSITORY,
    Lost,
    Place,
    expect,
    finish,
    newest,
    start,
    written,
)

from gan.cli import run_command
from gan.cli.progress import warn
from gan.designs import DESIGNS

# How far a GPU's float32 may be from the CPU's: the middle one of three first weights, because Adam
# turns a gradient near zero into a step of full length. IMAGES_APART is of pixels, relative to the
# way that training has moved them. On a CPU, two ways of rounding were 2e-6 apart (dense nets) and
# 1e-3 (convolutions), their losses 1e-6; with inputs of products rounded as in TF32, images were
# 3e-3 to 8e-2 and 7e-3 to 2e-2 apart.
IMAGES_APART = dict.fromkeys(DESIGNS, 1e-3) | dict.fromkeys(CONVOLUTIONAL, 5e-3)
LOSSES_APART = 1e-4
DEVICES_APART = 1e-3  # losses of two GPUs and of one, after more steps
WITH_XLA = ("dense", "dense-sgd", "mlp")
# gan.train, with XLA also on a GPU.
XLA_STUB = """
import gan.design
gan.design.XLA_DEVICES = ("CPU", "GPU")
from gan.cli import run_command
from gan.train import main
run_command(main)
"""


class Skipped(Exception):
    """Why a check makes no sense on this machine."""


class Trial:
    """What the checks share: folders, and runs that nothing befell."""

    def __init__(self, folder: Path, gpus: int) -> None:
        self.folder = folder
        self.gpus = gpus  # 0: a rehearsal
        self.places: dict[str, Place] = {}

    def fresh(self, name: str) -> Path:
        (self.folder / name).mkdir(parents=True)
        return self.folder / name

    def place(self, design: str) -> Place:
        """The place for runs of `design` on one GPU."""
        if design not in self.places:
            length = LENGTH  # more than a run has after its first checkpoint
            if design in CONVOLUTIONAL:
                length = 1000 if self.gpus else CONVOLUTIONAL_LENGTH
            folder = self.fresh(f"place-{design}")
            self.places[design] = Place(folder, length, design, options=("--devices", 1))
        return self.places[design]

    def each(self, check: Callable, names: object = DESIGNS) -> dict:
        """What `check(design)` returns for each design. Raises Lost with all that went wrong."""

        def tried(name: str) -> object:
            try:
                return check(name)
            except Exception as error:  # whatever it is, the other designs are of interest
                lost.append(f"{name}: {error if isinstance(error, Lost) else repr(error)}")

        lost = []
        with ThreadPoolExecutor(2) as pool:
            found = dict(zip(names, pool.map(tried, names), strict=True))
        expect(not lost, "; ".join(lost))
        return found

    @functools.cached_property
    def steps(self) -> dict[str, tuple[dict, dict]]:
        """What gpu_steps.py finds, who computes -> arrays and places."""
        folder, found = self.fresh("steps"), {}
        for who in ("cpu", "gpu", "tf32") if self.gpus else ("cpu", "in-place"):
            command = [sys.executable, REPOSITORY / "tests" / "gpu_steps.py", folder, who]
            command += [] if self.gpus else ["short"]
            done = subprocess.run(command, capture_output=True, text=True)
            expect(done.returncode == 0, f"{who}: {done.stderr[-500:]}")
            arrays = dict(np.load(folder / f"{who}.npz"))
            found[who] = arrays, json.loads((folder / f"{who}.json").read_bytes())
        return found


# -- the checks: each returns what it found, or raises Lost or Skipped ---------------------------


def lies_on_the_gpu(trial: Trial) -> str:
    """All variables, and all operations of the steps that compute something."""
    _, places = trial.steps["gpu" if trial.gpus else "in-place"]
    for name, place in places.items():
        for what in ("variables elsewhere", "work elsewhere"):
            expect(not place[what], f"{name}: {what}: {place[what]}")
        expect(place["products"], f"{name}: no matrix product was found in the steps")
    variables, operations = (
        sum(place[what] for place in places.values()) for what in ("variables", "operations")
    )
    return f"all {variables} variables, {operations:,} operations, no work elsewhere"


def distances(ours: dict, theirs: dict) -> dict[str, tuple[float, float]]:
    """How far apart the images are, relative to the way trained, and the losses, per design."""
    found = {}
    for name in DESIGNS:
        seeds = sorted({key.split("/")[1] for key in ours if key.startswith(f"{name}/")})
        pairs = []
        for seed in seeds:
            before, after, losses = (
                f"{name}/{seed}/{key}" for key in ("before", "after", "losses")
            )
            way = np.abs(theirs[after] - theirs[before]).max()
            images = np.abs(ours[after] - theirs[after]).max() / way
            pairs.append((images, np.abs(ours[losses] - theirs[losses]).max()))
        found[name] = tuple(np.median(pairs, axis=0).tolist())
    return found


def agrees_with_the_cpu(trial: Trial) -> str:
    steps = {who: arrays for who, (arrays, _) in trial.steps.items()}
    cpu = steps.pop("cpu")
    said = {}
    for who, arrays in steps.items():
        apart = distances(arrays, cpu)
        said[who] = ", ".join(f"{name} {images:.0e}" for name, (images, _) in apart.items())
        if who == "tf32":  # for information: it shows what the tolerance can tell apart
            continue
        for name, (images, losses) in apart.items():
            expect(images <= IMAGES_APART[name], f"{name}: images {images:.1e} of the way apart")
            expect(losses <= LOSSES_APART, f"{name}: losses {losses:.1e} apart")
    text = f"images apart, of the way trained: {next(iter(said.values()))}"
    return text + (f"; with TF32: {said['tf32']}" if "tf32" in said else "")


def is_exact(trial: Trial, *options: object, train: Callable = Place.train) -> Callable:
    """A check of one design: the same run twice, each in a new process, gives equal bytes."""

    def check(design: str) -> None:
        place = trial.place(design)
        is_usual = not options and train is Place.train
        found = [place.expected] if is_usual else []
        while len(found) < 2:
            root = place.fresh(f"{train.__name__}-{'-'.join(options)}-{len(found)}")
            code, _, err = finish(train(place, root, *options))
            expect(code == 0, f"code {code}: {err[-300:]}")
            found.append(written(root))
        first, second = found
        apart = [name for name in first if first[name] != second.get(name)]
        expect(not apart, f"other bytes: {', '.join(apart)}")

    return check


def float32_is_exact(trial: Trial) -> str:
    trial.each(is_exact(trial))
    return "equal bytes, all five designs"


def bfloat16_is_exact(trial: Trial) -> str:
    trial.each(is_exact(trial, "--precision", "bfloat16"))
    return "equal bytes, all five designs"


def xla_is_exact(trial: Trial) -> str:
    """For information: whether XLA could be used on GPUs."""

    def with_xla(place: Place, root: Path, *options: object) -> subprocess.Popen:
        command = [sys.executable, "-c", XLA_STUB, *place.words(root, *options)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, cwd=REPOSITORY, **pipes)

    try:
        trial.each(is_exact(trial, train=with_xla), WITH_XLA)
    except Lost as error:
        return f"not equal ({error}); for information only"
    return f"equal bytes, {', '.join(WITH_XLA)}; for information only"


def goes_on_after_a_kill(trial: Trial) -> str:
    def check(design: str) -> None:
        place = trial.place(design)
        root = place.fresh("killed")
        process = place.train(root, "--steps", 100_000)
        while process.poll() is None and not list(root.glob("experiments/run/checkpoints/step-*")):
            time.sleep(0.02)
        process.kill()
        _, _, err = finish(process)
        expect(process.returncode == -9, f"it ended before the kill: {err[-300:]}")
        check_complete(root)
        done = int(newest(root / "experiments" / "run").name.removeprefix("step-"))
        expect(done < place.length, f"the kill came late, after step {done}")
        place.goes_on(root, "going on after step")

    trial.each(check)
    return "equal bytes, all five designs"


def moves_to_the_cpu_and_back(trial: Trial) -> str:
    kind = "1 GPU .*" if trial.gpus else "2 CPUs"
    gpu = () if trial.gpus else ("--devices", 2)  # else the place's own, one GPU
    moves = ((gpu, ""), (("--devices", "cpu"), rf"{kind}, and is on 1 CPU"))
    moves += ((gpu, rf"1 CPU, and is on {kind}"),)

    def check(design: str) -> None:
        place = trial.place(design)
        root = place.fresh("moved")
        for number, (options, line) in enumerate(moves, 1):
            code, out, err = finish(place.train(root, "--steps", 10 * number, *options))
            expect(code == 0, f"code {code}: {err[-300:]}")
            said = re.search(rf"the run was on {line}; its bytes may differ", out)
            expect(said or not line, f"no line says that the device changed: {out}")
        log = (root / "experiments" / "run" / "metrics.csv").read_text(encoding="utf-8")
        expect(log.count("\n") == 31, "the log has other than 30 steps")

    trial.each(check, ("dense", "dcgan"))
    return "dense and dcgan went on, and said so"


def out_of_memory(trial: Trial, side: int, advice: str, *options: object) -> str:
    """A training of dcgan that no memory can hold is refused, and leaves nothing half-written."""
    root = trial.fresh(f"memory-{side}")
    data = root / "images.npz"
    np.savez(data, x_train=np.random.default_rng(0).integers(0, 256, (8, side, side), np.uint8))
    words = ("--root", root, "--name", "run", "--data", data, "--steps", 1, "--devices", 1)
    limit = {} if trial.gpus else {"preexec_fn": limit_memory}
    process = start("train", "dcgan", *words, *options, **limit)
    code, _, err = finish(process)
    if code == 0 and trial.gpus:
        raise Skipped(f"this card holds batches of 65,536 images of {side}x{side}")
    expect(code == 2, f"code {code}: {err[-300:]}")
    line = f"error: there is not enough memory; {advice}\n"
    expect(err == line, f"not this one line: {err[-500:]}")
    check_complete(root)
    left = [path.name for path in root.rglob("*") if ".tmp." in path.name or "step-" in path.name]
    expect(not left, f"left behind: {left}")
    return "one line, exit code 2, nothing left half-written"


def limit_memory() -> None:
    """In a rehearsal, give the process the memory of a small card."""
    resource.setrlimit(resource.RLIMIT_AS, (2**33, 2**33))


def memory_for_nets(trial: Trial) -> str:
    options = ("--latent-dim", 2**16)
    return out_of_memory(trial, 1024, "use smaller images, or shorter noise (latent_dim)", *options)


def memory_for_a_step(trial: Trial) -> str:
    """85 GB at least: what must be kept for the gradients. No tensor has 2**31 numbers."""
    return out_of_memory(trial, 44, "use a smaller batch, or smaller images", "--batch-size", 2**16)


def two_gpus(trial: Trial) -> str:
    """Two GPUs give the losses of one; and twice the same bytes."""
    if trial.gpus == 1:
        raise Skipped("this machine has one GPU")

    def check(design: str) -> float:
        place, logs = trial.place(design), []
        dropout = ("--dropout", 0) if design == "dcgan" else ()
        for name, devices in (("one", 1), ("two", 2), ("two-again", 2)):
            root = place.fresh(f"devices-{name}")
            options = ("--steps", 20, "--sync-batchnorm", *dropout, "--devices", devices)
            code, _, err = finish(place.train(root, *options))
            expect(code == 0, f"{devices} devices: code {code}: {err[-300:]}")
            log = root / "experiments" / "run" / "metrics.csv"
            logs.append(np.loadtxt(log, delimiter=",", skiprows=1))
        expect(written(root) == written(root.with_name("devices-two")), "other bytes")
        apart = np.abs(logs[1] - logs[0])[:, [1, -1]].max()
        expect(apart <= DEVICES_APART, f"losses {apart:.1e} apart")
        return apart

    apart = trial.each(check)
    losses = ", ".join(f"{name} {value:.0e}" for name, value in apart.items())
    return f"losses apart: {losses}; the same run twice: equal bytes"


CHECKS: dict[str, Callable[[Trial], str]] = {
    "variables and steps lie on the GPU": lies_on_the_gpu,
    "12 steps from equal weights agree with the CPU's": agrees_with_the_cpu,
    "the same run twice, float32": float32_is_exact,
    "the same run twice, bfloat16": bfloat16_is_exact,
    "the same run twice, with XLA": xla_is_exact,
    "killed, and gone on": goes_on_after_a_kill,
    "from the GPU to the CPU and back": moves_to_the_cpu_and_back,
    "memory out for the nets": memory_for_nets,
    "memory out in a step": memory_for_a_step,
    "two GPUs beside one": two_gpus,
}


def run_checks(trial: Trial, names: list[str]) -> tuple[dict[str, str], list[str]]:
    """What each check found, and the names of those that failed."""
    results, failed = {}, []
    for name in names:
        try:
            results[name] = CHECKS[name](trial)
        except Skipped as reason:
            results[name] = f"skipped: {reason}"
        except Exception as error:  # whatever it is, the other checks are of interest
            what = str(error) if isinstance(error, Lost) else repr(error)
            results[name] = f"FAILED: {' '.join(what.split())}"
            failed.append(name)
        print(f"{name:50} {results[name]}", flush=True)
    return results, failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    text = "let the CPU take the GPU's place, keep nothing: proves nothing about GPUs"
    parser.add_argument("--rehearse", action="store_true", help=text)
    parser.add_argument("--only", choices=CHECKS, help="run one check, keep nothing")
    options = parser.parse_args()

    from gan.support.gpus import why_unused
    from gan.support.tensorflow import tf

    gpus = 0 if options.rehearse else len(tf.config.list_physical_devices("GPU"))
    if not gpus and not options.rehearse:
        if reason := why_unused():
            warn(reason)
            return 1
        print("no GPU found, so there is nothing to test; --rehearse tries the checks on the CPU")
        return 0
    is_kept = gpus and not options.only
    if is_kept:
        card = this_card()
        check_card(others("checks"), card)
        print(card["gpu"])
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(Path(folder), gpus)
        results, failed = run_checks(trial, [options.only] if options.only else list(CHECKS))
    seconds = round(time.monotonic() - started)
    print(f"{len(failed)} of {len(results)} failed" if failed else "nothing failed", end="")
    print(f", in {seconds} s" + ("; a rehearsal on the CPU" if options.rehearse else ""))
    if is_kept:
        found = {"seconds": seconds, "failed": failed, "results": results}
        keep_part("checks", "make test-gpu", card, found)
        print("kept in experiments/reference/gpu.json; `make report` writes it into the pages")
    return int(bool(failed))


if __name__ == "__main__":
    run_command(main)
