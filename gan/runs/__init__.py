"""The results of training: a run's folder, its checkpoints, trained and shipped weights.

`Run` is a run's folder, `find_runs` lists the runs, `load` builds a trained design.
"""

from gan.runs.run import Run
from gan.runs.trained import Shipped, choose_trained, find_runs, load

__all__ = ["Run", "Shipped", "choose_trained", "find_runs", "load"]
