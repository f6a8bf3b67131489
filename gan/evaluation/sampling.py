"""New images from a trained design, a chunk at a time: plain, or the best by D's own judgement."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gan.data import batches
from gan.data.pixels import to_pixels

if TYPE_CHECKING:
    from gan.design import Design

CHUNK, LEAST_CHUNK = 1000, 16  # images made at a time: memory does not grow with their number,
PIXELS = CHUNK * 28 * 28  # nor with their size


class Samples(NamedTuple):
    """Images uint8 [N, H, W, C] and D's score of each, float32 [N]: the higher, the more real."""

    images: np.ndarray
    scores: np.ndarray


def draw_samples(design: Design, seed: int, count: int, average: bool = False) -> Iterator[Samples]:
    """Yield `count` samples in chunks, with `average` of the averaged generator.

    Image n is the same whatever the count.
    """
    for first in range(0, count, chunk := chunk_size(design)):
        yield _draw(design, _noise(design, seed, first), min(chunk, count - first), average)


def chunk_size(design: Design) -> int:
    """How many images are made at a time: 1000 of MNIST's size, fewer of larger ones.

    Those of `mlp` are normalised by each other, so as many as in its document.
    """
    if design.samples_in_training_mode:
        return design.recipe.batch_size
    return max(LEAST_CHUNK, min(CHUNK, PIXELS // math.prod(design.image_shape)))


def _noise(design: Design, seed: int, first: int) -> np.ndarray:
    """The noise [chunk, latent_dim] of the samples from `first` on, where a chunk begins."""
    count = chunk_size(design)
    return batches.draw_noise(design.recipe, seed, first, batches.SAMPLE_NOISE, count).numpy()


def _draw(design: Design, noise: np.ndarray, wanted: int, average: bool) -> Samples:
    """The first `wanted` samples of a chunk's `noise`.

    All of it goes through the nets, as `mlp` normalises an image by those beside it.
    """
    images = design.sample(noise, average)
    scores = design.discriminator(images, training=False)
    return Samples(to_pixels(images)[:wanted], np.ravel(scores)[:wanted])


def draw_walk(
    design: Design, seed: int, rows: int, columns: int, average: bool = False
) -> Iterator[Samples]:
    """Yield samples along a closed walk through `rows` points of the latent space, in chunks.

    Leg n leads in `columns` equal parts from the noise of `draw_samples`' image n to that of the
    next: where noise is normal along a circle, as its length hardly varies, where it is uniform
    straight.
    """
    chunk = chunk_size(design)
    noise = np.concatenate([_noise(design, seed, first) for first in range(0, rows, chunk)])
    starts = noise[:rows, np.newaxis]
    ends = np.roll(starts, -1, axis=0)
    way = np.arange(columns)[:, np.newaxis] / columns
    walk = _circle if design.recipe.noise == "normal" else _straight
    path = walk(starts, ends, way).reshape(rows * columns, -1).astype(noise.dtype)
    # Beside each part of the walk goes the noise of `draw_samples`. Where images are normalised by
    # those beside them that must be most of the batch: the images of a walk are too much alike.
    size = max(1, chunk // 8) if design.samples_in_training_mode else chunk
    for first in range(0, len(path), size):
        part = path[first : first + size]
        mates = noise[len(part) : chunk]
        yield _draw(design, np.concatenate([part, mates]), len(part), average)


def _straight(starts: np.ndarray, ends: np.ndarray, way: np.ndarray) -> np.ndarray:
    return (1 - way) * starts + way * ends


def _circle(starts: np.ndarray, ends: np.ndarray, way: np.ndarray) -> np.ndarray:
    """Turn evenly from `starts` [..., D] to `ends`, the length changing evenly, too."""
    lengths = [np.linalg.norm(points, axis=-1, keepdims=True) for points in (starts, ends)]
    starts, ends = starts / lengths[0], ends / lengths[1]
    angle = np.arccos((starts * ends).sum(axis=-1, keepdims=True).clip(-1, 1))
    sine = np.sin(angle)
    turned = np.sin((1 - way) * angle) * starts + np.sin(way * angle) * ends
    # Between opposite points, or equal ones, there is no one circle.
    turned = np.where(sine < 0.01, _straight(starts, ends, way), turned / sine.clip(0.01))
    return turned * _straight(*lengths, way)


def collect(chunks: Iterable[Samples]) -> Samples:
    """The samples of all chunks, in order."""
    return Samples(*map(np.concatenate, zip(*chunks, strict=True)))


def keep_best(candidates: Iterable[Samples], count: int) -> tuple[Samples, str]:
    """`--nice`: the `count` samples that D scores highest among candidates, the best first.

    Also the range and mean of all candidates' scores, as text. Memory does not grow with the
    candidates.
    """
    least, greatest, total, drawn = np.inf, -np.inf, 0.0, 0
    kept, waiting, bar = [], 0, np.nan  # the best so far, then those since then above the bar
    for chunk in candidates:
        drawn += len(chunk.scores)
        least, greatest = min(least, chunk.scores.min()), max(greatest, chunk.scores.max())
        total += chunk.scores.sum(dtype=np.float64)
        better = ~(chunk.scores <= bar)  # so that without a bar all are
        kept.append(Samples(chunk.images[better], chunk.scores[better]))
        waiting += better.sum()
        if waiting > max(CHUNK, count // 4):  # not each time: all kept images are copied
            kept, waiting = [_best(kept, count)], 0
            bar = kept[0].scores[-1] if len(kept[0].scores) == count else bar
    return _best(kept, count), f"{least:.3f} to {greatest:.3f}, mean {total / drawn:.3f}"


def _best(chunks: list[Samples], count: int) -> Samples:
    """The `count` highest scored samples of `chunks`, which is emptied; of equals the first."""
    rivals = collect(chunks)
    chunks.clear()  # before the copy below
    order = np.argsort(-rivals.scores, kind="stable")[:count]
    return Samples(rivals.images[order], rivals.scores[order])


def summary(scores: np.ndarray) -> str:
    """The range and the mean of scores."""
    return f"{scores.min():.3f} to {scores.max():.3f}, mean {scores.mean():.3f}"
