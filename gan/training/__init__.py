"""The training loop: `plain` is to be read, `loop` is what `Design.train` runs."""

from gan.training.endings import Outcome
from gan.training.loop import Training
from gan.training.plain import train_plainly

__all__ = ["Outcome", "Training", "train_plainly"]
