"""Frames of Moving MNIST, made from MNIST, in the layout of the published file."""

from pathlib import Path

import numpy as np
from results import real_mnist

from gan.support.files import replacing

FRAMES, SEQUENCES, SIDE = 20, 3000, 64  # as published, but for 10,000 sequences
STEP = 0.1  # of the way across, in each frame


def moving_mnist(digits: np.ndarray, sequences: int, seed: int = 0) -> np.ndarray:
    """Frames uint8 [FRAMES, sequences, SIDE, SIDE] of two digits that move and bounce.

    As in Srivastava et al. 2015, arXiv:1502.04681: each digit starts at a random place, moves in a
    random direction at the same speed, and bounces off the edges. Where two digits overlap, the
    brighter pixel is seen. `digits`: uint8 [N, 28, 28].
    """
    random = np.random.default_rng(seed)
    frames = np.zeros((FRAMES, sequences, SIDE, SIDE), np.uint8)
    room = SIDE - digits.shape[1]
    for sequence in range(sequences):
        for digit in digits[random.integers(len(digits), size=2)]:
            place, angle = random.random(2), random.uniform(0, 2 * np.pi)
            speed = STEP * np.array([np.sin(angle), np.cos(angle)])
            for frame in frames[:, sequence]:
                place += speed
                speed = np.where((place <= 0) | (place >= 1), -speed, speed)
                place = place.clip(0, 1)
                y, x = (place * room).astype(int)
                window = frame[y : y + len(digit), x : x + len(digit)]
                np.maximum(window, digit, out=window)
    return frames


def make_file(root: Path) -> Path:
    """Return the file of the frames below `root`, which is made if it does not exist."""
    path = root / "experiments" / "moving-mnist.npy"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.save(file, moving_mnist(real_mnist().train[..., 0], SEQUENCES))
    return path
