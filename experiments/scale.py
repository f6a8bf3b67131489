"""Measure step time and data exchange on 1, 2 and 4 devices of this machine: `make scale`

The exchange is the bytes that a replica passes to all-reduce in a step. They are counted in the
compiled graph and, separately, from the numbers of parameters. Each case runs in its own process.
Writes reference/scale.json, which holds the figures of scale.md. Takes 5 minutes on 2 cores.
"""

import argparse
from statistics import median

from results import REFERENCE, store
from speed import Contender, contend, steps_of
from tables import table

from gan.cli import run_command
from gan.designs import DESIGNS, build_design

RESULT = REFERENCE / "scale.json"
DEVICES = (1, 2, 4)
ROUNDS, SECONDS = 5, 3.0  # in each case; the table shows the median of the rounds
BYTES_PER_SECOND = {"1 Gbit/s": 1.25e8, "10 Gbit/s": 1.25e9, "100 Gbit/s": 1.25e10}
D_UPDATES = {"dense": 2, "dense-sgd": 2}  # in a step; the other designs have one
# How often a step assigns BatchNorm's moving statistics, each time to the mean of all replicas.
# `mlp` has two passes in training mode, and each pass assigns the variance twice.
ASSIGNED = {"mlp": {"mean": 2, "variance": 4}}


def start(name: str, devices: int) -> tuple[dict, object]:
    """Build a design on some devices of this process; return its bytes and its `steps_of`."""
    from gan.data.digits import draw_digits
    from gan.devices.strategy import choose_strategy
    from gan.support.tensorflow import tf

    strategy, _ = choose_strategy(devices)
    with strategy.scope():
        design = build_design(name)
    graphs, step = [], design.step

    def watched_step(*arguments):
        graphs.append(tf.compat.v1.get_default_graph())
        return step(*arguments)

    design.step = watched_step
    run = steps_of(design, draw_digits(10_000, seed=0)[0][..., None])
    reduced = [
        operation.inputs[0].shape.num_elements() * operation.inputs[0].dtype.size
        for operation in graphs[-1].get_operations()
        if operation.type.startswith("CollectiveReduce")
    ]
    return {
        "bytes_in_graph": sum(reduced) // devices,
        "all_reduces_in_graph": len(reduced) // devices,
        "bytes_of_gradients": gradient_bytes(design),
        "bytes_of_moving_statistics": statistics_bytes(design),
    }, run


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
            contender = Contender(__file__, name, devices)
            speed = median(contender(SECONDS) for _ in range(ROUNDS))
            contender.end()
            case = {"seconds": 1 / speed} | contender.hello
            results.setdefault(name, {})[str(devices)] = case
            print(name, devices, case, flush=True)
    return {"designs": results}


def exchange_table(designs: dict) -> str:
    """Return the bytes that two devices exchange in a step as a Markdown table."""
    headings = ["design", "bytes of gradients", "bytes counted in the graph"]
    rows = []
    for name, cases in designs.items():
        two = cases["2"]
        counted = f"{two['bytes_in_graph']:,} in {two['all_reduces_in_graph']} all-reduces"
        statistics = f"{two['bytes_of_moving_statistics']:,}"
        rows.append([f"`{name}`", f"{two['bytes_of_gradients']:,}", counted, statistics])
    return table([*headings, "bytes of moving statistics"], rows)


def devices_table(designs: dict) -> str:
    """Return the time of a step on 1, 2 and 4 devices as a Markdown table."""
    rows = (
        [f"`{name}`", *(f"{1000 * cases[str(each)]['seconds']:.3g} ms" for each in DEVICES)]
        for name, cases in designs.items()
    )
    return table(["design", "1 device", "2 devices", "4 devices"], rows)


def network_table(designs: dict) -> str:
    """Return the time of the exchange on networks of several speeds as a Markdown table."""
    rows = []
    for name, cases in designs.items():
        seconds = cases["1"]["seconds"]
        sent = 2 * (cases["2"]["bytes_of_gradients"] + cases["2"]["bytes_of_moving_statistics"])
        times = [1000 * seconds, *(1000 * sent / speed for speed in BYTES_PER_SECOND.values())]
        equal = f"{8 * sent / seconds / 1e9:.2g} Gbit/s"
        rows.append([f"`{name}`", *(f"{time:.3g} ms" for time in times), equal])
    return table(["design", "step, 1 device", *BYTES_PER_SECOND, "exchange = step at"], rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--contend", nargs=2, help=argparse.SUPPRESS)
    if case := parser.parse_args().contend:
        contend(lambda: start(case[0], int(case[1])))
        return 0
    designs = store(RESULT, "make scale", measure_all())["designs"]
    print(exchange_table(designs), devices_table(designs), network_table(designs), sep="\n\n")
    return 0


if __name__ == "__main__":
    run_command(main)
