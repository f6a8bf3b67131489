"""What bench.py, growth.py and scale.py share: contenders that take turns, and our own steps."""

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from statistics import median

from results import REPOSITORY

from gan.data.batches import Schedule


def steps_of(design, images) -> Callable[[float], float]:
    """Return a function that trains `design` for some seconds and returns the steps per second.

    Called again, it continues with the next steps, as a training does. On the same images again and
    again, D would soon be sure of all, and very small numbers are slow to compute with.
    """
    from gan.training.steps import STEPS_PER_CALL, compile_steps

    schedule = Schedule(design.recipe, len(images), seed=0)
    run_steps = compile_steps(design, images, schedule)
    first = 0

    def advance(count: int) -> int:
        nonlocal first
        count = min(count, STEPS_PER_CALL, schedule.stretch_end(first) - first)
        first += len(run_steps(first, count))
        return count

    return rate_of(advance)


def rate_of(advance: Callable[[int], int]) -> Callable[[float], float]:
    """Return a function that advances for some seconds and returns the steps per second.

    `advance` takes at most so many steps, and returns how many it took.
    """
    count = 1

    def run(seconds: float) -> float:
        nonlocal count
        started, steps = time.monotonic(), 0
        while (passed := time.monotonic() - started) < seconds:
            steps += advance(count)
            count = max(1, int(steps / (time.monotonic() - started) / 4))
        return steps / passed

    run(0.1)
    return run


def seconds_of(work: Callable, *arguments: object) -> float:
    """Return the seconds that `work` takes."""
    started = time.monotonic()
    work(*arguments)
    return time.monotonic() - started


def take_turns(contenders: dict, rounds: int, *arguments: object) -> list[dict]:
    """Call all contenders in each round, so that they see the same machine; return the rounds."""
    return [{name: call(*arguments) for name, call in contenders.items()} for _ in range(rounds)]


def medians(turns: list[dict]) -> dict:
    """Return the median over the rounds of every contender."""
    return {name: median(turn[name] for turn in turns) for name in turns[0]}


def train(name: str, *options: object, root: str) -> float:
    """Run the whole command `gan.train`, without its output; return its largest memory in GB."""
    command = [sys.executable, "-m", "gan.train", name, *map(str, options), "--root", root]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"gan.train {name} failed")
    return usage.ru_maxrss / 1e6


class Contender:
    """A process of its own, `python SCRIPT --contend WORDS`, that works only when it is called.

    `hello` is what it found out when it started. `environment`: variables of its environment.
    """

    def __init__(self, script: str, *words: object, **environment: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, script, "--contend", *map(str, words)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {name: str(value) for name, value in environment.items()},
        )
        self.hello = self.answer()

    def answer(self):
        if not (line := self.process.stdout.readline()):
            raise RuntimeError(f"{self.process.args} ended with {self.process.wait()}")
        return json.loads(line)

    def __call__(self, seconds: float):
        """Let it work for some seconds; return its result."""
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        return self.answer()

    def end(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def contend(start: Callable[[], tuple]) -> None:
    """Be the process of a `Contender`: `start` returns its hello, and what it does when called."""
    answers = sys.stdout
    with redirect_stdout(io.StringIO()):  # what the libraries print is no answer
        hello, work = start()
        print(json.dumps(hello), file=answers, flush=True)
        for line in sys.stdin:
            print(json.dumps(work(float(line))), file=answers, flush=True)
