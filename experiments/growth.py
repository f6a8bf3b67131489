"""Measure the cost of larger batches and images, more candidates and more steps: `make growth`

A figure is the median over rounds in which all sizes take turns. Writes reference/growth.json and
draws images/reference/growth.png from it; `--plot` only draws. Takes 15 minutes on 2 cores.
"""

import argparse
import tempfile
from collections.abc import Sequence
from functools import partial

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from results import PICTURES, REFERENCE, check_machine, save_plot, store, stored
from speed import medians, seconds_of, steps_of, take_turns, train

from gan.cli import run_command
from gan.data import load_images
from gan.designs import DESIGNS, build_design, find_recipe
from gan.recipe import positive_float, positive_int

RESULT, PLOT = REFERENCE / "growth.json", PICTURES / "growth.png"
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
    originals, runs = load_images(say=lambda line: None).images, {}
    for label, (batch, side) in sizes.items():
        zoom = side // originals.shape[1]
        images = originals[: len(originals) // zoom**2].repeat(zoom, axis=1).repeat(zoom, axis=2)
        runs[label] = steps_of(build_design(name, images.shape[1:], batch_size=batch), images)
    speeds = medians(take_turns(runs, rounds, seconds))
    return {label: batch * speeds[label] for label, (batch, _) in sizes.items()}


def nice_seconds(name: str, rounds: int) -> dict:
    """Return the seconds for the best 100 images: candidates for each image -> seconds."""
    from gan.evaluation.sampling import draw_samples, keep_best

    design = build_design(name)

    def nice(candidates: int) -> float:
        return seconds_of(lambda: keep_best(draw_samples(design, 0, 100 * candidates), 100))

    turns = take_turns({each: partial(nice, each) for each in CANDIDATES}, 1 + rounds)
    return medians(turns[1:])  # the first is slower: it traces the nets


def command_seconds(name: str, rounds: int) -> dict:
    """Return the seconds of the whole `gan.train` command: steps -> seconds."""

    def command(steps: int) -> float:
        with tempfile.TemporaryDirectory() as root:
            return seconds_of(lambda: train(name, "--steps", steps, root=root))

    return medians(take_turns({steps: partial(command, steps) for steps in STEPS}, rounds))


def measure(designs: Sequence[str], rounds: int, seconds: float, result: dict) -> dict:
    """Measure `designs`, replace their older figures in `result`, and return it."""
    from gan.support.tensorflow import tf

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
    save_plot(figure, PLOT)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("designs", nargs="*", choices=[[], *DESIGNS], default=[])
    parser.add_argument("--rounds", type=positive_int, default=3)
    parser.add_argument("--seconds", type=positive_float, default=1.5)
    parser.add_argument("--plot", action="store_true", help="only draw the stored figures")
    options = parser.parse_args()
    if not options.plot:
        old = stored(RESULT, {key: {} for key in PANELS})
        designs = options.designs or list(DESIGNS)
        if options.designs:
            check_machine(old)
        store(RESULT, "make growth", measure(designs, options.rounds, options.seconds, old))
    plot(stored(RESULT))
    return 0


if __name__ == "__main__":
    run_command(main)
