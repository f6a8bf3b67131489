"""One run of a study: its training by `gan.train`, and what was measured of it so far."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from results import REPOSITORY, stored, wait_for

from gan import train
from gan.data import load_images
from gan.designs import build_design, find_recipe
from gan.recipe import LENGTH, Recipe, override
from gan.runs import Run
from gan.runs.trained import load
from gan.support.errors import UserError
from gan.support.files import replacing

if TYPE_CHECKING:
    from gan.design import Design

LENGTH_OPTIONS = {f"--{name}" for name in LENGTH}


class StudyRun:
    """The run of one seed of a `Row`, below `root`.

    `data`: path of a file to train on, in place of MNIST. `trial`: the number of steps of a trial,
    which has a run of its own. `real`: what it is compared with, as in `Study`. `origin`: a dict
    that is kept with what is measured.
    """

    def __init__(self, row, seed, root, data=None, trial=None, real="test", origin=None) -> None:
        self.row, self.seed, self.trial, self.origin = row, seed, trial, origin or {}
        self.run = Run(f"{'trial-' if trial else ''}{row.run}-seed-{seed}", root)
        self.path = self.run.folder / f"measured-{real}.json"
        self.options = shlex.split(row.options) + (["--data", str(data.resolve())] if data else [])
        given = train.parse(self.arguments(trial))
        settings = {field.name: getattr(given, field.name) for field in fields(Recipe)}
        recipe = override(find_recipe(row.design), **settings)
        count = len(load_images(given.data).images)
        self.total, self.per_epoch = recipe.total_steps(count), recipe.steps_per_epoch(count)

    def arguments(self, steps: int | None) -> list[str]:
        """The arguments of gan.train for `steps` in all; None: for the length in the row."""
        if steps is None:
            return [self.row.design, *self.options]
        kept, before = [], ""
        for word in self.options:
            if not {before, word} & LENGTH_OPTIONS:  # neither the option nor its value
                kept.append(word)
            before = word
        return [self.row.design, *kept, "--steps", str(steps)]

    def train(self, steps: int) -> Design:
        """Train or continue the run to `steps` in all; return its design.

        If the training fails or is stopped, this program ends with its exit code.
        """
        script = [str(Path(__file__).parent / self.row.script)]
        command = [sys.executable, *(script if self.row.script else ["-m", "gan.train"])]
        command += self.arguments(self.trial if steps == self.total else steps)
        command += ["--seed", str(self.seed), "--name", self.run.name, "--root", str(self.run.root)]
        if code := wait_for([subprocess.Popen(command, cwd=REPOSITORY)]):
            sys.exit(code)
        design, done = load(self.run)
        if done != steps:
            raise UserError(
                f"run {self.run.name!r} has {done:,} steps, so step {steps:,} cannot be measured; "
                "delete the run, or choose another --root"
            )
        return design

    def has(self, steps: int) -> bool:
        """Whether the run is trained for `steps` or more."""
        return steps <= max(self.run.checkpoints.steps(), default=0)

    def measured(self, steps: int) -> dict:
        """Return what was measured after `steps`, if the log still has the same losses there.

        Otherwise the run was started over since.
        """
        found = stored(self.path, {}).get(str(steps), {})
        return found if found and found["log"] == self.losses(steps) else {}

    def remember(self, steps: int, figures: dict) -> None:
        """Keep what was measured after `steps`, beside what is known."""
        known = {"log": self.losses(steps), **self.origin} | self.measured(steps) | figures
        found = stored(self.path, {}) | {str(steps): known}
        with replacing(self.path) as temporary:
            temporary.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")

    def losses(self, steps: int) -> str | None:
        """The line of the log after `steps`, or None if it has none."""
        path = self.run.metrics
        log = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return log[steps] if steps < len(log) else None

    def grids(self) -> dict[int, str]:
        """Steps of the row's grids, which only seed 0 has: number of steps -> grid."""
        if self.seed or not self.row.grids:
            return {}
        name = build_design(self.row.design).grid_name
        names = {step + 1: name(step, self.per_epoch) for step in range(self.total)}
        return {steps: grid for steps, grid in names.items() if grid in self.row.grids}
