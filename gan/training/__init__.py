"""The one training loop: `gan.training.train`."""

from gan.training.loop import Outcome, train

__all__ = ["Outcome", "train"]
