"""What the commands share: options, one-line errors, progress.

`run_command` runs the `main` of a command and reports bad input in one line.
"""

from gan.cli.commands import run_command

__all__ = ["run_command"]
