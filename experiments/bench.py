"""Compare the speed of each design with its document's code and the machine's limit: `make bench`

The limit is the time that the matrix products and convolutions of a step would take alone, at the
greatest speed measured here. Contenders (contenders.py) take turns, each in its own process. A
figure is the median over the rounds of the ratio within a round: reference/benchmark.json.

On a machine with a GPU it measures the GPU instead: each design in float32, TF32 and bfloat16, with
and without XLA and op determinism, without the documents' code: reference/gpu.json. There,
`--devices cpu` measures the CPU.

    python experiments/bench.py [--rounds N] [--seconds S] [--others] [--devices cpu] [DESIGN ...]
"""

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from documents import DOCUMENTS
from on_gpu import (
    KINDS,
    VARIANTS,
    check_card,
    keep_part,
    label,
    others,
    speed_table,
    this_card,
)
from results import REFERENCE, check_machine, store, stored
from speed import Contender, medians, seconds_of, take_turns, train
from tables import table

from gan.cli import run_command
from gan.designs import DESIGNS, find_recipe
from gan.recipe import positive_float, positive_int
from gan.support.errors import UserError

RESULT = REFERENCE / "benchmark.json"
PRECISIONS = ("float32", "bfloat16")
CONTENDERS = str(Path(__file__).with_name("contenders.py"))
# What two choices of this project cost: float32 otherwise, and how many inter-op threads.
OTHERWISE = {"without an averaged generator": 1, "several inter-op threads": os.cpu_count()}
PARTS = ("training", "start_up", "sampling", "whole_run")
CPU_TURNS, GPU_TURNS = (7, 4.0), (5, 1.0)  # rounds and seconds


def compare(name: str, rounds: int, seconds: float) -> dict:
    """Return the steps per second of all contenders, and the medians of the ratios."""
    names = (*PRECISIONS, "document", "limit")
    contenders = {who: Contender(CONTENDERS, name, who) for who in names}
    for who, threads in OTHERWISE.items():
        contenders[who] = Contender(CONTENDERS, name, who, TF_NUM_INTEROP_THREADS=threads)
    turns = take_turns(contenders, rounds, seconds)
    operations = contenders["float32"].hello
    for contender in contenders.values():
        contender.end()

    def share(turn: dict, precision: str) -> float:
        speed = turn["limit"][precision]
        least = sum(operations[kind] / speed[kind] for kind in operations)
        return turn[precision] * least

    result = {"steps_per_second": {}, "times_document": {}, "share_of_limit": {}, "otherwise": {}}
    for who in (*PRECISIONS, "document"):
        result["steps_per_second"][who] = median(turn[who] for turn in turns)
    for who in PRECISIONS:
        result["times_document"][who] = median(turn[who] / turn["document"] for turn in turns)
        result["share_of_limit"][who] = median(share(turn, who) for turn in turns)
    for who in OTHERWISE:
        result["otherwise"][who] = median(turn[who] / turn["float32"] for turn in turns)
    return result | {"operations": operations, "rounds": turns}


def whole_run() -> dict:
    """Measure time and memory of a whole `dense` command; time its steps alone before and after."""
    contender = Contender(CONTENDERS, "dense", "float32")
    alone = [contender(10)]
    with tempfile.TemporaryDirectory() as root:
        started = time.monotonic()
        memory = train("dense", root=root)
        seconds = time.monotonic() - started
    alone.append(contender(10))
    contender.end()
    return {
        "seconds": seconds,
        "times_steps_alone": seconds * median(alone) / find_recipe("dense").steps,
        "peak_memory_gb": memory,
    }


def sampling(rounds: int) -> dict:
    """Compare writing a file of 10,000 images with its forward passes alone, for each design."""
    result = {}
    for name in DESIGNS:
        contender = Contender(CONTENDERS, name, "sampling")
        turns = [contender(0) for _ in range(max(1, rounds // 2))]
        contender.end()
        result[name] = medians(turns)
        result[name]["share_of_nets"] = median(turn["file"] / turn["nets"] for turn in turns)
    return result


def start_up(rounds: int) -> dict:
    """Time `gan.generate` from command to PNG, and `import tensorflow` alone."""
    with tempfile.TemporaryDirectory() as root:
        train("dense", "--steps", 1, root=root)

        def run(*words: str) -> float:
            command = [sys.executable, *words]
            return seconds_of(lambda: subprocess.run(command, check=True, capture_output=True))

        contenders = {
            "import_tensorflow_seconds": lambda: run("-c", "import tensorflow"),
            "generate_seconds": lambda: run("-m", "gan.generate", "--root", root),
        }
        turns = take_turns(contenders, rounds)
    beyond = [(turn["generate_seconds"] - 2) / turn["import_tensorflow_seconds"] for turn in turns]
    return medians(turns) | {"beyond_2_seconds_times_import": median(beyond)}


def training_table(designs: dict) -> str:
    """Return the speed of the designs' trainings as a Markdown table."""
    headings = ["design", "document's code"]
    headings += ["float32", "times as fast", "share of the limit", "bfloat16", "times as fast"]
    rows = []
    for name in filter(designs.get, DESIGNS):
        speed, share = designs[name]["steps_per_second"], designs[name]["share_of_limit"]
        float32, bfloat16 = (
            [f"{speed[precision]:.3g} it/s", times_document(designs[name], precision)]
            for precision in PRECISIONS
        )
        document = f"{speed['document']:.3g} it/s"
        rows.append([f"`{name}`", document, *float32, f"{share['float32']:.0%}", *bfloat16])
    return table(headings, rows)


def otherwise_table(designs: dict) -> str:
    """Return how many times as fast each design is with the other choice, as a Markdown table."""
    rows = []
    for name in filter(designs.get, DESIGNS):
        turns = designs[name]["rounds"]
        if "otherwise" in designs[name]:
            times = ([turn[who] / turn["float32"] for turn in turns] for who in OTHERWISE)
            rows.append([f"`{name}`", *(middle_and_range(each) for each in times)])
    return table(["design", *OTHERWISE], rows) if rows else "Not measured yet."


def other_table(result: dict) -> str:
    """Return the rest of the result as a Markdown table."""
    whole, start = result["whole_run"], result["start_up"]
    rows = {
        "the whole of `make train-dense`": f"{whole['seconds']:.0f} s, "
        f"{whole['times_steps_alone']:.2f} times its steps alone; "
        f"at most {whole['peak_memory_gb']:.2f} GB of memory",
        "`python -m gan.generate`, from command to PNG": f"{start['generate_seconds']:.1f} s; "
        f"`import tensorflow` alone takes {start['import_tensorflow_seconds']:.1f} s",
    }
    for name, figures in result["sampling"].items():
        rows[f"a file of 10,000 images of `{name}`"] = (
            f"{figures['file']:,.0f} images/s, "
            f"{figures['share_of_nets']:.0%} of the speed of the nets' forward passes alone"
        )
    return table(["what", "measured"], rows.items())


def times_document(figures: dict, precision: str) -> str:
    """Format how many times as fast as the document's code: median and range of the rounds."""
    return middle_and_range([turn[precision] / turn["document"] for turn in figures["rounds"]])


def middle_and_range(times: list[float]) -> str:
    return f"{median(times):.2g} ({min(times):.2g} to {max(times):.2g})"


def compare_on_gpu(name: str, rounds: int, seconds: float) -> dict[str, list[dict]]:
    """Return the rounds of each format: the steps per second of each variant, None if it fails."""
    result = {}
    for kind in KINDS:
        contenders = {}
        for variant in VARIANTS:
            try:
                contenders[label(*variant)] = Contender(CONTENDERS, name, "gpu", kind, *variant)
            except RuntimeError as error:  # it has printed why
                print(f"{name}, {kind}, {label(*variant)}: {error}", flush=True)
        turns = take_turns(contenders, rounds, seconds)
        result[kind] = [dict.fromkeys(label(*each) for each in VARIANTS) | turn for turn in turns]
        for contender in contenders.values():
            contender.end()
    return result


def bench_gpu(options: argparse.Namespace) -> None:
    """Measure the designs on the first GPU; in a rehearsal on the CPU, and store nothing."""
    card = before = {}
    if not options.rehearse:
        card = this_card()
        before = others("checks") if options.designs else {}  # the speed of other designs stays
        check_card(others("speed") | before, card)
    designs, started = before.get("speed", {}).get("designs", {}), time.monotonic()
    for name in options.designs or DESIGNS:
        designs[name] = compare_on_gpu(name, options.rounds, options.seconds)
        print(*speed_table({name: designs[name]}).splitlines()[2:], sep="\n", flush=True)
    print(speed_table(designs))
    if options.rehearse:
        print("a rehearsal on the CPU; nothing is kept")
        return
    found = {"seconds": round(time.monotonic() - started), "designs": designs}
    keep_part("speed", "make bench", card, found)


def bench_cpu(options: argparse.Namespace) -> None:
    """Measure everything else: on the CPU, beside the documents' own code."""
    if not all(map(importlib.util.find_spec, ("tf_keras", "torch"))):
        raise UserError(
            "the documents' own code needs Keras 2 and PyTorch: make .venv/experiments; beside a "
            "GPU do this in a second clone, as PyTorch's CUDA libraries may replace TensorFlow's"
        )
    result = stored(RESULT, {"training": {}})
    if options.designs or options.others:
        check_machine(result)
    for name in [] if options.others else options.designs or DOCUMENTS:
        result["training"][name] = compare(name, options.rounds, options.seconds)
        print(training_table({name: result["training"][name]}).splitlines()[-1], flush=True)
    if not options.designs:
        result["start_up"] = start_up(options.rounds)
        result["sampling"] = sampling(options.rounds)
        result["whole_run"] = whole_run()
    result = store(RESULT, "make bench", {key: result[key] for key in PARTS if key in result})
    print(training_table(result["training"]))
    if "start_up" in result:
        print(other_table(result), sep="\n")


def has_gpu() -> bool:
    from gan.support.tensorflow import tf

    return bool(tf.config.list_physical_devices("GPU"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("designs", nargs="*", choices=[[], *DOCUMENTS], default=[])
    parser.add_argument("--rounds", type=positive_int, help="default: 7, on a GPU 5")
    parser.add_argument("--seconds", type=positive_float, help="of a turn; default: 4, on a GPU 1")
    parser.add_argument("--others", action="store_true", help="on the CPU, all except the training")
    parser.add_argument("--devices", choices=("cpu",), help="measure the CPU beside a GPU")
    text = "measure as on a GPU, but on the CPU, and keep nothing: it tests this script"
    parser.add_argument("--rehearse", action="store_true", help=text)
    options = parser.parse_args()
    on_gpu = options.rehearse or (options.devices != "cpu" and has_gpu())
    if on_gpu and options.others:
        raise UserError("--others is measured on the CPU: give --devices cpu, too")
    rounds, seconds = GPU_TURNS if on_gpu else CPU_TURNS
    options.rounds, options.seconds = options.rounds or rounds, options.seconds or seconds
    if on_gpu:
        bench_gpu(options)
    else:
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # for the contenders
        os.environ.pop("TF_NUM_INTEROP_THREADS", None)  # theirs is what gan sets
        bench_cpu(options)
    return 0


if __name__ == "__main__":
    run_command(main)
