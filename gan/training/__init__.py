"""The training loop: `plain` is to be read, `loop` is what `Design.train` runs."""

from gan.training.loop import Training
from gan.training.plain import train_plainly

__all__ = ["Training", "train_plainly"]
