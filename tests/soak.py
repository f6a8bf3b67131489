"""make soak: thousands of short trainings, several at a time, to see whether one of them crashes.

    python tests/soak.py [--trainings 5000] [--at-once 3] [--python PATH ...] [--store]

A training of the test suite once ended with "corrupted size vs. prev_size" (SIGABRT). Here worker
processes train in each of the VARIANTS, and with each `--python` (an interpreter that has another
TensorFlow), until all have trained the wanted number of times. What a dead worker leaves is kept in
`--folder`: its output and, where the kernel writes core dumps and gdb is installed, the stacks of
all threads. Ctrl-C stops it. `--store` adds the counts to experiments/reference/soak.json.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from math import comb, exp, log, log1p
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path[:0] = map(str, (REPOSITORY, REPOSITORY / "experiments"))

from results import REFERENCE, commit, store, stored  # noqa: E402

from gan.recipe import positive_int, seed_number  # noqa: E402

RESULT = REFERENCE / "soak.json"
PER_WORKER = 25  # then a new process: TensorFlow never frees what it has compiled
# One after another. The first is the one that died; convolutions take more time, so few of them.
DESIGNS = ("dense-sgd",) * 8 + ("dense",) * 4 + ("mlp",) * 3 + ("d-on-g", "dcgan")
STEPS = {"d-on-g": 6, "dcgan": 6}  # the others: 60
SETTINGS = ("--batch-size", "8", "--checkpoint-seconds", "0.2")


class Variant(NamedTuple):
    xla: bool
    matplotlib: bool
    threads: int  # within one operation

    @property
    def title(self) -> str:
        with_or_without = {True: "with", False: "without"}
        xla, plots = with_or_without[self.xla], with_or_without[self.matplotlib]
        return f"{xla} XLA, {plots} Matplotlib, {self.threads} thread{'s' * (self.threads > 1)}"


VARIANTS = [Variant(*each) for each in itertools.product((False, True), (False, True), (1, 2))]


# -- a worker ----------------------------------------------------------------------------------


def work(variant: Variant, first: int, folder: Path) -> None:
    """Train PER_WORKER times in this process, and print a line before and after each."""
    import numpy as np
    import tensorflow as tf

    import gan.dense
    import gan.mlp
    from gan import train
    from gan.data.digits import draw_digits

    tf.config.threading.set_intra_op_parallelism_threads(variant.threads)
    if not variant.matplotlib:
        import gan.pictures.gallery

        gan.pictures.gallery.draw_curves = lambda *_: None
    if not variant.xla:
        gan.dense.GAN.compile_with_xla = gan.mlp.MLPGAN.compile_with_xla = False
    print("tensorflow", tf.__version__, flush=True)
    data = folder / "small.npz"
    np.savez(data, x_train=draw_digits(200, seed=1)[0])
    for number in range(first, first + PER_WORKER):
        design, root = DESIGNS[number % len(DESIGNS)], folder / str(number)
        print("begin", number, design, flush=True)
        words = [design, "--root", root, "--data", data, "--seed", number, *SETTINGS]
        if code := train.main([*map(str, words), "--steps", str(STEPS.get(design, 60))]):
            sys.exit(code)
        shutil.rmtree(root)
        print("end", number, design, flush=True)


# -- all of them -------------------------------------------------------------------------------


def dump_core() -> None:
    """Let this process write a core dump of any size, or as large as a user may who is not root."""
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (-1, -1))
    except ValueError:
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


class Worker:
    """A process that trains PER_WORKER times; it writes into a folder of its own."""

    def __init__(self, python: str, variant: Variant, first: int, folder: Path) -> None:
        self.python, self.variant = python, variant
        self.folder = Path(tempfile.mkdtemp(dir=folder, prefix="worker-"))
        words = [python, "-X", "faulthandler", __file__, "--worker", str(VARIANTS.index(variant))]
        words += ["--first", str(first), "--folder", str(self.folder)]
        self.output = (self.folder / "output").open("w", encoding="utf-8")
        self.process = subprocess.Popen(
            words,
            cwd=self.folder,  # the kernel writes core dumps here
            stdout=self.output,
            stderr=subprocess.STDOUT,
            preexec_fn=dump_core,
        )

    def lines(self, word: str) -> list[list[str]]:
        text = (self.folder / "output").read_text(encoding="utf-8", errors="replace")
        return [line.split() for line in text.splitlines() if line.startswith(word + " ")]

    @property
    def title(self) -> str:
        """Of its row in the table."""
        version = self.lines("tensorflow")[0][1] if self.lines("tensorflow") else "?"
        return f"TensorFlow {version}, {self.variant.title}"

    def death(self) -> dict:
        """How it ended, in which training, and the stack of the thread that did."""
        code, stack = self.process.returncode, []
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        for core in self.folder.glob("core*"):
            if shutil.which("gdb"):
                command = ["gdb", "-batch", "-ex", "bt 40", "-ex", "thread apply all bt 40"]
                found = subprocess.run([*command, self.python, core], capture_output=True)
                (self.folder / "stacks").write_bytes(found.stdout)
                lines = found.stdout.decode(errors="replace").splitlines()
                stack = [line for line in lines if line.startswith("#")][:40]
        begun = self.lines("begin")[len(self.lines("end")) :]  # none: between two, or at the start
        return {"end": name, "training": begun[0][1:] if begun else None, "stack": stack}


def chance_below(deaths: int, trainings: int) -> float:
    """The chance of a death in one training is below this, with 95 % confidence (exact).

    `trainings`: all that began, also those that died.
    """

    def so_few(chance: float) -> float:
        """The probability of `deaths` or fewer, if each training dies with this chance."""
        ways = (log(comb(trainings, n)) for n in range(deaths + 1))  # too large for a float
        dies, lives = log(chance), log1p(-chance)
        return sum(exp(way + n * dies + (trainings - n) * lives) for n, way in enumerate(ways))

    if deaths >= trainings:
        return 1.0
    low, high = 0.0, 1.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if so_few(middle) > 0.05 else (low, middle)
    return high


def soak(options: argparse.Namespace, keep) -> None:
    """Run workers until each kind has trained as often as wanted; `keep(worker)` each."""
    kinds = [(python, variant) for variant in VARIANTS for python in options.python]
    wanted = -(-options.trainings // (len(kinds) * PER_WORKER)) * len(kinds)
    number, workers = options.first, []
    waiting = [kinds[index % len(kinds)] for index in range(wanted)]
    try:
        while waiting or workers:
            while waiting and len(workers) < options.at_once:
                workers.append(Worker(*waiting.pop(0), number, options.folder))
                number += PER_WORKER
            time.sleep(0.2)
            for worker in [each for each in workers if each.process.poll() is not None]:
                workers.remove(worker)
                keep(worker)
    finally:
        for worker in workers:
            worker.process.kill()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trainings", type=positive_int, default=5000, metavar="N", help="in all")
    parser.add_argument("--at-once", type=positive_int, default=3, metavar="N", help="processes")
    parser.add_argument("--python", nargs="+", default=[sys.executable], metavar="PATH")
    parser.add_argument("--first", type=seed_number, default=0, metavar="N", help="its seed")
    parser.add_argument("--folder", type=Path, help="for what dead workers leave")
    parser.add_argument("--store", action="store_true", help="add the counts to soak.json")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker is not None:
        work(VARIANTS[options.worker], options.first, options.folder)
        return 0
    options.folder = options.folder or Path(tempfile.mkdtemp(prefix="soak-"))
    options.folder.mkdir(parents=True, exist_ok=True)
    version, started = commit(), time.monotonic()
    before = stored(RESULT, {})
    if before.get("commit") != version or not options.store:
        before = {}
    counts, deaths = dict(before.get("trainings", {})), list(before.get("deaths", []))

    def keep(worker: Worker) -> None:
        done = len(worker.lines("end"))
        counts[worker.title] = counts.get(worker.title, 0) + done
        if worker.process.returncode:
            deaths.append({"variant": worker.title} | worker.death())
            print(f"DIED {deaths[-1]}\nkept: {worker.folder}", flush=True)
        else:
            shutil.rmtree(worker.folder)
        total = sum(counts.values())
        print(f"{total:,} trainings, {len(deaths)} died", flush=True)
        if options.store:
            seconds = round(before.get("seconds", 0) + time.monotonic() - started)
            found = {"commit": version, "trainings": counts, "deaths": deaths, "seconds": seconds}
            found |= {"at_once": options.at_once}
            found["chance_below"] = chance_below(len(deaths), total + len(deaths))
            store(RESULT, "make soak", found)

    with suppress(KeyboardInterrupt):
        soak(options, keep)
    print(f"in {round(time.monotonic() - started):,} s; kept in {options.folder}")
    return bool(deaths)


if __name__ == "__main__":
    sys.exit(main())
