"""python -m gan.generate: draw new images with a trained run."""

from __future__ import annotations

import argparse
from pathlib import Path

from gan.command import checked, command_line, load_tensorflow, make_parser, run_command, shown_path
from gan.designs import build_design
from gan.errors import UserError
from gan.recipe import positive_int
from gan.runs import Run, find_runs

CHUNK = 1000  # images made at a time
LARGEST_COUNT = 40_000  # one picture of 200 x 200


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = make_parser("generate", "Draw new images with a trained run, as one PNG.")
    parser.add_argument(
        "--count", type=checked(positive_int), default=100, help="how many (default: 100)"
    )
    parser.add_argument(
        "--out",
        metavar="FILE.png",
        type=Path,
        help="where to (default: images/RUN/generated.png)",
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Write the PNG that the command line asks for; 0, or UserError."""
    options = parse(arguments)
    run = Run(options.name, options.root) if options.name else newest_run(options.root)
    config = run.config()
    if config is None:
        raise UserError(
            f"no run {run.name!r} in {shown_path(options.root / 'experiments')}; "
            f"train one: {command_line('train', 'dense')}"
        )
    if not (steps := run.checkpointed_steps()):
        raise UserError(f"run {run.name!r} has no checkpoint yet; wait a minute, or train it on")
    out = options.out or run.grid("generated")
    if out.suffix != ".png":
        raise UserError(f"--out must be a .png file, not {str(out)!r}")
    if options.count > LARGEST_COUNT:
        raise UserError(f"--count can be at most {LARGEST_COUNT:,}: it makes one picture")

    load_tensorflow()
    import numpy as np

    from gan import batches
    from gan.grid import save_grid
    from gan.loop import all_variables

    shape = tuple(config["data"]["images"][1:])
    design = build_design(config["design"], shape, **config["recipe"])
    run.restore_checkpoint(steps[-1], all_variables(design))

    images = []
    for chunk in range(0, options.count, CHUNK):
        # Whole chunks are drawn, so that image n is the same whatever the count.
        noise = batches.draw_noise(
            options.seed, chunk, batches.SAMPLE_NOISE, (CHUNK, design.recipe.latent_dim)
        )
        images.append(design.sample(noise[: options.count - chunk]).numpy())
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        save_grid(out, np.concatenate(images))
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror}") from None
    print(
        f"{options.count:,} images of run {run.name!r} ({config['design']}, {steps[-1]:,} steps, "
        f"seed {options.seed}): {shown_path(out)}"
    )
    return 0


def newest_run(root: Path) -> Run:
    """The run under `root` that was trained last. Raises UserError when there is none."""
    if not (runs := find_runs(root)):
        raise UserError(
            f"no trained run in {shown_path(root / 'experiments')}; "
            f"train one: {command_line('train', 'dense')}"
        )
    return runs[-1]


if __name__ == "__main__":
    run_command(main)
