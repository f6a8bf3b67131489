"""Train the documents' own code at full length and measure it: `make reproduce-documents`

It trains the code of documents.py for as many steps as the documents do; d-on-g, the slowest, for
its first 10 of 30 epochs. A training that was stopped continues from its last save: the end of an
epoch, or every thousand steps if a document has no epochs. On 2 idle cores a seed of dense takes 35
minutes, of dense-sgd 12, of mlp 17, of dcgan 65, of d-on-g 60.

experiments/documents/<design>-<seed>.pickle        where a training stopped
experiments/reference/<design>/document.json        the figures of every seed, and their floor
images/reference/<design>/original.png              25 images of seed 0
"""

import argparse
import pickle
import random
import time
from datetime import date
from pathlib import Path

import numpy as np
from documents import DOCUMENTS, LATENT_DIM
from results import PICTURES, REFERENCE, REPOSITORY, commit, real_mnist, store, stored, with_run

from gan.cli import run_command
from gan.data.batches import Schedule
from gan.data.pixels import to_pixels
from gan.designs import find_recipe
from gan.evaluation.measure import Comparison
from gan.evaluation.metrics import IMAGES_MEASURED
from gan.pictures.grid import save_grid
from gan.recipe import positive_int, seed_number
from gan.support.errors import UserError
from gan.support.files import replacing
from gan.support.tensorflow import tf

SEEDS = {"dense-sgd": 3, "mlp": 3, "dense": 3, "dcgan": 1, "d-on-g": 1}
EPOCHS = {"d-on-g": 10}  # fewer than its document's
STATES = REPOSITORY / "experiments" / "documents"
EPOCH = 1000  # steps between two saves, if a document has no epochs


def train(name: str, seed: int, images: np.ndarray, states: Path):
    """Train the document's code to its length; return it and its number of steps."""
    seed_all(seed)
    document = DOCUMENTS[name]()
    schedule = Schedule(find_recipe(name), len(images), seed)
    total, every = schedule.total_steps, schedule.steps_per_epoch
    total = min(total, EPOCHS.get(name, total) * every)
    every = EPOCH if schedule.recipe.order == "random" else every
    path, done = states / f"{name}-{seed}.pickle", 0
    if path.exists():
        done, state = pickle.loads(path.read_bytes())
        document.step(*next(document.batches(images)))  # creates the optimizers' variables
        document.set_state(state)
        more = " with a new random state" if name == "dcgan" else ""
        print(f"{name}, seed {seed}: continuing after step {done:,}{more}", flush=True)
        if name == "dcgan":
            seed_all(seed + 1000 * done)
    batches = document.batches(images)
    while done < total:
        started = time.monotonic()
        for _ in range(min(every, total - done)):
            losses = document.step(*next(batches))
            done += 1
        rate = every / (time.monotonic() - started)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_bytes(pickle.dumps((done, document.state())))
        d_loss, g_loss = map(float, losses)
        print(
            f"{name}, seed {seed}: step {done:,}/{total:,}, {rate:.3g} it/s, "
            f"d_loss {d_loss:.3f} g_loss {g_loss:.3f}",
            flush=True,
        )
    return document, total


def seed_all(seed: int) -> None:
    """Set the random states of all libraries that the documents draw from."""
    import torch

    random.seed(seed)
    np.random.seed(seed)
    tf.random.set_seed(seed)
    torch.manual_seed(seed)


def draw(name: str, document, count: int) -> np.ndarray:
    """Draw `count` images, uint8 [count, 28, 28, 1], in batches of the document's size."""
    rng, size = np.random.default_rng(0), document.batch_size
    shape = (-(-count // size), size, LATENT_DIM)
    uniform = find_recipe(name).noise == "uniform"
    vectors = rng.uniform(-1, 1, shape) if uniform else rng.normal(size=shape)
    images = [to_pixels(document.sample(each)) for each in vectors.astype(np.float32)]
    return np.concatenate(images)[:count]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("designs", nargs="*", metavar="DESIGN", help=f"one of {', '.join(SEEDS)}")
    parser.add_argument("--seeds", type=positive_int, help="number of seeds, from --first on")
    parser.add_argument("--first", type=seed_number, default=0, help="the first seed (default: 0)")
    parser.add_argument("--states", type=Path, default=STATES, help="folder of the saved trainings")
    options = parser.parse_args()
    for name in options.designs:
        if name not in SEEDS:
            raise UserError(f"no document code for {name!r}; choose from {', '.join(SEEDS)}")
    version, mnist = commit(), real_mnist()
    images = mnist.train.astype(np.float32) / 127.5 - 1
    comparison = Comparison(mnist)
    for name in options.designs or SEEDS:
        path = REFERENCE / name / "document.json"
        for seed in range(options.first, options.first + (options.seeds or SEEDS[name])):
            document, steps = train(name, seed, images, options.states)
            drawn = draw(name, document, IMAGES_MEASURED)
            if seed == 0:
                (PICTURES / name).mkdir(parents=True, exist_ok=True)
                save_grid(PICTURES / name / "original.png", drawn[:25])
            figures = comparison.figures(drawn)
            run = {"seed": seed, "steps": steps, "date": date.today().isoformat()}
            result = stored(path, {"runs": []})
            result["runs"] = with_run(result["runs"], run | {"commit": version, "figures": figures})
            if "floor" not in result:
                result["floor"] = comparison.floor(IMAGES_MEASURED)
            store(path, "make reproduce-documents", result)
            print(f"{name}, seed {seed}: Fréchet distance {figures['frechet_distance']:.2f}")
    return 0


if __name__ == "__main__":
    run_command(main)
