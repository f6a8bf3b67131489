"""The one training loop: `gan.training.train`."""

from gan.training.average import KeepAverage
from gan.training.endings import Outcome
from gan.training.loop import train

__all__ = ["KeepAverage", "Outcome", "train"]
