"""Measure what the BatchNorm of 2018 changes in a full run of `dense`: `make batchnorm`

The Keras GAN class was written for a Keras that updated the moving variance with
n / (n - 1 - epsilon) times the variance of the batch: a factor of 1.032 at a batch of 32. Today's
Keras uses the variance itself. The fakes that D learns from, and the samples, use the moving
statistics. This script trains `dense` with the layer of 2018, at full length with seeds 0, 1 and 2,
and measures it as `make reproduce-dense` measures the usual `dense`. It writes
experiments/reference/batchnorm.json. A training that was stopped continues. Takes 20 minutes on 2
cores.

    python experiments/batchnorm.py [--seeds N] [--steps N] [--root DIR]
"""

from __future__ import annotations

import argparse
from pathlib import Path

from results import FIGURES, REPOSITORY, commit, real_mnist, store

from gan.cli import load_tensorflow, run_command
from gan.recipe import positive_int

load_tensorflow()

import tensorflow as tf  # noqa: E402

import gan.dense  # noqa: E402
from gan.data import load_images  # noqa: E402
from gan.evaluation.measure import draw, measure  # noqa: E402
from gan.layers.pytorch import BatchNorm1d  # noqa: E402
from gan.runs import Run  # noqa: E402

RESULT = FIGURES / "batchnorm.json"
SEEDS = 3


class BatchNormalization2018(BatchNorm1d):
    """BatchNorm of Keras 2.1.4 to 2.3: n / (n - 1 - epsilon) where PyTorch has n / (n - 1)."""

    def divisor(self, count: tf.Tensor) -> tf.Tensor:
        return (count - 1 - self.epsilon) / (1 + self.epsilon)


class GAN2018(gan.dense.GAN):
    """The Keras GAN class with the BatchNorm of its time."""

    def build_generator(self):
        usual, gan.dense.BatchNormalization = gan.dense.BatchNormalization, BatchNormalization2018
        try:
            return super().build_generator()
        finally:
            gan.dense.BatchNormalization = usual


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=positive_int, default=SEEDS, help="number of seeds")
    parser.add_argument("--steps", type=positive_int, help="train a shorter run, as a trial")
    parser.add_argument("--root", type=Path, default=REPOSITORY, help="folder of the runs")
    options = parser.parse_args()
    version, mnist, runs = commit(), real_mnist(), []
    for seed in range(options.seeds):
        design = GAN2018(name="dense-2018", seed=seed)
        run = Run(f"dense-2018-seed-{seed}", options.root)
        outcome = design.train(run=run, dataset=load_images(), steps=options.steps)
        if outcome.stopped_by:
            return 128 + outcome.stopped_by
        found = {}
        for kind in ("figures", "average"):
            images = draw(run, design, outcome.done, average=kind == "average")[1]
            found[kind] = measure(images, mnist)["figures"]
        about = {"commit": version, "cores": run.config().get("cores")}
        runs.append({"seed": seed, "steps": outcome.done, **about, **found})
        if not options.steps:
            store(RESULT, "make batchnorm", {"runs": runs})
        last, average = (found[kind]["frechet_distance"] for kind in ("figures", "average"))
        print(f"{run.name}: Fréchet distance {last:.2f}, averaged generator {average:.2f}")
    return 0


if __name__ == "__main__":
    run_command(main)
