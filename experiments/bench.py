"""Compare the speed of each design with its document's code and the machine's limit: `make bench`

The limit is the time that the matrix products and convolutions of a step would take alone, at the
greatest speed measured here. Contenders (contenders.py) take turns, each in its own process. A
figure is the median over the rounds of the ratio within a round: reference/benchmark.json.

    python experiments/bench.py [--rounds N] [--seconds S] [--others] [DESIGN ...]
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from documents import DOCUMENTS
from results import REFERENCE, check_machine, store, stored
from speed import Contender, medians, seconds_of, take_turns, train
from tables import table

from gan.cli import run_command
from gan.designs import DESIGNS, find_recipe
from gan.recipe import positive_float, positive_int

RESULT = REFERENCE / "benchmark.json"
PRECISIONS = ("float32", "bfloat16")
CONTENDERS = str(Path(__file__).with_name("contenders.py"))
PARTS = ("training", "start_up", "sampling", "whole_run")


def compare(name: str, rounds: int, seconds: float) -> dict:
    """Return the steps per second of all contenders, and the medians of the ratios."""
    names = (*PRECISIONS, "document", "limit")
    contenders = {who: Contender(CONTENDERS, name, who) for who in names}
    turns = take_turns(contenders, rounds, seconds)
    operations = contenders["float32"].hello
    for contender in contenders.values():
        contender.end()

    def share(turn: dict, precision: str) -> float:
        speed = turn["limit"][precision]
        least = sum(operations[kind] / speed[kind] for kind in operations)
        return turn[precision] * least

    result = {"steps_per_second": {}, "times_document": {}, "share_of_limit": {}}
    for who in (*PRECISIONS, "document"):
        result["steps_per_second"][who] = median(turn[who] for turn in turns)
    for who in PRECISIONS:
        result["times_document"][who] = median(turn[who] / turn["document"] for turn in turns)
        result["share_of_limit"][who] = median(share(turn, who) for turn in turns)
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
    times = sorted(turn[precision] / turn["document"] for turn in figures["rounds"])
    return f"{median(times):.2g} ({times[0]:.2g} to {times[-1]:.2g})"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("designs", nargs="*", choices=[[], *DOCUMENTS], default=[])
    parser.add_argument("--rounds", type=positive_int, default=7)
    parser.add_argument("--seconds", type=positive_float, default=4.0)
    parser.add_argument("--others", action="store_true", help="all except the training speed")
    options = parser.parse_args()
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
    return 0


if __name__ == "__main__":
    run_command(main)
