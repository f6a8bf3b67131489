"""What `make bench` compares, each in a process of its own: `python contenders.py --contend`."""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from documents import DOCUMENTS
from speed import contend, rate_of, seconds_of, steps_of

from gan import design as base
from gan.cli.outputs import Outputs, write
from gan.data import batches, load_images
from gan.designs import build_design
from gan.devices.strategy import choose_strategy
from gan.evaluation.sampling import CHUNK, draw_samples
from gan.support.exact import set_gpu_kernels
from gan.support.tensorflow import tf

SAMPLES = 10_000
# Where large images, filters and small images are among the inputs and the output of a convolution.
CONVOLUTIONS = {"Conv2D": (0, 1, 2), "Conv2DBackpropInput": (3, 1, 2)}
CONVOLUTIONS["Conv2DBackpropFilter"] = (0, 3, 2)


def start(name: str, who: str, *options: str) -> tuple[dict, object]:
    """Return what a contender says first, and its function of seconds."""
    if who == "gpu":
        return {}, gpu_steps(name, *options)
    if who == "limit":
        return {}, machine_speed()
    if who == "document":
        return {}, document_steps(name)
    if who == "sampling":
        return {}, sampling_speed(name)
    images = load_images().images
    settings = {"batch_size": int(options[0]) if options else None}  # None: the document's
    if who == "without an averaged generator":
        settings["average_decay"] = 0
    elif who != "several inter-op threads":
        settings["precision"] = who
    design = build_design(name, images.shape[1:], **settings)
    run = steps_of(design, images)
    return count_operations(design), run


def gpu_steps(name: str, kind: str, compiler: str, determinism: str):
    """Return `steps_of` a design on the first GPU; the options are those of `on_gpu`."""
    choose_strategy(1)
    set_gpu_kernels(determinism == "deterministic", tf32="TF32" in kind)
    images = load_images().images
    design = build_design(name, images.shape[1:], precision=kind.split(",")[0])
    base.XLA_DEVICES = ("CPU", "GPU")  # this shows whether XLA pays there
    type(design).compile_with_xla = compiler == "XLA"
    return steps_of(design, images)


def count_operations(design) -> dict[str, float]:
    """Count the floating-point operations of a step in matrix products and in convolutions."""
    size = design.recipe.batch_size
    shape = (size, *design.image_shape)
    noise = [tf.TensorSpec((n, design.recipe.latent_dim)) for n in design.noise_counts(size)]
    step = tf.function(design.step, autograph=False)
    graph = step.get_concrete_function(tf.TensorSpec(shape), *noise).graph
    totals = {"product": 0.0, "convolution": 0.0}
    for node in graph.get_operations():
        shapes = [tensor.shape for tensor in (*node.inputs, *node.outputs)]
        if node.type == "MatMul":
            inner = shapes[0][0] if node.get_attr("transpose_a") else shapes[0][1]
            totals["product"] += 2 * shapes[2].num_elements() * inner
        elif node.type in CONVOLUTIONS:
            parts = (shapes[index] for index in CONVOLUTIONS[node.type])
            totals["convolution"] += convolution(node, *parts)
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
    images = load_images().images[:50_000].astype("float32") / 127.5 - 1
    document = DOCUMENTS[name]()
    arguments = document.batches(images)

    def advance(count: int) -> int:
        document.step(*next(arguments))
        return 1

    np.random.seed(0)
    return rate_of(advance)


def machine_speed():
    """Return a function for operations per second: the best of large products and convolutions."""

    def best(work, operations: float, seconds: float) -> float:
        work()
        times, started = [], time.monotonic()
        while time.monotonic() - started < seconds:
            times.append(seconds_of(work))
        return operations / min(times)

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
    design = build_design(name)
    noise = batches.draw_noise(design.recipe, 0, 0, batches.SAMPLE_NOISE, CHUNK)

    def forward(net, inputs) -> None:
        for _ in range(SAMPLES // CHUNK):
            net(inputs).numpy()

    def to_file() -> None:
        with tempfile.TemporaryDirectory() as folder:
            outputs = Outputs(archive=Path(folder) / "samples.npz")
            write(draw_samples(design, 0, SAMPLES), SAMPLES, design.image_shape, outputs)

    def run(seconds: float) -> dict:
        g = seconds_of(forward, design.sample, noise)
        d = seconds_of(forward, design.discriminator, design.sample(noise))
        return {
            "generator": SAMPLES / g,
            "nets": SAMPLES / (g + d),
            "file": SAMPLES / seconds_of(to_file),
        }

    run(0)
    return run


if __name__ == "__main__":
    contend(lambda: start(*sys.argv[2:]))
