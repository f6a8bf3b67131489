"""Draw rows of digits of each design, beside its document's own code: `make overview`

Three rows for a design: the last and the averaged generator, from the shipped weights and the same
noise, and the images that reproduce_documents.py kept. A row shows the first images of seed 0; none
is left out or chosen. Writes images/reference/designs.png. Takes half a minute.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from results import PICTURES, REFERENCE, REPOSITORY, stored

from gan.cli import run_command
from gan.designs import DESIGNS
from gan.evaluation.sampling import draw_samples
from gan.pictures.grid import ZOOM, draw_grid
from gan.runs import Shipped, load

COUNT, ENLARGED, LABEL = 20, 2, 110  # digits in a row, enlargement, pixels for the name
GAP = 12  # pixels between two designs


def images_of(grid: Path) -> np.ndarray:
    """The first COUNT images, uint8 [COUNT, 28, 28, 1], of a grid that `save_grid` wrote."""
    with Image.open(grid) as picture:
        pixels = np.asarray(picture)[::ZOOM, ::ZOOM]
    rows, columns = (side // 28 for side in pixels.shape)
    images = pixels.reshape(rows, 28, columns, 28).swapaxes(1, 2)
    return images.reshape(rows * columns, 28, 28, 1)[:COUNT]


def main() -> int:
    rows = []
    font = ImageFont.load_default(16)

    def add(label: str, images: np.ndarray) -> None:
        digits = draw_grid(images, ENLARGED, columns=COUNT)
        row = Image.new("L", (LABEL + digits.width, digits.height))
        row.paste(digits, (LABEL, 0))
        ImageDraw.Draw(row).text((10, row.height // 2), label, 255, font, "lm")
        rows.append(np.asarray(row))

    for name in DESIGNS:
        if rows:
            rows.append(np.zeros((GAP, rows[0].shape[1]), np.uint8))
        design, steps = load(Shipped(name, REPOSITORY))
        for average, label in enumerate((name, "averaged")):
            [samples] = draw_samples(design, 0, COUNT, bool(average))
            add(label, samples.images)
        if (original := PICTURES / name / "original.png").exists():
            trained = stored(REFERENCE / name / "document.json")["runs"][0]["steps"]
            label = "original" if trained == steps else f"original,\n{trained:,} steps"
            add(label, images_of(original))
    PICTURES.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(rows)).save(PICTURES / "designs.png")
    return 0


if __name__ == "__main__":
    run_command(main)
