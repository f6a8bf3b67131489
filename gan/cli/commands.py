"""Start and end a command, and write commands that the user can copy."""

import io
import os
import shlex
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict
from math import isclose
from pathlib import Path

from gan.data.download import PUBLISHED
from gan.data.images import ARRAY
from gan.designs import DESIGNS, find_recipe
from gan.evaluation.against import fitting
from gan.recipe import LENGTH, PRECISIONS
from gan.runs.run import REPOSITORY, Run
from gan.support.errors import BAD_INPUT, RunError, UserError
from gan.support.files import shown_path
from gan.support.memory import memory_errors


def run_command(main: Callable[[], int]) -> None:
    """Run `main` and exit with its code. A UserError or RunError becomes one line on stderr."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # what a terminal cannot show must not end a run
    try:
        with memory_errors("ask for fewer or smaller images"):
            code = main()
    except (UserError, RunError) as error:
        message = " ".join(str(error).split())
        print(f"error: {message}", file=sys.stderr)
        code = BAD_INPUT if isinstance(error, UserError) else 1
    except KeyboardInterrupt:
        code = 130  # the code a shell reports for a command that SIGINT ended
    except BrokenPipeError:
        code = 1
    try:
        sys.stdout.flush()
    except OSError as error:  # its disk is full, or its reader, such as `| head`, is gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            print(f"error: the output cannot be written: {error.strerror}", file=sys.stderr)
        code = code or 1
    sys.exit(code)


def command_line(module: str, *arguments: str) -> str:
    """A command that the user can type here, with the Python that is running now."""
    python = "python" if shutil.which("python") == sys.executable else sys.executable
    return shlex.join([shown_path(Path(python)), "-m", f"gan.{module}", *arguments])


def next_commands(run: Run, config: dict, done: int, total: int) -> list[tuple[str, str]]:
    """The next commands after `done` of `total` steps, as pairs (purpose, command).

    There is none for a design or a precision that only a script knows, no training that only a
    script can continue, and no measuring of images to which no real ones fit.
    """
    if config["design"] not in DESIGNS or config.get("precision", "float32") not in PRECISIONS:
        return []
    root = [] if run.root == REPOSITORY else ["--root", str(run.root)]
    name = ["--name", run.name, *root]
    usual = asdict(find_recipe(config["design"]))
    settings = []
    for setting, value in config["recipe"].items():
        if value is not None and value != usual[setting] and setting not in LENGTH:
            option = setting.replace("_", "-")
            yes_or_no = f"--{option}" if value else f"--no-{option}"
            settings += [yes_or_no] if isinstance(value, bool) else [f"--{option}", str(value)]
    settings += ["--no-deterministic"] if config.get("deterministic") is False else []
    settings += ["--tf32"] if config.get("tf32") else []
    seed = ["--seed", str(config["seed"])] if config["seed"] else []
    steps = total if done < total else 2 * total
    train = command_line("train", config["design"], *name, *seed, *settings, "--steps", str(steps))
    commands = [
        ("continue training:" if done < total else "train twice as long:", train),
        ("draw new images:", command_line("generate", *name)),
    ]
    if real := fitting(config["data"]):
        title = PUBLISHED[real].title
        commands.append((f"measure it against {title}:", command_line("evaluate", *name)))
    return commands[1:] if needs_a_script(config) else commands


def needs_a_script(config: dict) -> bool:
    """Whether only a script can continue a run: with its data, optimizers or frozen layers."""
    rate = config["recipe"]["learning_rate"]
    usual = {"d": rate * config["recipe"].get("d_rate_factor", 1), "g": rate}
    own_rate = any(
        not isinstance(found := optimizer.get("learning_rate"), float)
        or not isclose(found, usual[net], rel_tol=1e-6)  # it was rounded to float32
        for net, optimizer in (config.get("optimizers") or {}).items()
    )
    return config["data"]["source"] == ARRAY or own_rate or bool(config.get("frozen"))
