"""New images from a trained design, a chunk at a time: plain, or the best by D's own judgement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gan import batches
from gan.grid import to_pixels

if TYPE_CHECKING:
    from gan.loop import Design

CHUNK = 1000  # images made at a time: memory does not grow with their number


class Samples(NamedTuple):
    """Images uint8 [N, H, W, C] and D's score of each, float32 [N]: the higher, the more real."""

    images: np.ndarray
    scores: np.ndarray


def summary(scores: np.ndarray) -> str:
    """The range and the mean of scores."""
    return f"{scores.min():.3f} to {scores.max():.3f}, mean {scores.mean():.3f}"


def draw_samples(design: Design, seed: int, count: int) -> Iterator[Samples]:
    """Yield `count` samples in chunks. Image n is the same whatever the count."""
    for first in range(0, count, CHUNK):
        # A whole chunk, even if less is wanted: `mlp` normalises an image by those beside it.
        noise = batches.draw_noise(design.recipe, seed, first, batches.SAMPLE_NOISE, CHUNK)
        images = design.sample(noise)
        scores = design.discriminator(images, training=False)
        wanted = slice(count - first)
        yield Samples(to_pixels(images)[wanted], np.ravel(scores)[wanted])


def draw_walk(design: Design, seed: int, rows: int, columns: int) -> Samples:
    """Samples along a closed walk through `rows` points of the latent space, `columns` to a leg.

    They are at most CHUNK in all. Leg n leads from the noise of `draw_samples`' image n to that of
    the next, in equal angles where the noise is normal, as its length hardly varies, and straight
    where it is uniform.
    """
    noise = batches.draw_noise(design.recipe, seed, 0, batches.SAMPLE_NOISE, CHUNK).numpy()
    starts = noise[:rows, np.newaxis]
    ends = np.roll(noise[:rows], -1, axis=0)[:, np.newaxis]
    way = np.arange(columns)[:, np.newaxis] / columns
    if design.recipe.noise == "normal":
        lengths = np.linalg.norm(starts, axis=-1) * np.linalg.norm(ends, axis=-1)
        angle = np.arccos(((starts * ends).sum(axis=-1) / lengths).clip(-1, 1))[..., np.newaxis]
        angle = np.maximum(angle, 1e-6)  # of a single point: it stays where it is
        shares = np.sin((1 - way) * angle) / np.sin(angle), np.sin(way * angle) / np.sin(angle)
    else:
        shares = 1 - way, way
    path = shares[0] * starts + shares[1] * ends
    path = path.reshape(rows * columns, -1).astype(noise.dtype)
    # A whole chunk and the same noise beside it, as in `draw_samples`.
    images = design.sample(np.concatenate([path, noise[len(path) :]]))[: len(path)]
    scores = design.discriminator(images, training=False)
    return Samples(to_pixels(images), np.ravel(scores))


def collect(chunks: Iterable[Samples]) -> Samples:
    """The samples of all chunks, in order."""
    return Samples(*map(np.concatenate, zip(*chunks, strict=True)))


def draw_best(design: Design, seed: int, count: int, candidates: int) -> tuple[Samples, str]:
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
