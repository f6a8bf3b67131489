"""Measure step time and data exchange on several devices: `make scale`

For each design on 1, 2 and 4 logical devices of this machine, it measures the bytes that a replica
passes to all-reduce in a step, and the median time of a step. The bytes are counted in the compiled
graph and, separately, from the numbers of parameters. Each case runs in its own process. Writes
experiments/reference/scale.json, which holds the figures of experiments/scale.md, and prints them.
Takes 5 minutes on 2 cores.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys

from bench import steps_of
from results import FIGURES, store

from gan.cli import load_tensorflow, run_command
from gan.designs import DESIGNS, build_design

RESULT = FIGURES / "scale.json"
DEVICES = (1, 2, 4)
ROUNDS, SECONDS = 5, 3.0  # in each case; the table shows the median of the rounds
BYTES_PER_SECOND = {"1 Gbit/s": 1.25e8, "10 Gbit/s": 1.25e9, "100 Gbit/s": 1.25e10}
D_UPDATES = {"dense": 2, "dense-sgd": 2}  # in a step; the other designs have one
# How often a step assigns BatchNorm's moving statistics, each time to the mean of all replicas.
# `mlp` has two passes in training mode, and each pass assigns the variance twice.
ASSIGNED = {"mlp": {"mean": 2, "variance": 4}}


def measure(name: str, devices: int) -> dict:
    """Measure one case in this process."""
    load_tensorflow()
    import tensorflow as tf

    from gan.data.digits import draw_digits
    from gan.devices.strategy import choose_strategy

    strategy, _ = choose_strategy(devices)
    with strategy.scope():
        design = build_design(name)
    graphs, step = [], design.step

    def watched_step(*arguments):
        graphs.append(tf.compat.v1.get_default_graph())
        return step(*arguments)

    design.step = watched_step
    run = steps_of(design, draw_digits(10_000, seed=0)[0][..., None])
    speed = statistics.median(run(SECONDS) for _ in range(ROUNDS))
    reduced = [
        operation.inputs[0].shape.num_elements() * operation.inputs[0].dtype.size
        for operation in graphs[-1].get_operations()
        if operation.type.startswith("CollectiveReduce")
    ]
    return {
        "seconds": 1 / speed,
        "bytes_in_graph": sum(reduced) // devices,
        "all_reduces_in_graph": len(reduced) // devices,
        "bytes_of_gradients": gradient_bytes(design),
        "bytes_of_moving_statistics": statistics_bytes(design),
    }


def gradient_bytes(design) -> int:
    """Return the bytes of a step's gradients: four for each weight in each update of its net."""
    d_weights, g_weights = (
        sum(variable.shape.num_elements() for variable in net.trainable_variables)
        for net in (design.discriminator, design.generator)
    )
    return 4 * (D_UPDATES.get(design.name, 1) * d_weights + g_weights)


def statistics_bytes(design) -> int:
    """Return the bytes of BatchNorm's statistics that the replicas average in a step."""
    times = ASSIGNED.get(design.name, {"mean": 1, "variance": 1})
    variables = design.generator.non_trainable_variables
    return 4 * sum(
        times[kind] * variable.shape.num_elements()
        for variable in variables
        for kind in times
        if variable.name == f"moving_{kind}"
    )


def measure_all() -> dict:
    """Measure each case in its own process, as TensorFlow's devices are fixed once it starts."""
    results = {}
    for name in DESIGNS:
        for devices in DEVICES:
            command = [sys.executable, __file__, "--case", name, str(devices)]
            answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            results.setdefault(name, {})[str(devices)] = json.loads(answer.splitlines()[-1])
            print(name, devices, results[name][str(devices)], flush=True)
    return {"designs": results}


def tables(result: dict) -> str:
    """Return the tables of scale.md as Markdown."""
    lines = [
        "| design | bytes of gradients | bytes counted in the graph | bytes of moving statistics |",
        "|---|---|---|---|",
    ]
    for name, cases in result["designs"].items():
        two = cases["2"]
        lines.append(
            f"| `{name}` | {two['bytes_of_gradients']:,} | {two['bytes_in_graph']:,} in "
            f"{two['all_reduces_in_graph']} all-reduces | {two['bytes_of_moving_statistics']:,} |"
        )
    lines += [
        "",
        "| design | 1 device | 2 devices | 4 devices |",
        "|---|---|---|---|",
    ]
    for name, cases in result["designs"].items():
        times = [f"{1000 * cases[str(devices)]['seconds']:.3g} ms" for devices in DEVICES]
        lines.append(f"| `{name}` | {' | '.join(times)} |")
    lines += [
        "",
        f"| design | step, 1 device | {' | '.join(BYTES_PER_SECOND)} | exchange = step at |",
        "|---|---|---|---|---|---|",
    ]
    for name, cases in result["designs"].items():
        seconds = cases["1"]["seconds"]
        sent = 2 * (cases["2"]["bytes_of_gradients"] + cases["2"]["bytes_of_moving_statistics"])
        times = [f"{1000 * sent / speed:.3g} ms" for speed in BYTES_PER_SECOND.values()]
        equal = f"{8 * sent / seconds / 1e9:.2g} Gbit/s"
        lines.append(f"| `{name}` | {1000 * seconds:.3g} ms | {' | '.join(times)} | {equal} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--case", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        name, devices = options.case
        print(json.dumps(measure(name, int(devices))))
    else:
        print(tables(store(RESULT, "make scale", measure_all())))
    return 0


if __name__ == "__main__":
    run_command(main)
