"""Choose digits among drawn images. No design takes a label: a classifier tells them apart."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from gan.evaluation.classifier import classify, load_classifier
from gan.evaluation.sampling import Samples, collect
from gan.support.errors import UserError

LEAST_PROBABILITY = 0.9  # the classifier's, of the digit that one asks for
LEAST_LIMIT, LIMIT_PER_IMAGE = 10_000, 1_000  # `dense-sgd` needs 300 for a six


class Labelled(NamedTuple):
    """Samples, the digit that the classifier takes each for, uint8 [N], and its probability.

    The probabilities are float32 [N], from 0.1 to 1.
    """

    images: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray


def label(chunks: Iterable[Samples]) -> Iterator[Labelled]:
    """Yield the samples, uint8 images [N, 28, 28, 1], with their labels, chunk by chunk."""
    classifier = load_classifier()
    for images, scores in chunks:
        _, probabilities = classify(classifier, images)
        labels = probabilities.argmax(axis=1).astype(np.uint8)
        yield Labelled(images, scores, labels, probabilities.max(axis=1))


def most_drawn(each: int) -> int:
    """How many images are drawn at most to find `each` of every digit."""
    return max(LEAST_LIMIT, LIMIT_PER_IMAGE * each)


def choose_digits(drawn: Iterable[Labelled], digits: str, each: int) -> tuple[Samples, str]:
    """The first `each` images of every one of `digits`, in the order of `digits`.

    These are images whose digit has at least LEAST_PROBABILITY. It takes no more of `drawn` than
    it needs, and keeps only what it chooses. Also returns how many were drawn, as text. Raises
    UserError if `drawn` ends before all are found.
    """
    kept = {int(digit): [] for digit in digits}
    found = dict.fromkeys(kept, 0)
    needed = {}  # how many images were drawn until all of a digit were found
    total = 0
    for chunk in drawn:
        sure = chunk.probabilities >= LEAST_PROBABILITY
        for digit in kept.keys() - needed.keys():
            [places] = np.nonzero(sure & (chunk.labels == digit))
            places = places[: each - found[digit]]
            kept[digit].append(Samples(chunk.images[places], chunk.scores[places]))
            found[digit] += len(places)
            if found[digit] == each:
                needed[digit] = total + int(places[-1]) + 1
        total += len(chunk.labels)
        if len(needed) == len(kept):
            break
    else:
        few = ", ".join(f"{n:,} of digit {digit}" for digit, n in found.items() if n < each)
        raise UserError(
            f"too few among {total:,} images drawn: {few}, and you asked for {each:,} of each; "
            "ask for fewer, or use a run that draws more of them"
        )
    of_each = ", of ".join(f"digit {n} in {needed[n]:,}" for n in kept)
    text = f"{total:,} images drawn: {each:,} of {of_each}"
    return collect(part for parts in kept.values() for part in parts), text
