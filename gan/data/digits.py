"""Built-in handwritten digits: a replacement for MNIST if there is no copy and no network.

Each digit is a pen path drawn from one of a few templates. Every image gets its own handwriting
(wander, warp, proportions, slant, stroke width). It is then laid out like MNIST: scaled to fit a
20x20 box, with its centre of mass at the centre of a 28x28 image.
"""

import functools
from collections.abc import Callable

import numpy as np

from gan.data.download import cache_folder
from gan.formats.arrays import read_npz
from gan.support.errors import UserError
from gan.support.files import replacing

COUNT, SEED = 60_000, 0
CACHE = "gan-digits-1.npz"  # a new number whenever the drawing changes

# Ways to write each digit, as points the pen passes through: "x,y x,y ... / x,y ...", with x to the
# right, y down. A digit is about 7 wide and 10 high. The pen moves smoothly through the points of a
# stroke. " / " starts a new stroke; a path also makes a sharp corner in this way.
TEMPLATES = {
    0: (
        "5,0.2 3.5,0.1 1.2,1.6 0,5 1.2,8.5 4,10 6.8,8.5 8,5 6.8,1.6 4.5,0.1 3,0.3",
        "6,1 4,0 1.2,2 0,5.5 1.2,9 3.5,10 6,8.5 8,5 7.2,2 5,0.5 2.8,1",
    ),
    1: (
        "3,0 3,10",
        "3,0 3,5 3,10",
        "3.3,0 3,5 3,10",
        "1.9,1.3 3,0 / 3,0 3,10",
        "1.6,1.5 3,0 / 3,0 3,10 / 1,10 5,10",
    ),
    2: (
        "0.3,2.2 1.5,0.5 3.7,0 6,1 6.2,3.3 3.5,6.8 0,10 / 0,10 4,9.8 8,10",
        "0.3,2 2,0.3 4,0 5.9,1.5 5.4,4.5 3,8 1.2,9.6 0.2,9 1,8 2.7,8.4 4.8,9.6 8,9.4",
        "1.5,3.6 0.5,2.2 2.3,0 5.3,0.8 5.8,4 3.6,8.4 1.2,9.8 0.2,8.6 2,7.5 5,8.9 8,9.5",
        "0.5,0.8 3,0.1 5.8,0.6 5.3,3 3,6.5 0,9.8 / 0,9.8 4,9.5 8,9.6",
    ),
    3: (
        "0.5,1.2 3,0 5.5,1 5.3,3.2 2.2,4.7 / 2.2,4.7 5.5,5.4 6.3,7.5 5,9.4 2.7,10 0,9",
        "0.3,0.8 3,0 5.3,1.2 4.8,3.3 2.8,4.6 3.2,4.9 5.5,5.8 6,7.8 4.5,9.6 2,10 0,9.2",
        "0.3,0 5.8,0 / 5.8,0 2.5,4 / 2.5,4 5,4.6 6.2,6.8 5,9.3 2.5,10 0,9",
        "1.3,1.2 3,0 5,0.8 4.6,2.8 2.6,3.7 / 2.6,3.7 5.5,4.2 6.6,6.6 4.6,9.3 1.8,10 0,8.6",
    ),
    4: (
        "0.8,0.5 0,5.5 / 0,5.5 3.5,5.5 7,5.2 / 5.8,0 5.2,5 5,10",
        "0.8,0.5 0.1,3.5 0.8,5.3 3,5.5 5.8,4.3 / 6,0 5.5,5 5.2,10",
        "5,0 0,6.5 / 0,6.5 7,6.5 / 5,0 5,10",
        "3,0 0,5 / 0,5 4,4.9 8,4.5 / 5,2.2 4.4,6 4,10",
    ),
    5: (
        "6.5,0 1.5,0.2 / 1.5,0.2 1,4.4 / 1,4.4 3.5,3.8 5.8,5.2 6,7.5 4.5,9.5 2.3,10 0,9",
        "7,0 4.5,0.4 2.3,0.6 1.5,2.5 1.8,4.2 4,5.2 5.3,7 4.5,9.2 2.3,10 0,9.3",
        "2,1 1.3,4.7 / 1.3,4.7 3.5,4.3 5.3,5.6 5.2,8 3.3,9.8 0,9.5 / 2,0.9 5,0.5 8,0",
    ),
    6: (
        "5,0 2.5,2 0.7,5 0.3,7.8 1.8,9.8 4.2,9.7 5.8,8 5.2,6 3.2,5.6 1.2,6.8 0.6,8.2",
        "2.5,0 1,3 0.2,6.5 0.8,9 2.8,10 5,9.2 5.6,7.4 4.4,6.1 2.2,6.6 0.9,8.3",
        "3.5,0 1.2,2.5 0,6 0.6,9 3,10 5.8,9.3 7,7.3 6,5.8 4.2,6.4 3.2,8 3.4,9.8",
    ),
    7: (
        "0,0.5 3,0.4 6.3,0 / 6.3,0 4.5,4 3,10",
        "0,2 0.3,0.4 / 0.3,0.4 3,0.6 6.3,0 / 6.3,0 5.5,3 3.5,10",
        "0,0.5 6,0 / 6,0 4.5,4 2.5,10 / 1.3,5.5 6,5",
        "0,3 0.8,0.7 3.5,0.2 5.8,0.8 5.6,3 4.3,6 3.5,10",
    ),
    8: (
        "6,1.3 4,0 1.6,0.5 0.9,2.5 3,4.5 5.3,6.4 5.5,8.6 3.5,10 1,9.3 0.6,7.2 2.5,5 5,3.2 6,1.3",
        "3,4.6 1,3.6 0.8,1.3 3,0 5.6,1.3 5,3.6 3,4.6 0.8,6 0.3,8.2 3,10 5.8,8.4 5.4,6 3,4.6",
        "6.3,0.8 3.6,0 1,1.2 1.6,3.6 4,5.6 4.9,8 3.8,9.8 2,9.8 1.6,8 3,5.5 5.5,3 7,0.5",
        "5.5,1.8 4,0.3 1.5,0.6 1,2.6 3,4.4 5.2,6.8 4.2,9.6 2,9.8 1.2,8 2.6,5.6 4.8,4 6,2 6,0",
    ),
    9: (
        "5.3,1.5 3.5,0 1,1 0.1,3.2 1.3,5 3.5,4.6 5.2,2.8 5.6,0.8 / 5.6,0.8 5.3,5 5,10",
        "5.5,1.5 3.5,0 1,0.8 0.2,2.8 1.3,4.6 3.7,4.4 5.5,1.5 / 5.5,1.5 5.6,5 4.5,8.8 2.3,10 0.3,9",
        "5,0.8 3,0 0.8,1.6 0.5,3.6 2,4.6 4,3.6 5,0.8 / 5,0.8 4.5,4 2.5,10",
        "4.5,0.6 2.5,0 1,1.5 1.3,3.2 2.8,3.6 4.3,2.3 4.6,0.5 / 4.6,0.5 4.6,5 4.3,10",
        "4.8,0.6 2.5,0 0.3,1.8 0.8,4 3,4.4 5.2,2.5 / 5.6,0.2 5.1,5 4.4,10",
    ),
}

# How much handwriting varies: each value is drawn evenly from (low, high). A digit is 2 high.
WARP = (-0.18, 0.18)  # of the plane the digit is on
WANDER = (-0.18, 0.18)  # of the pen to either side
WIDTH = (0.75, 1.3)  # of the digit, as a factor
SLANT = (-0.15, 0.55)  # to the right, as the tangent of an angle
ANGLE = (-0.2, 0.2)  # of rotation, in radians
RADIUS = (0.65, 1.85)  # of the pen, in pixels of the image

PIXELS = np.arange(28, dtype=np.float32) - 14  # of a row or a column; MNIST's centre is pixel 14
POINTS = 64  # points along the path of one digit, at most about a pixel apart
BLOCK = 500  # images drawn at a time, to limit memory; a multiple of ten


def draw_digits(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw handwritten digits in the format of MNIST.

    Every ten consecutive labels hold each digit once, in random order. The images depend only on
    `seed` and their position, so a longer call starts with the images of a shorter one.

    Args:
        count: number of images, 0 or more.
        seed: seed of the random numbers, 0 or more.

    Returns:
        images, uint8 [count, 28, 28], 0 (paper, black) to 255 (ink, white), and
        labels, uint8 [count], 0 to 9.

    Raises:
        ValueError: if `count` is negative.
    """
    if count < 0:
        raise ValueError(f"count must not be negative, got {count}")
    blocks = -(-count // BLOCK)
    images = np.empty((blocks, BLOCK, 28, 28), np.uint8)
    labels = np.empty((blocks, BLOCK), np.uint8)
    for block in range(blocks):
        rng = np.random.default_rng([seed, block])
        digits = rng.permuted(np.tile(np.arange(10), (BLOCK // 10, 1)), axis=1).ravel()
        radius = rng.uniform(*RADIUS, (BLOCK, 1, 1)).astype(np.float32)
        path = _lay_out(_write(digits, rng), radius)
        images[block] = np.rint(255 * _render(path, radius))
        labels[block] = digits
    return images.reshape(-1, 28, 28)[:count], labels.reshape(-1)[:count]


def _write(digits: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return paths [n, POINTS, 2], each digit in its own handwriting, with any size and place."""
    n = len(digits)
    variants = np.array([len(texts) for texts in TEMPLATES.values()])
    first = np.cumsum(variants) - variants
    template = first[digits] + rng.integers(variants[digits])
    paths, lengths = _templates()
    path = paths[template]

    # Warp the plane: quadratic terms bend the strokes and make one part larger than another.
    x, y = path[..., 0], path[..., 1]
    path = path + np.stack([x * x, x * y, y * y], axis=2) @ rng.uniform(*WARP, (n, 3, 2))

    # Wander along the path: waves in x and in y, with 1 to 6 periods in a length of 10.
    along = lengths[template, None, None, None] * np.linspace(0, 1, POINTS)[:, None]
    k = np.arange(1, 7)
    phase = rng.uniform(0, 2 * np.pi, (n, 2, 1, len(k)))
    waves = np.sin((2 * np.pi * k * along / 10 + phase).astype(np.float32))
    path = path + (waves * rng.uniform(*WANDER, phase.shape) / k).sum(axis=3).transpose(0, 2, 1)

    width, slant, angle = (rng.uniform(*limits, (n, 1)) for limits in (WIDTH, SLANT, ANGLE))
    x, y = width * path[..., 0] - slant * path[..., 1], path[..., 1]
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([cos * x - sin * y, sin * x + cos * y], axis=2).astype(np.float32)


def _lay_out(path: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Scale paths to fit a 20x20 box, with the pen's width; move their centre of mass to 0."""
    size = np.ptp(path, axis=1, keepdims=True).max(axis=2, keepdims=True)
    path = path * ((20 - 2 * radius) / size)
    path = path - path.mean(axis=1, keepdims=True)
    # Not exact yet: where a path crosses itself there is less ink than path. So centre the ink.
    ink = _render(path, radius)
    mass = ink.sum(axis=(1, 2))[:, None]
    centre = np.stack([ink.sum(axis=axis) @ PIXELS for axis in (1, 2)], axis=1) / mass
    return path - centre[:, None]


def _render(path: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Return images [n, 28, 28] in 0..1: ink within the radius of the path, edges antialiased."""
    square = (path[..., None] - PIXELS) ** 2
    nearest = np.full((len(path), 28, 28), np.inf, np.float32)
    distance = np.empty_like(nearest)
    for k in range(POINTS):
        np.add(square[:, k, 1, :, None], square[:, k, 0, None, :], out=distance)
        np.minimum(nearest, distance, out=nearest)
    return np.clip(radius + 0.5 - np.sqrt(nearest), 0, 1)


@functools.cache
def _templates() -> tuple[np.ndarray, np.ndarray]:
    """Return all templates in order as paths [t, POINTS, 2], 2 high, and their lengths [t]."""
    traces = (_trace(text) for texts in TEMPLATES.values() for text in texts)
    paths, lengths = zip(*traces, strict=True)
    return np.stack(paths), np.array(lengths)


def _trace(template: str) -> tuple[np.ndarray, float]:
    """Return a template's path [POINTS, 2], evenly spaced, centred at 0, 2 high, and its length."""
    strokes = [_spline(stroke) for stroke in template.split("/")]
    curve = np.concatenate(strokes) / 5
    steps = np.hypot(*np.diff(curve, axis=0, prepend=curve[:1]).T)
    steps[np.cumsum([len(stroke) for stroke in strokes])[:-1]] = 0  # no ink between strokes
    along = np.cumsum(steps)
    even = np.linspace(0, along[-1], POINTS)
    path = np.stack([np.interp(even, along, curve[:, axis]) for axis in (0, 1)], axis=1)
    return path - (path.min(axis=0) + path.max(axis=0)) / 2, along[-1]


def _spline(stroke: str) -> np.ndarray:
    """Return points [m, 2] close together on the Catmull-Rom spline through a stroke's points."""
    p = np.array([point.split(",") for point in stroke.split()], float)
    p = np.concatenate([[2 * p[0] - p[1]], p, [2 * p[-1] - p[-2]]])  # slopes at the ends
    a, b, c, d = (p[i : len(p) - 3 + i, None] for i in range(4))
    u = np.linspace(0, 1, 17)[:, None]
    curve = b + u * (c - a + u * (2 * a - 5 * b + 4 * c - d + u * (3 * (b - c) + d - a))) / 2
    return curve.reshape(-1, 2)


def built_in_digits(say: Callable[[str], None]) -> np.ndarray:
    """The 60,000 built-in digits, uint8 [N, 28, 28], drawn once and then cached."""
    path = cache_folder() / CACHE
    try:
        return read_npz(path)
    except (OSError, UserError):
        pass  # not drawn yet, or damaged: draw them again
    say(f"drawing {COUNT:,} digits (only once; takes some seconds)")
    images, labels = draw_digits(COUNT, SEED)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, x_train=images, y_train=labels)
    except OSError:
        pass  # if the home folder cannot be written to, they are drawn each time
    return images
