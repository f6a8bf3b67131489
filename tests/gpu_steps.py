"""Twelve steps of each design from equal weights, and where they are computed, for gpu.py.

    python tests/gpu_steps.py FOLDER WHO [short]

WHO is what computes: cpu, gpu, tf32 (the GPU with TF32), or in-place (a second, logical CPU in the
GPU's place, which rounds in another way than cpu does). Writes FOLDER/WHO.npz and FOLDER/WHO.json.
cpu must be first: the others begin with its weights. short: batches of 32 images.
"""

import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

if "in-place" in sys.argv:  # read once, when TensorFlow starts
    os.environ["TF_NUM_INTRAOP_THREADS"] = "1"

import numpy as np
from processes import draw_digits  # it finds gan wherever this is started

from gan import design as base
from gan.data.batches import Schedule
from gan.designs import DESIGNS, build_design
from gan.devices.strategy import choose_strategy
from gan.support.exact import set_gpu_kernels
from gan.support.tensorflow import tf
from gan.training.steps import compile_steps

STEPS = 12
ALL_STEPS = 20  # with the first update of the average
SEEDS = 3  # of first weights
IMAGES = 700  # dcgan's third step is the short one at the end of an epoch

# Operations that compute nothing, and types of numbers of which the others compute many.
MOVES = ("Const", "Identity", "NoOp", "Switch", "Merge", "Enter", "Exit", "NextIteration")
MOVES += ("_Arg", "_Retval", "_Send", "_Recv", "_HostSend", "_HostRecv")
WORK = {"float32", "bfloat16", "float16", "float64", "uint8", "uint32"}


def work_elsewhere(graphs: Iterable, device: str) -> Counter:
    """The operations on floats, pixels or noise that are not on `device`, and how often.

    The loop's counter, the keys of the noise and the log of losses may lie anywhere. The images are
    int64; as an argument (_Arg) from elsewhere they would be copied in each call.
    """
    found = Counter()
    for node in (node for graph in graphs for node in graph.node):
        if device in node.device or node.op.startswith("TensorList"):
            continue
        attributes = (each for each in node.attr.values() if each.WhichOneof("value") == "type")
        types = {tf.as_dtype(each.type).name for each in attributes}
        computes = types & WORK and node.op not in MOVES
        takes_images = "int64" in types and ("Gather" in node.op or node.op == "_Arg")
        if computes or takes_images:
            found[node.op] += 1
    return found


@contextmanager
def traced() -> Iterator[list]:
    """Fill the list with the graphs of the functions that are first called here, for each device.

    Only of functions that use variables, as the steps do; TensorFlow makes others for constants.
    """
    graphs = []
    tf.summary.trace_on(graph=True)
    yield graphs
    with tempfile.TemporaryDirectory() as folder:
        writer = tf.summary.create_file_writer(folder)
        with writer.as_default():
            tf.summary.trace_export("graphs", step=0)
        writer.close()
        for record in tf.data.TFRecordDataset([str(path) for path in Path(folder).iterdir()]):
            for value in tf.compat.v1.Event.FromString(record.numpy()).summary.value:
                metadata = tf.compat.v1.RunMetadata.FromString(value.tensor.string_val[0])
                for function in (each.partition_graphs for each in metadata.function_graphs):
                    if any(node.op == "ReadVariableOp" for part in function for node in part.node):
                        graphs.extend(function)


def placed(design, graphs: list, device: str) -> dict:
    """What of the variables and the steps of `design` is on `device`, and what is not."""
    variables = [*design.all_variables, *design.averages]
    return {
        "variables": len(variables),
        "variables elsewhere": [v.path for v in variables if device not in v.value.device],
        "operations": len(there := [n.op for g in graphs for n in g.node if device in n.device]),
        "products": sum("MatMul" in operation for operation in there),
        "work elsewhere": work_elsewhere(graphs, device),
    }


def compute(name: str, device: str, first: dict, short: bool) -> tuple[dict, dict]:
    """Train from the weights in `first`, or else those of each seed; arrays, and what is `placed`.

    dcgan has no dropout, because TensorFlow may draw other masks on another device.
    """
    options = {"dropout": 0.0} if name == "dcgan" else {}
    options |= {"batch_size": 32} if short else {}
    images = draw_digits(IMAGES, seed=1)[0][..., None]
    noise = np.random.default_rng(0).normal(size=(32, 100)).astype("float32")
    with traced() as graphs:
        design = build_design(name, **options)
        schedule = Schedule(design.recipe, len(images), seed=0)
        run_steps, arrays = compile_steps(design, images, schedule), {}

        def train(done: int, end: int) -> Iterator[np.ndarray]:
            while done < end:
                part = min(end, schedule.stretch_end(done))
                yield run_steps(done, part - done)
                done = part

        for seed in range(SEEDS):
            other = None if first else build_design(name, seed=seed, **options)
            for index, variable in enumerate(design.all_variables):
                key = f"{name}/{seed}/{index}"
                value = first[key] if first else other.all_variables[index].numpy()
                variable.assign(value)
                arrays |= {} if first else {key: value}
            result = {"before": np.array(design.sample(noise))}
            result["losses"] = np.concatenate(list(train(0, STEPS)))
            result["after"] = np.array(design.sample(noise))
            arrays |= {f"{name}/{seed}/{key}": value for key, value in result.items()}
        design.start_average()
        list(train(STEPS, ALL_STEPS))
    return arrays, placed(design, graphs, device)


def main(folder: Path, who: str, short: bool) -> None:
    device = "CPU:0" if who == "cpu" else "GPU:0"
    scope = nullcontext()  # TensorFlow takes the GPU by itself
    if who == "in-place":
        base.XLA_DEVICES = ()  # as on a GPU
        parts = 2 * [tf.config.LogicalDeviceConfiguration()]
        tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], parts)
        device, scope = "CPU:1", tf.device("CPU:1")
    choose_strategy("cpu" if who == "cpu" else 1)
    set_gpu_kernels(tf32=who == "tf32")
    first = {} if who == "cpu" else dict(np.load(folder / "cpu.npz"))
    arrays, places = {}, {}
    for name in DESIGNS:
        with scope:
            found, places[name] = compute(name, device, first, short)
        arrays |= found
    np.savez(folder / f"{who}.npz", **arrays)
    (folder / f"{who}.json").write_text(json.dumps(places), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], "short" in sys.argv)
