"""Measure the cost of larger batches and images, more candidates and more steps: `make growth`

It measures the speed of every design for several batch sizes and image sizes, the time of --nice
for several numbers of candidates, and the time of the whole training command for several numbers
of steps. A figure is the median over rounds in which all sizes take turns. Writes
experiments/reference/growth.json and draws images/reference/growth.png from it; `--plot` only draws
the picture. Takes a quarter of an hour on 2 cores.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from statistics import median

from results import FIGURES, PICTURES, check_machine, store

from gan.cli import load_tensorflow, run_command
from gan.designs import DESIGNS, build_design, find_recipe
from gan.recipe import positive_float, positive_int

RESULT, PLOT = FIGURES / "growth.json", PICTURES / "growth.png"
BATCHES = (32, 64, 128, 256, 512, 1024)
SIDES = (28, 56, 84)
CANDIDATES = (1, 5, 20, 100)
STEPS = (1, 300, 3000)
WHOLE = ("dense", "dense-sgd", "mlp")  # for the others, start-up is too short beside the steps
PANELS = {
    "batch": ("images in a step", "real images a second, training"),
    "side": ("side of an image, pixels", "real images a second, training"),
    "nice": ("candidates for each image kept", "seconds for 100 images"),
    "steps": ("steps trained", "seconds, the whole command"),
}


def images_per_second(name: str, sizes: dict, rounds: int, seconds: float) -> dict:
    """Return the real images per second of training for each of `sizes`: label -> (batch, side)."""
    from bench import our_steps

    from gan.data import load_images

    originals = load_images(say=lambda line: None).images
    runs = {}
    for label, (batch, side) in sizes.items():
        zoom = side // originals.shape[1]
        images = originals[: len(originals) // zoom**2].repeat(zoom, axis=1).repeat(zoom, axis=2)
        runs[label] = our_steps(name, images, batch_size=batch)[0]
    log = [{label: run(seconds) for label, run in runs.items()} for _ in range(rounds)]
    return {label: sizes[label][0] * median(turn[label] for turn in log) for label in sizes}


def nice_seconds(name: str, rounds: int) -> dict:
    """Return the seconds for the best 100 images: candidates for each image -> seconds."""
    from gan.evaluation.sampling import draw_samples, keep_best

    design = build_design(name)
    log = []
    for _ in range(1 + rounds):  # the first is slower: it traces the nets
        turn = {}
        for candidates in CANDIDATES:
            started = time.monotonic()
            keep_best(draw_samples(design, 0, 100 * candidates), 100)
            turn[candidates] = time.monotonic() - started
        log.append(turn)
    return {candidates: median(turn[candidates] for turn in log[1:]) for candidates in CANDIDATES}


def command_seconds(name: str, rounds: int) -> dict:
    """Return the seconds of the whole `gan.train` command: steps -> seconds."""
    from bench import start_command

    log = []
    for _ in range(rounds):
        turn = {}
        for steps in STEPS:
            with tempfile.TemporaryDirectory() as root:
                started = time.monotonic()
                command = start_command("gan.train", name, "--steps", str(steps), "--root", root)
                if command.wait():
                    raise RuntimeError(f"gan.train {name} failed")
                turn[steps] = time.monotonic() - started
        log.append(turn)
    return {steps: median(turn[steps] for turn in log) for steps in STEPS}


def measure(designs: Sequence[str], rounds: int, seconds: float, result: dict) -> dict:
    """Measure `designs`, replace their older figures in `result`, and return it."""
    load_tensorflow()
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")  # it warns that the program traces often
    for name in designs:
        batch = find_recipe(name).batch_size
        sizes = {size: (size, 28) for size in BATCHES}
        result["batch"][name] = images_per_second(name, sizes, rounds, seconds)
        sizes = {side: (batch, side) for side in SIDES}
        result["side"][name] = images_per_second(name, sizes, rounds, seconds)
        result["nice"][name] = nice_seconds(name, rounds)
        if name in WHOLE:
            result["steps"][name] = command_seconds(name, rounds)
        print(f"{name} measured", flush=True)
    return {key: result[key] for key in PANELS}


def plot(result: dict) -> None:
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator

    figure = Figure(figsize=(10, 7.5), layout="constrained")
    axes = figure.subplots(2, 2)
    for axis, (key, (xlabel, ylabel)) in zip(axes.flat, PANELS.items(), strict=True):
        for index, name in enumerate(DESIGNS):
            if points := result[key].get(name):
                axis.plot([int(x) for x in points], points.values(), f"C{index}o-", label=name)
        ticks = sorted({int(x) for points in result[key].values() for x in points})
        axis.set(xscale="log", yscale="log", xlabel=xlabel, ylabel=ylabel)
        axis.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        axis.minorticks_off()
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter("{x:,g}")
        axis.grid(alpha=0.3)
    axes.flat[0].legend()
    figure.suptitle(f"{result['machine']}, {result['date']}")
    PLOT.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PLOT, dpi=80, metadata={"Software": None})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("designs", nargs="*", choices=[[], *DESIGNS], default=[])
    parser.add_argument("--rounds", type=positive_int, default=3)
    parser.add_argument("--seconds", type=positive_float, default=1.5)
    parser.add_argument("--plot", action="store_true", help="only draw the stored figures")
    options = parser.parse_args()
    if not options.plot:
        old = json.loads(RESULT.read_text()) if RESULT.exists() else {key: {} for key in PANELS}
        designs = options.designs or list(DESIGNS)
        if options.designs:
            check_machine(old)
        store(RESULT, "make growth", measure(designs, options.rounds, options.seconds, old))
    plot(json.loads(RESULT.read_text()))
    return 0


if __name__ == "__main__":
    run_command(main)
