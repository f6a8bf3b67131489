"""New images from a trained design, a chunk at a time: plain, or the best by D's own judgement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from gan import batches
from gan.grid import to_pixels

CHUNK = 1000  # images made at a time: memory does not grow with their number


class Samples(NamedTuple):
    """Images uint8 [N, H, W, C] and D's score of each, float32 [N]: the higher, the more real."""

    images: np.ndarray
    scores: np.ndarray


def summary(scores: np.ndarray) -> str:
    """The range and the mean of scores."""
    return f"{scores.min():.3f} to {scores.max():.3f}, mean {scores.mean():.3f}"


def draw_samples(design, seed: int, count: int) -> Iterator[Samples]:
    """Yield `count` samples in chunks. Image n is the same whatever the count."""
    for first in range(0, count, CHUNK):
        # A whole chunk, even if less is wanted: `mlp` normalises an image by those beside it.
        noise = batches.draw_noise(design.recipe, seed, first, batches.SAMPLE_NOISE, CHUNK)
        images = design.sample(noise)
        scores = design.discriminator(images, training=False)
        wanted = slice(count - first)
        yield Samples(to_pixels(images)[wanted], np.ravel(scores)[wanted])


def collect(chunks: Iterable[Samples]) -> Samples:
    """The samples of all chunks, in order."""
    return Samples(*map(np.concatenate, zip(*chunks, strict=True)))


def draw_best(design, seed: int, count: int, candidates: int) -> tuple[Samples, str]:
    """The `count` samples that D scores highest among the first `candidates`, the best first.

    Also the range and mean of all candidates' scores, as text. No more than `count` images and a
    chunk are in memory at a time.
    """
    best, least, greatest, total = None, np.inf, -np.inf, 0.0
    for chunk in draw_samples(design, seed, candidates):
        least, greatest = min(least, chunk.scores.min()), max(greatest, chunk.scores.max())
        total += chunk.scores.sum(dtype=np.float64)
        rivals = chunk if best is None else collect([best, chunk])
        order = np.argsort(-rivals.scores, kind="stable")[:count]
        best = Samples(rivals.images[order], rivals.scores[order])
    return best, f"{least:.3f} to {greatest:.3f}, mean {total / candidates:.3f}"
