"""What the commands share: options, errors of one line, progress.

A command's `main` runs under `run_command`, which turns bad input into one line.
"""

from gan.cli.commands import load_tensorflow, run_command

__all__ = ["load_tensorflow", "run_command"]
