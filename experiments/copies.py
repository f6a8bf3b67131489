"""Do the designs draw copies of training images? `make copies`

The distance to the nearest training image alone cannot say: noise makes it larger. So images are
blurred first, and the distance to the nearest training image is divided by that to the 50th. A
copy has a small ratio, because it is much nearer to its original than to all others. An image
counts as a copy if its ratio is below that of 99 % of MNIST's test images, so 1 % of new images
count, too. How many true copies would count is measured with planted ones: training images with
noise, blurred, shifted and turned. Writes reference/copies.json. Takes 10 minutes on 2 cores.

    python experiments/copies.py [--count 5000]
"""

import argparse

import numpy as np
from PIL import Image
from results import REFERENCE, REPOSITORY, commit, real_mnist, store
from tables import table

from gan.cli import run_command
from gan.recipe import positive_int
from gan.runs.trained import SHIPPED_NAMES, Shipped, load

RESULT = REFERENCE / "copies.json"
FAR = 50  # which neighbour the nearest one is compared with
NEW = 0.01  # the share of new images that count as copies
KERNEL = np.float32([1, 4, 6, 4, 1]) / 16  # about a Gaussian of one pixel


def blurred(images: np.ndarray) -> np.ndarray:
    """Blur float images [N, 28, 28]."""
    for axis in (1, 2):
        width = [(0, 0), (0, 0), (0, 0)]
        width[axis] = (2, 2)
        padded = np.pad(images, width)
        size = images.shape[axis]
        parts = (np.take(padded, range(n, n + size), axis) * KERNEL[n] for n in range(5))
        images = sum(parts)
    return images


def ratios(images: np.ndarray, training: np.ndarray) -> np.ndarray:
    """Distance to the nearest of `training` over that to the 50th, float [N].

    Both are blurred images as rows, float [N, pixels].
    """
    from gan.evaluation.metrics import all_distances

    found = []
    for _, distances in all_distances(images, training):
        near = np.partition(distances, (0, FAR - 1), axis=1)
        found.append(near[:, 0] / near[:, FAR - 1])
    return np.concatenate(found)


def plant(images: np.ndarray) -> dict[str, np.ndarray]:
    """Return copies of float images [N, 28, 28] in [0, 1]: what was done to them -> images."""
    random = np.random.default_rng(0)
    noise = random.normal(size=images.shape).astype(np.float32)
    copies = {"exact": images}
    copies |= {f"noise of {s}": np.clip(images + s * noise, 0, 1) for s in (0.05, 0.1, 0.2)}
    copies["blurred"] = blurred(images)
    copies["shifted by a pixel"] = np.roll(images, 1, axis=2)
    copies["shifted by two pixels"] = np.roll(images, 2, axis=2)
    turns = random.uniform(-7, 7, len(images))
    pairs = zip(images, turns, strict=True)
    turned = [Image.fromarray(each).rotate(turn, Image.Resampling.BILINEAR) for each, turn in pairs]
    copies["turned by up to 7 degrees"] = np.stack([np.asarray(each) for each in turned])
    return copies


def text(result: dict) -> str:
    """Return a Markdown table: the share of images that count as copies."""
    rows = [[f"planted: {what}", f"{share:.1%}"] for what, share in result["planted"].items()]
    for name, kinds in result["designs"].items():
        rows += [[f"`{name}`, {kind}", f"{share:.1%}"] for kind, share in kinds.items()]
    return table(["images", "count as copies"], rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--count", type=positive_int, default=5000, metavar="N", help="images of each kind"
    )
    count, version = parser.parse_args().count, commit()
    from gan.evaluation.sampling import collect, draw_samples

    def prepared(images: np.ndarray) -> np.ndarray:
        """Blurred, and one row for each image."""
        return blurred(images).reshape(len(images), -1)

    mnist = real_mnist()
    scaled = [images[..., 0].astype(np.float32) / 255 for images in (mnist.train, mnist.test)]
    training = prepared(scaled[0])
    limit = float(np.quantile(ratios(prepared(scaled[1]), training), NEW))

    def share(images: np.ndarray) -> float:
        return float((ratios(prepared(images), training) < limit).mean())

    chosen = np.random.default_rng(0).choice(len(training), min(count, 1000), replace=False)
    planted = {what: share(images) for what, images in plant(scaled[0][chosen]).items()}
    designs = {}
    for name in SHIPPED_NAMES:
        design, _ = load(Shipped(name, REPOSITORY))
        designs[name] = {}
        for kind in ("last", "averaged"):
            drawn = collect(draw_samples(design, 0, count, kind == "averaged")).images
            designs[name][kind] = share(drawn[..., 0].astype(np.float32) / 255)
        print(name, designs[name], flush=True)
    result = {"commit": version, "count": count, "limit": limit}
    result |= {"planted": planted, "designs": designs}
    print(text(store(RESULT, "make copies", result)))
    return 0


if __name__ == "__main__":
    run_command(main)
