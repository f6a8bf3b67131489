"""Draw a row of digits with the shipped weights of each design: `make overview`

A row shows the first images of seed 0; none is left out or chosen. Writes
images/reference/designs.png. Takes half a minute.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from results import PICTURES, REPOSITORY

from gan.cli import load_tensorflow, run_command
from gan.designs import DESIGNS
from gan.runs.trained import REFERENCE, Shipped, load

COUNT, ZOOM, LABEL = 20, 2, 110  # digits in a row, enlargement, pixels for the name


def main() -> int:
    load_tensorflow()
    from gan.evaluation.sampling import draw_samples
    from gan.pictures.grid import draw_grid

    rows = []
    font = ImageFont.load_default(16)
    for name in DESIGNS:
        if not (REFERENCE / name / "config.json").exists():
            continue
        design, _ = load(Shipped(name, REPOSITORY))
        [samples] = draw_samples(design, 0, COUNT)
        digits = draw_grid(samples.images, ZOOM, columns=COUNT)
        row = Image.new("L", (LABEL + digits.width, digits.height))
        row.paste(digits, (LABEL, 0))
        ImageDraw.Draw(row).text((10, row.height // 2), name, 255, font, "lm")
        rows.append(np.asarray(row))
    PICTURES.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(rows)).save(PICTURES / "designs.png")
    return 0


if __name__ == "__main__":
    run_command(main)
