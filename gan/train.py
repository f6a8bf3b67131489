"""python -m gan.train DESIGN: train a design, or continue its training."""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields
from typing import TYPE_CHECKING

from gan.cli.commands import command_line, run_command
from gan.cli.dataset import add_data_options, data_options, load_dataset, show_data
from gan.cli.options import add_seed, devices, make_parser, not_empty
from gan.cli.progress import duration, say, warn
from gan.data.download import PUBLISHED
from gan.designs import DESIGNS, build_design, find_recipe
from gan.devices.cluster import CONNECT_SECONDS, read_cluster
from gan.recipe import (
    LENGTH,
    Recipe,
    positive_float,
    positive_int,
    yes_or_no,
)
from gan.runs.run import CHECKPOINT_SECONDS, REPOSITORY, Run
from gan.runs.start import find_source
from gan.support.errors import UserError
from gan.support.files import shown_path

if TYPE_CHECKING:
    from gan.design import Outcome

SHORT_EPOCH = 20  # steps
LENGTH_OPTIONS = [f"--{name}" for name in LENGTH]


def parse(arguments: list[str]) -> argparse.Namespace:
    """Parse the command line. `DESIGN --help` shows the defaults of that design."""
    designs = "\n".join(f"  {name:<10} {entry.summary}" for name, entry in DESIGNS.items())
    parser = make_parser(
        "train",
        "Train a design. To continue a stopped run, repeat its command.\n\ndesigns:\n" + designs,
        which_run="the design's name",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="`python -m gan.train DESIGN --help` shows the settings and defaults of one design.",
    )
    parser.add_argument("design", metavar="DESIGN", choices=DESIGNS, help=", ".join(DESIGNS))
    add_seed(parser)
    add_run_options(parser)
    add_settings(parser, find_recipe(design) if (design := asks_about(arguments)) else None)
    return parser.parse_args(arguments)


def asks_about(arguments: list[str]) -> str | None:
    """The design for which the command line asks for help, or None."""
    asks = {"-h", "--help"} & set(arguments)
    return next((word for word in arguments if word in DESIGNS), None) if asks else None


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that are not settings of a recipe."""
    add = parser.add_argument
    add_data_options(parser)
    text = "delete the run and its pictures, and start over"
    add("--fresh", action="store_true", help=text)
    text = "also log to experiments/RUN/tensorboard; needs the tensorboard package"
    add("--tensorboard", action="store_true", help=text)
    text = """begin a new run with the weights of RUN, or of shipped-DESIGN or shipped-best, instead
        of those of the seed; a run that continues has them already"""
    add("--start-from", metavar="RUN", type=not_empty, help=text)
    text = """measure 5,000 images of the last and of the averaged generator every N steps, as
        gan.evaluate does; needs the real MNIST, or Fashion-MNIST (default: never)"""
    add("--evaluate-every", metavar="N", type=positive_int, help=text)
    text = "with --evaluate-every, compare with these images (default: those that fit the data)"
    add("--against", choices=PUBLISHED, help=text)
    seconds = {"metavar": "S", "type": positive_float}
    text = f"save a checkpoint every S seconds (default: {CHECKPOINT_SECONDS:g})"
    add("--checkpoint-seconds", **seconds, default=CHECKPOINT_SECONDS, help=text)
    text = """train on N GPUs (default: all), or on the CPU: cpu; without a GPU, N splits the CPU
        into N devices"""
    add("--devices", metavar="N", type=devices, help=text)
    text = "on a GPU: allow kernels that give other bytes in every run; faster"
    add("--no-deterministic", dest="deterministic", action="store_false", help=text)
    text = "on a GPU: round inputs of products to TF32, as TensorFlow does by default; faster"
    add("--tf32", action="store_true", help=text)
    text = f"""wait at most S seconds for the other workers in TF_CONFIG
        (default: {CONNECT_SECONDS:g})"""
    add("--connect-seconds", **seconds, default=CONNECT_SECONDS, help=text)


def add_settings(parser: argparse.ArgumentParser, recipe: Recipe | None) -> None:
    """Add an option for each setting. With `recipe`: only its settings, with its defaults."""
    settings = parser.add_argument_group("settings")
    length = settings.add_mutually_exclusive_group()
    for field in fields(Recipe):
        text, value = field.metadata["help"], getattr(recipe, field.name, None)
        if value is not None:
            text += f" (default: {value})"
        elif recipe and field.name not in LENGTH:
            continue
        option, check = f"--{field.name.replace('_', '-')}", field.metadata["check"]
        if check is yes_or_no:
            kind = {"action": argparse.BooleanOptionalAction}
        elif isinstance(check, tuple):
            kind = {"choices": check}
        else:
            kind = {"metavar": "N", "type": check}
        group = length if field.name in LENGTH else settings
        group.add_argument(option, help=text, **kind)


def main(arguments: list[str] | None = None) -> int:
    """Train as the command line says. Returns 0, or 128 + signal number if a signal stopped it."""
    options = parse(sys.argv[1:] if arguments is None else arguments)
    if options.against and not options.evaluate_every:
        raise UserError("--against is only for --evaluate-every; gan.evaluate takes it, too")
    run = Run(options.name or options.design, options.root)
    config = None if options.fresh else run.config()
    cluster = read_cluster()
    is_chief = cluster is None or cluster.is_chief  # who alone reads runs
    if options.start_from and is_chief and (options.fresh or not run.checkpoints.steps()):
        find_source(options.start_from, options.root).config()  # a wrong name, before TensorFlow
    dataset = load_dataset(options, config)
    if options.show_data:
        show_data(dataset, options.show_data)
        return 0

    from gan.devices.strategy import choose_strategy, why_slow
    from gan.devices.workers import explain_lost_workers
    from gan.support.exact import set_gpu_kernels
    from gan.support.gpus import why_unused
    from gan.support.tensorflow import keras, tf

    overrides = {field.name: getattr(options, field.name) for field in fields(Recipe)}
    given = {name: value for name, value in overrides.items() if value is not None}
    shared = {
        "design": options.design,
        "settings": str(given),
        "evaluate_every": options.evaluate_every,
        "start_from": options.start_from,
        "against": options.against,
        "seed": options.seed,
        "data": f"{dataset.name} (digest {dataset.digest[:8]})",
        "versions": f"TensorFlow {tf.__version__}, Keras {keras.__version__}",
        "deterministic": options.deterministic,
        "tf32": options.tf32,
    }
    strategy, phrase = choose_strategy(options.devices, options.connect_seconds, shared)
    set_gpu_kernels(options.deterministic, options.tf32)
    looked_for_gpus = options.devices != "cpu" and not tf.config.list_physical_devices("GPU")
    if looked_for_gpus and (reason := why_unused()):
        warn(reason)
    with explain_lost_workers(), strategy.scope():
        shape, seed = dataset.images.shape[1:], options.seed
        design = build_design(options.design, shape, seed, **overrides)
    say(f"design  {options.design}: {DESIGNS[options.design].summary}")
    say(f"data    {dataset.name}, {dataset} ({dataset.source})")
    say(f"device  {phrase}")
    count, recipe = len(dataset.images), design.recipe
    if slow := why_slow(recipe.precision, design.device_kind):
        say(f"        {slow}")
    if recipe.epochs and recipe.steps_per_epoch(count) < SHORT_EPOCH:
        total = recipe.total_steps(count)
        say(f"length  {total:,} steps, as an epoch of so few images is short; --steps N changes it")

    outcome = design.train(
        run=run,
        dataset=dataset,
        fresh=options.fresh,
        tensorboard=options.tensorboard,
        evaluate_every=options.evaluate_every,
        against=options.against,
        checkpoint_seconds=options.checkpoint_seconds,
        start_from=options.start_from,
        return_when_stopped=True,
    )
    if is_chief:
        report(run, outcome, options)
    return 128 + outcome.stopped_by if outcome.stopped_by else 0


def report(run: Run, outcome: Outcome, options: argparse.Namespace) -> None:
    """Print how far the run is, where its pictures are, and the next commands."""
    if outcome.stopped_by:
        say(f"stopped after step {outcome.done:,} of {outcome.total:,}; everything is saved")
        workers = " for each worker, with its TF_CONFIG" if read_cluster() else ""
        say(f"  continue  {self_command(drop=['--fresh'])}{workers}")
        return
    if outcome.trained:
        rate = outcome.trained / outcome.seconds
        seconds = duration(outcome.seconds)
        speed = f"{rate:.3g} it/s, with compiling, pictures and checkpoints"
        say(f"trained {outcome.trained:,} steps in {seconds} ({speed})")
    else:
        command = self_command(drop=["--fresh"])
        command += data_options(run.config()["data"]) if options.data == "auto" else ""
        longer = self_command(drop=[*LENGTH_OPTIONS, "--fresh"])
        more = f", more than {outcome.total:,}" if outcome.done > outcome.total else ""
        say(f"run {run.name!r} is finished: it has {outcome.done:,} steps{more}")
        say(f"  extend    {longer} --steps {2 * outcome.done}")
        start = run.config().get("start")
        if start and not options.start_from:
            command += f" --start-from {start['run']}" if start["run"] else ""
        say(f"  restart   {command} --fresh")
    last = " (the last one is final.png)" if run.grid("final").exists() else ""
    say(f"  pictures  {shown_path(run.images)}/{last}")
    say(f"  page      {shown_path(run.images / 'index.html')}")
    say(f"  losses    {shown_path(run.metrics)}")
    root = [] if options.root == REPOSITORY else ["--root", str(options.root)]
    say(f"  sample    {command_line('generate', '--name', run.name, *root)}")


def self_command(drop: list[str]) -> str:
    """The running command without the options in `drop` and their values."""
    kept, skip_value = [], False
    for word in sys.argv[1:]:
        option = word.split("=")[0]
        if option in drop:
            skip_value = option in LENGTH_OPTIONS and "=" not in word
        elif skip_value:
            skip_value = False
        else:
            kept.append(word)
    return command_line("train", *kept)


if __name__ == "__main__":
    run_command(main)
