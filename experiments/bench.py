"""Compare the speed of each design with its document's code and the machine's limit: `make bench`

For each design it measures the steps per second of our code, of the document's own code
(`documents.py`), and of the machine's limit: the time that the matrix products and convolutions of
the step would take alone, at the greatest speed measured here. Each contender runs in its own
process. They take turns, so that all see the same machine. A figure is the median over the rounds
of the ratio within a round. Writes experiments/reference/benchmark.json; `make report` puts it into
measured.md.

    python experiments/bench.py [--rounds N] [--seconds S] [--others] [DESIGN ...]
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path
from statistics import median

from documents import DOCUMENTS
from results import FIGURES, REPOSITORY, check_machine, store

from gan.cli import load_tensorflow, run_command
from gan.designs import DESIGNS, build_design, find_recipe
from gan.recipe import positive_float, positive_int

RESULT = FIGURES / "benchmark.json"
CONTENDERS = ("float32", "bfloat16", "document", "limit")
SAMPLES = 10_000
PARTS = ("training", "start_up", "sampling", "whole_run")


# -- the contenders, each in its own process -----------------------------------------------------


def our_steps(name: str, images=None, **settings):
    """Return our training loop on `images` (MNIST's if None), as of `steps_of`, and the design."""
    from gan.data import load_images

    if images is None:
        images = load_images(say=lambda line: None).images
    design = build_design(name, images.shape[1:], **settings)
    return steps_of(design, images), design


def steps_of(design, images):
    """Return a function that trains `design` for some seconds and returns the steps per second."""
    from gan.data.batches import Schedule
    from gan.training.steps import STEPS_PER_CALL, compile_steps

    schedule = Schedule(design.recipe, len(images), seed=0)
    run_steps = compile_steps(design, images, schedule)
    first, count = 0, 1

    def run(seconds: float) -> float:
        nonlocal first, count
        started, steps = time.monotonic(), 0
        while (passed := time.monotonic() - started) < seconds:
            # Continue with the next steps, as a training does. On the same images again and again,
            # D would soon be sure of all, and very small numbers are slow to compute with.
            end = min(first + count, schedule.stretch_end(first))
            steps += len(run_steps(first, end - first))
            first = end
            rate = steps / (time.monotonic() - started)
            count = min(max(1, int(rate / 4)), STEPS_PER_CALL)
        return steps / passed

    run(0.1)
    return run


def count_operations(design) -> dict[str, float]:
    """Count the floating-point operations of a step in matrix products and in convolutions."""
    import tensorflow as tf

    size = design.recipe.batch_size
    shape = (size, *design.image_shape)
    noise = [tf.TensorSpec((n, design.recipe.latent_dim)) for n in design.noise_counts(size)]
    step = tf.function(design.step, autograph=False)
    graph = step.get_concrete_function(tf.TensorSpec(shape), *noise).graph
    totals = {"product": 0.0, "convolution": 0.0}
    for node in graph.get_operations():
        shapes = [tensor.shape for tensor in (*node.inputs, *node.outputs)]
        match node.type:
            case "MatMul":
                inner = shapes[0][0] if node.get_attr("transpose_a") else shapes[0][1]
                totals["product"] += 2 * shapes[2].num_elements() * inner
            case "Conv2D":
                totals["convolution"] += convolution(node, shapes[0], shapes[1], shapes[2])
            case "Conv2DBackpropInput":
                totals["convolution"] += convolution(node, shapes[3], shapes[1], shapes[2])
            case "Conv2DBackpropFilter":
                totals["convolution"] += convolution(node, shapes[0], shapes[3], shapes[2])
    return totals


def convolution(node, large, filters, small) -> float:
    """Count the operations of a convolution from `large` to `small` [N, H, W, C], or back.

    Products with the padding do not count: a good library skips them.
    """
    stride = node.get_attr("strides")[1]
    taps = 1
    for axis in (1, 2):
        size, kernel, outputs = large[axis], filters[axis - 1], small[axis]
        padding = max(0, (outputs - 1) * stride + kernel - size) // 2
        firsts = [output * stride - padding for output in range(outputs)]
        taps *= sum(min(first + kernel, size) - max(first, 0) for first in firsts)
    return 2 * small[0] * taps * filters[2] * filters[3]


def document_steps(name: str):
    """Return the document's own loop, as of `steps_of`, on the data that it draws itself."""
    import numpy as np

    from gan.data import load_images

    images = load_images(say=lambda line: None).images[:50_000].astype("float32") / 127.5 - 1
    document = DOCUMENTS[name]()
    batches = document.batches(images)

    def run(seconds: float) -> float:
        started, steps = time.monotonic(), 0
        while (passed := time.monotonic() - started) < seconds:
            document.step(*next(batches))
            steps += 1
        return steps / passed

    np.random.seed(0)
    run(0.1)
    return run


def machine_speed():
    """Return a function for operations per second: the best of large products and convolutions."""
    import tensorflow as tf

    def best(work, operations: float, seconds: float) -> float:
        work()
        speeds, started = [], time.monotonic()
        while time.monotonic() - started < seconds:
            begun = time.monotonic()
            work()
            speeds.append(operations / (time.monotonic() - begun))
        return max(speeds)

    cases = {}
    for dtype in ("float32", "bfloat16"):
        matrix = tf.cast(tf.random.normal((2048, 2048)), dtype)
        images = tf.cast(tf.random.normal((128, 14, 14, 128)), dtype)
        filters = tf.cast(tf.random.normal((5, 5, 128, 128)), dtype)
        product = tf.function(lambda a=matrix: tf.reduce_max(a @ a))
        convolution = tf.function(
            lambda x=images, f=filters: tf.reduce_max(tf.nn.conv2d(x, f, 1, "SAME"))
        )
        cases[dtype] = {
            "product": (lambda f=product: f().numpy(), 2 * 2048.0**3),
            "convolution": (lambda f=convolution: f().numpy(), 2 * 128 * 14 * 14 * 25 * 128.0**2),
        }

    def run(seconds: float) -> dict:
        return {
            dtype: {kind: best(*case, seconds / 4) for kind, case in kinds.items()}
            for dtype, kinds in cases.items()
        }

    run(0.1)
    return run


def sampling_speed(name: str):
    """Return a function for images per second: forward passes alone, and 10,000 to a file."""
    from gan.data import batches
    from gan.evaluation.sampling import CHUNK, draw_samples
    from gan.generate import Outputs, write

    design = build_design(name)
    noise = batches.draw_noise(design.recipe, 0, 0, batches.SAMPLE_NOISE, CHUNK)

    def run(seconds: float) -> dict:
        count = SAMPLES
        started = time.monotonic()
        for _ in range(count // CHUNK):
            images = design.sample(noise)
            images.numpy()
        generator = time.monotonic() - started
        for _ in range(count // CHUNK):
            design.discriminator(images, training=False).numpy()
        both = time.monotonic() - started
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):
            path = Path(folder) / "samples.npz"
            chunks = draw_samples(design, 0, count)
            write(chunks, count, design.image_shape, Outputs(archive=path))
        file = time.monotonic() - started
        return {"generator": count / generator, "nets": count / both, "file": count / file}

    run(0)
    return run


def contend(name: str, who: str) -> None:
    """Read a number of seconds from each line of stdin, run for that time, and print the result."""
    load_tensorflow()
    hello = {}
    if who == "limit":
        run = machine_speed()
    elif who == "document":
        run = document_steps(name)
    elif who == "sampling":
        run = sampling_speed(name)
    else:
        run, design = our_steps(name, precision=who)
        hello = count_operations(design)
    print(json.dumps(hello), flush=True)
    for line in sys.stdin:
        print(json.dumps(run(float(line))), flush=True)


# -- the referee ---------------------------------------------------------------------------------


class Contender:
    """A process that waits until `run` is called."""

    def __init__(self, name: str, who: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--contend", name, who],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.hello = self.answer()

    def answer(self):
        if not (line := self.process.stdout.readline()):
            raise RuntimeError(f"{self.process.args} ended with {self.process.wait()}")
        return json.loads(line)

    def run(self, seconds: float):
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        return self.answer()

    def end(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def compare(name: str, rounds: int, seconds: float) -> dict:
    """Return the steps per second of all contenders, and the medians of the ratios."""
    contenders = {who: Contender(name, who) for who in CONTENDERS}
    log = [
        {who: contender.run(seconds) for who, contender in contenders.items()}
        for _ in range(rounds)
    ]
    operations = contenders["float32"].hello
    for contender in contenders.values():
        contender.end()

    def share(turn: dict, precision: str) -> float:
        speed = turn["limit"][precision]
        least = sum(operations[kind] / speed[kind] for kind in operations)
        return turn[precision] * least

    result = {"steps_per_second": {}, "times_document": {}, "share_of_limit": {}}
    for who in ("float32", "bfloat16", "document"):
        result["steps_per_second"][who] = median(turn[who] for turn in log)
    for who in ("float32", "bfloat16"):
        result["times_document"][who] = median(turn[who] / turn["document"] for turn in log)
        result["share_of_limit"][who] = median(share(turn, who) for turn in log)
    return result | {"operations": operations, "rounds": log}


def whole_run() -> dict:
    """Measure time and memory of a whole `dense` command; time its steps alone before and after."""
    contender = Contender("dense", "float32")
    alone = [contender.run(10)]
    with tempfile.TemporaryDirectory() as root:
        started = time.monotonic()
        process = start_command("gan.train", "dense", "--root", root)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - started
    if status:
        raise RuntimeError("gan.train dense failed")
    alone.append(contender.run(10))
    contender.end()
    load_tensorflow()
    steps = find_recipe("dense").steps
    return {
        "seconds": seconds,
        "times_steps_alone": seconds * median(alone) / steps,
        "peak_memory_gb": usage.ru_maxrss / 1e6,
    }


def sampling(rounds: int) -> dict:
    """Compare writing a file of 10,000 images with its forward passes alone, for each design."""
    result = {}
    for name in DESIGNS:
        contender = Contender(name, "sampling")
        turns = [contender.run(0) for _ in range(max(1, rounds // 2))]
        contender.end()
        result[name] = {key: median(turn[key] for turn in turns) for key in turns[0]}
        result[name]["share_of_nets"] = median(turn["file"] / turn["nets"] for turn in turns)
    return result


def start_up(rounds: int) -> dict:
    """Time `gan.generate` from command to PNG, and `import tensorflow` alone."""
    with tempfile.TemporaryDirectory() as root:
        start_command("gan.train", "dense", "--steps", "1", "--root", root).wait()
        turns = []
        for _ in range(rounds):
            times = []
            for words in (("-c", "import tensorflow"), ("-m", "gan.generate", "--root", root)):
                started = time.monotonic()
                quiet = subprocess.DEVNULL
                subprocess.run([sys.executable, *words], check=True, stdout=quiet, stderr=quiet)
                times.append(time.monotonic() - started)
            turns.append(times)
    return {
        "import_tensorflow_seconds": median(turn[0] for turn in turns),
        "generate_seconds": median(turn[1] for turn in turns),
        "beyond_2_seconds_times_import": median((turn[1] - 2) / turn[0] for turn in turns),
    }


def start_command(module: str, *arguments: str) -> subprocess.Popen:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL)


def table(result: dict) -> str:
    lines = [
        "| design | document's code | float32 | times as fast | share of the limit "
        "| bfloat16 | times as fast |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in filter(result["training"].get, DESIGNS):
        figures = result["training"][name]
        speed = figures["steps_per_second"]
        lines.append(
            f"| `{name}` | {speed['document']:.3g} it/s "
            f"| {speed['float32']:.3g} it/s | {times_document(figures, 'float32')} "
            f"| {figures['share_of_limit']['float32']:.0%} "
            f"| {speed['bfloat16']:.3g} it/s | {times_document(figures, 'bfloat16')} |"
        )
    if "start_up" in result:
        sampling, whole, start = result["sampling"], result["whole_run"], result["start_up"]
        lines += ["", "| what | measured |", "|---|---|"]
        lines += [
            f"| the whole of `make train-dense` | {whole['seconds']:.0f} s, "
            f"{whole['times_steps_alone']:.2f} times its steps alone; "
            f"at most {whole['peak_memory_gb']:.2f} GB of memory |",
            f"| `python -m gan.generate`, from command to PNG | {start['generate_seconds']:.1f} s; "
            f"`import tensorflow` alone takes {start['import_tensorflow_seconds']:.1f} s |",
        ]
        lines += [
            f"| a file of 10,000 images of `{name}` | {figures['file']:,.0f} images/s, "
            f"{figures['share_of_nets']:.0%} of the speed of the nets' forward passes alone |"
            for name, figures in sampling.items()
        ]
    return "\n".join(lines)


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
    parser.add_argument("--contend", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contend:
        contend(*options.contend)
        return 0
    result = json.loads(RESULT.read_text()) if RESULT.exists() else {"training": {}}
    if options.designs or options.others:
        check_machine(result)
    if not options.others:
        for name in options.designs or DOCUMENTS:
            result["training"][name] = compare(name, options.rounds, options.seconds)
            print(table({"training": {name: result["training"][name]}}).splitlines()[-1])
    if not options.designs:
        result["start_up"] = start_up(options.rounds)
        result["sampling"] = sampling(options.rounds)
        result["whole_run"] = whole_run()
    result = store(RESULT, "make bench", {key: result[key] for key in PARTS if key in result})
    print(table(result))
    return 0


if __name__ == "__main__":
    run_command(main)
