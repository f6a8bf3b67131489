"""The checkpoints of a run: complete or absent, and known to be what was saved.

step-<N>/variables.*        every variable after N steps, as tf.train.Checkpoint writes them
step-<N>/averages.*         the averages of G's variables, if they are kept
step-<N>/metrics.csv        the log of those steps
step-<N>/checkpoint.json    N, the run's config, the digests of the others
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gan.runs.config import identity
from gan.support.errors import UserError
from gan.support.files import remove, replacing, temporary_beside

if TYPE_CHECKING:
    import tensorflow as tf

    from gan.design import Design

KEEP = 3


class Checkpoints:
    """The checkpoints in `folder`, by the number of steps they were taken after."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, step: int) -> Path:
        """Folder of the checkpoint of `step` steps."""
        return self.folder / f"step-{step:08d}"

    def steps(self) -> list[int]:
        """Step counts of the checkpoints there are, the newest last."""
        names = (path.name for path in self.folder.glob("step-*"))
        return sorted(int(name[5:]) for name in names if name[5:].isdecimal())

    def save(
        self,
        step: int,
        design: Design,
        config: dict,
        metrics: Path,
        kept_every: int = 0,
    ) -> None:
        """Write all variables of `design` after `step` steps, and prune older checkpoints.

        The newest 3 stay, and those of every `kept_every` steps, if that is not 0. Raises OSError.
        """
        import tensorflow as tf

        self._delete(step)  # one that could not be read
        with replacing(self.path(step)) as temporary:
            temporary.mkdir()  # TensorFlow would make the folders above it, too, if they are gone
            record = {"step": step}
            for name, variables in _parts(design):
                try:
                    _tracked(variables).write(str(temporary / name))
                except tf.errors.OpError as error:
                    reason = error.message.rsplit("; ")[-1].split(" [Op:")[0]
                    raise OSError(None, reason, str(self.path(step))) from None
                record[name] = _digest(variables)
            shutil.copyfile(metrics, temporary / "metrics.csv")
            record |= {"metrics": _file_digest(metrics), "config": config}
            (temporary / "checkpoint.json").write_text(json.dumps(record, indent=2) + "\n")
        # Later ones were skipped as unsound; they must not push out those that are sound.
        for old in [other for other in self.steps() if other <= step][:-KEEP]:
            if not kept_every or old % kept_every:
                self._delete(old)

    def _delete(self, step: int) -> None:
        """Delete the checkpoint of `step` steps, if there is one: a kill leaves no part of it."""
        if (path := self.path(step)).exists():
            remove(path.rename(temporary_beside(path)))

    def restore(self, step: int, design: Design, config: dict) -> None:
        """Set the variables of `design` to the checkpoint of `step` steps.

        Averages that it lacks start at G's variables. Raises UserError when the checkpoint is
        damaged, holds NaN or infinity, or is not of this step, run or design.
        """
        import tensorflow as tf

        record = self.record(step)
        if record is None:
            raise UserError("its checkpoint.json is missing or damaged")
        if record["step"] != step or identity(record["config"]) != identity(config):
            raise UserError("it is of another step or run")
        if _file_digest(self.path(step) / "metrics.csv") != record["metrics"]:
            raise UserError("its metrics.csv is damaged")
        for name, variables in _parts(design):
            if name == "averages" and name not in record:
                design.start_average()
                continue
            try:
                # All of them must be there, or one that is missing would stay as it was in silence.
                _tracked(variables).read(str(self.path(step) / name)).assert_consumed()
            except (tf.errors.OpError, AssertionError, ValueError, IndexError):
                raise UserError(f"its {name} are damaged, or of other nets") from None
            if _digest(variables) != record[name]:
                raise UserError(f"its {name} are damaged")
            if not are_finite(variables):  # from a version that saved them all the same
                raise UserError(f"its {name} are NaN or infinite")

    def has_average(self, step: int) -> bool:
        """Whether the checkpoint of `step` steps holds the averages of G's variables."""
        return "averages" in (self.record(step) or ())

    def record(self, step: int) -> dict | None:
        """What checkpoint.json says, or None when it is missing or damaged."""
        try:
            record = json.loads((self.path(step) / "checkpoint.json").read_text())
            identity(record["config"])
            return record if record.keys() >= {"step", "variables", "metrics"} else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None


def _parts(design: Design) -> list[tuple[str, list]]:
    """What a checkpoint holds of `design`: a name and the variables of each part."""
    parts = ("variables", design.all_variables), ("averages", design.averages)
    return [(name, variables) for name, variables in parts if variables]


def are_finite(variables: Sequence) -> bool:
    """Whether no number in Keras' `variables` is NaN or infinite."""
    return all(np.isfinite(variable.numpy()).all() for variable in variables)


def _tracked(variables: Sequence) -> tf.train.Checkpoint:
    """A tf.train.Checkpoint over Keras variables, told apart by their order."""
    import tensorflow as tf  # here, so that a run can be looked at without it

    return tf.train.Checkpoint(variables=[variable.value for variable in variables])


def _digest(variables: Sequence) -> str:
    """SHA-256 of the bytes of all variables in order, with their shapes."""
    digest = hashlib.sha256()
    for variable in variables:
        array = variable.numpy()
        digest.update(f"{array.dtype}{array.shape}".encode() + array.tobytes())
    return digest.hexdigest()


def _file_digest(path: Path) -> str | None:
    """SHA-256 of a file, or None when it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
