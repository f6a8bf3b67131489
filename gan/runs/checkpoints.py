"""The checkpoints of a run: complete or absent, and checked against digests.

step-<N>/variables.*        every variable after N steps, as tf.train.Checkpoint writes them
step-<N>/averages.*         the averages of G's variables, if any are kept
step-<N>/metrics.csv        the log of these N steps
step-<N>/checkpoint.json    N, the run's config, the digests of the above
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gan.layers.seeding import digest
from gan.runs.config import difference, identity
from gan.support.errors import UserError
from gan.support.files import remove, replacing, temporary_beside

if TYPE_CHECKING:
    from gan.design import Design
    from gan.support.tensorflow import tf

KEEP = 3


class Checkpoints:
    """The checkpoints in `folder`, identified by their number of steps."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, step: int) -> Path:
        """Folder of the checkpoint after `step` steps."""
        return self.folder / f"step-{step:08d}"

    def steps(self) -> list[int]:
        """Step counts of the existing checkpoints, newest last."""
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
        """Write all variables of `design` after `step` steps, and delete older checkpoints.

        Keeps the newest 3 and, if `kept_every` is not 0, those after each multiple of `kept_every`
        steps. Raises OSError.
        """
        from gan.support.tensorflow import tf

        self._delete(step)  # an existing one could not be read
        with replacing(self.path(step)) as temporary:
            temporary.mkdir()  # fails if the run's folder is gone; TensorFlow would make a new one
            record = {"step": step}
            for name, variables in _parts(design):
                try:
                    _tracked(variables).write(str(temporary / name))
                except tf.errors.OpError as error:
                    reason = error.message.rsplit("; ")[-1].split(" [Op:")[0]
                    raise OSError(None, reason, str(self.path(step))) from None
                record[name] = digest(variables)
            shutil.copyfile(metrics, temporary / "metrics.csv")
            record |= {"metrics": _file_digest(metrics), "config": config}
            text = json.dumps(record, indent=2) + "\n"
            (temporary / "checkpoint.json").write_text(text, encoding="utf-8")
        # Later checkpoints are damaged and were skipped; they must not replace good ones.
        for old in [other for other in self.steps() if other <= step][:-KEEP]:
            if not kept_every or old % kept_every:
                self._delete(old)

    def _delete(self, step: int) -> None:
        """Delete the checkpoint after `step` steps, if it exists; a kill leaves no part of it."""
        if (path := self.path(step)).exists():
            remove(path.rename(temporary_beside(path)))

    def restore(self, step: int, design: Design, config: dict) -> None:
        """Set the variables of `design` to the checkpoint after `step` steps.

        If it has no averages, they start at G's variables. Raises UserError if the checkpoint is
        damaged, holds NaN or infinity, or belongs to another step, run or design.
        """
        from gan.support.tensorflow import tf

        record = self.check(step, config)
        for name, variables in _parts(design):
            if name == "averages" and name not in record:
                design.start_average()
                continue
            try:
                # Without assert_consumed, a missing variable would silently keep its old value.
                _tracked(variables).read(str(self.path(step) / name)).assert_consumed()
            except (tf.errors.OpError, AssertionError, ValueError, IndexError):
                raise UserError(f"its {name} are damaged, or belong to other nets") from None
            if digest(variables) != record[name]:
                raise UserError(f"its {name} are damaged")
            if not are_finite(variables):  # an older version saved such values
                raise UserError(f"its {name} are NaN or infinite")

    def check(self, step: int, config: dict) -> dict:
        """The content of checkpoint.json. Does not read the variables, so needs no TensorFlow.

        Raises UserError if a part is damaged or missing, or belongs to another step or run.
        """
        record = self.record(step)
        if record is None:
            raise UserError("its checkpoint.json is missing or damaged")
        if record["step"] != step or difference(record["config"], config):
            raise UserError("it belongs to another step or run")
        if _file_digest(self.path(step) / "metrics.csv") != record["metrics"]:
            raise UserError("its metrics.csv is damaged")
        for name in record.keys() & {"variables", "averages"}:
            if not (self.path(step) / f"{name}.index").exists():
                raise UserError(f"its {name} are missing")
        return record

    def has_average(self, step: int) -> bool:
        """Whether the checkpoint after `step` steps holds the averages of G's variables."""
        return "averages" in (self.record(step) or ())

    def record(self, step: int) -> dict | None:
        """The content of checkpoint.json, or None if it is missing or damaged."""
        try:
            record = json.loads((self.path(step) / "checkpoint.json").read_bytes())
            identity(record["config"])
            return record if record.keys() >= {"step", "variables", "metrics"} else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None


def _parts(design: Design) -> list[tuple[str, list]]:
    """The parts of `design` that a checkpoint holds: the name and the variables of each."""
    parts = ("variables", design.all_variables), ("averages", design.averages)
    return [(name, variables) for name, variables in parts if variables]


def are_finite(variables: Sequence) -> bool:
    """Whether no number in Keras' `variables` is NaN or infinite."""
    return all(np.isfinite(variable.numpy()).all() for variable in variables)


def _tracked(variables: Sequence) -> tf.train.Checkpoint:
    """A tf.train.Checkpoint of Keras variables, identified by their order."""
    from gan.support.tensorflow import tf  # here, so that a run can be read without TensorFlow

    return tf.train.Checkpoint(variables=[variable.value for variable in variables])


def _file_digest(path: Path) -> str | None:
    """SHA-256 of a file, or None if it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
