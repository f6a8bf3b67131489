"""Draw new images with a trained design, in chunks: all of them, or those that D scores highest."""

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from gan.data import batches
from gan.data.pixels import to_pixels
from gan.design import Design

CHUNK, LEAST_CHUNK = 1000, 16  # images drawn at a time, so that memory does not grow with
PIXELS = CHUNK * 28 * 28  # the number of images, nor with their size


class Samples(NamedTuple):
    """Images uint8 [N, H, W, C] and D's score of each, float32 [N]: the higher, the more real."""

    images: np.ndarray
    scores: np.ndarray


def draw_samples(design: Design, seed: int, count: int, average: bool = False) -> Iterator[Samples]:
    """Yield `count` samples in chunks; with `average`, from the averaged generator.

    Image n does not depend on `count`.
    """
    for first in range(0, count, chunk := chunk_size(design)):
        yield _draw(design, _noise(design, seed, first), min(chunk, count - first), average)


def chunk_size(design: Design) -> int:
    """How many images are drawn at a time: 1000 of MNIST's size, fewer if they are larger.

    `mlp` normalises each image with its batch, so it draws as many as its document.
    """
    if design.samples_in_training_mode:
        return design.recipe.batch_size
    return max(LEAST_CHUNK, min(CHUNK, PIXELS // math.prod(design.image_shape)))


def _noise(design: Design, seed: int, first: int) -> np.ndarray:
    """The noise [chunk, latent_dim] of the chunk that begins with sample `first`."""
    count = chunk_size(design)
    return batches.draw_noise(design.recipe, seed, first, batches.SAMPLE_NOISE, count).numpy()


def _draw(design: Design, noise: np.ndarray, wanted: int, average: bool) -> Samples:
    """The first `wanted` samples of a chunk's `noise`.

    The nets get the whole chunk, because `mlp` normalises each image with its batch.
    """
    images = design.sample(noise, average)
    scores = design.discriminator(images, training=False)
    return Samples(to_pixels(images)[:wanted], np.ravel(scores)[:wanted])


def draw_walk(
    design: Design, seed: int, rows: int, columns: int, average: bool = False
) -> Iterator[Samples]:
    """Yield samples along a closed walk through `rows` points of the latent space, in chunks.

    Leg n goes in `columns` equal parts from the noise of image n of `draw_samples` to that of the
    next image. For normal noise it is an arc, because the length of such noise hardly varies. For
    uniform noise it is a straight line.
    """
    chunk = chunk_size(design)
    noise = np.concatenate([_noise(design, seed, first) for first in range(0, rows, chunk)])
    starts = noise[:rows, np.newaxis]
    ends = np.roll(starts, -1, axis=0)
    way = np.arange(columns)[:, np.newaxis] / columns
    walk = _circle if design.recipe.noise == "normal" else _straight
    path = walk(starts, ends, way).reshape(rows * columns, -1).astype(noise.dtype)
    # The noise of `draw_samples` fills the chunk after each part of the walk. If images are
    # normalised with their batch, it must be most of it: the images of a walk are too similar.
    size = max(1, chunk // 8) if design.samples_in_training_mode else chunk
    for first in range(0, len(path), size):
        part = path[first : first + size]
        mates = noise[len(part) : chunk]
        yield _draw(design, np.concatenate([part, mates]), len(part), average)


def _straight(starts: np.ndarray, ends: np.ndarray, way: np.ndarray) -> np.ndarray:
    return (1 - way) * starts + way * ends


def _circle(starts: np.ndarray, ends: np.ndarray, way: np.ndarray) -> np.ndarray:
    """Turn evenly from `starts` [..., D] to `ends`; the length changes evenly, too."""
    lengths = [np.linalg.norm(points, axis=-1, keepdims=True) for points in (starts, ends)]
    starts, ends = starts / lengths[0], ends / lengths[1]
    angle = np.arccos((starts * ends).sum(axis=-1, keepdims=True).clip(-1, 1))
    sine = np.sin(angle)
    turned = np.sin((1 - way) * angle) * starts + np.sin(way * angle) * ends
    # Two opposite or equal points do not define one arc.
    turned = np.where(sine < 0.01, _straight(starts, ends, way), turned / sine.clip(0.01))
    return turned * _straight(*lengths, way)


def collect(chunks: Iterable[Samples]) -> Samples:
    """The samples of all chunks, in order."""
    return Samples(*map(np.concatenate, zip(*chunks, strict=True)))


def keep_best(candidates: Iterable[Samples], count: int) -> tuple[Samples, str]:
    """`--nice`: the `count` candidates that D scores highest, the best first.

    Also returns the range and mean of all candidates' scores as text. Memory does not grow with
    the number of candidates.
    """
    least, greatest, total, drawn = np.inf, -np.inf, 0.0, 0
    kept, waiting, bar = [], 0, np.nan  # the best so far, then newer ones above the bar
    for chunk in candidates:
        drawn += len(chunk.scores)
        least, greatest = min(least, chunk.scores.min()), max(greatest, chunk.scores.max())
        total += chunk.scores.sum(dtype=np.float64)
        better = ~(chunk.scores <= bar)  # True for all as long as the bar is NaN
        kept.append(Samples(chunk.images[better], chunk.scores[better]))
        waiting += better.sum()
        if waiting > max(CHUNK, count // 4):  # not for each chunk: it copies all kept images
            kept, waiting = [_best(kept, count)], 0
            bar = kept[0].scores[-1] if len(kept[0].scores) == count else bar
    return _best(kept, count), f"{least:.3f} to {greatest:.3f}, mean {total / drawn:.3f}"


def _best(chunks: list[Samples], count: int) -> Samples:
    """The `count` samples with the highest scores, the earlier one if equal. Empties `chunks`."""
    rivals = collect(chunks)
    chunks.clear()  # free memory before the copy below
    order = np.argsort(-rivals.scores, kind="stable")[:count]
    return Samples(rivals.images[order], rivals.scores[order])


def summary(scores: np.ndarray) -> str:
    """The range and the mean of scores."""
    return f"{scores.min():.3f} to {scores.max():.3f}, mean {scores.mean():.3f}"
