"""What comes with the project of a training: of a design at its document's length, and of best."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from results import PICTURES

from gan.pictures.curves import as_means, draw_curves, read_metrics
from gan.runs.weights import save_weights

if TYPE_CHECKING:
    from gan.design import Design
    from gan.runs import Run

# The grids of seed 0: those that the document shows, or about as many from first to last.
GRIDS = {
    "dense": ("0", "200", "1000", "5000", "10000", "final"),
    "dense-sgd": ("0", "400", "5000", "final"),
    "d-on-g": ("0_0", "0_100", "0_400", "4_400", "10_0", "14_400", "final"),
    "mlp": ("0", "400", "4000", "20000", "final"),
    "dcgan": tuple(f"image_at_epoch_{epoch:04d}" for epoch in (1, 10, 20, 30, 40, 50)),
}


def keep_nets(run: Run, title: str, design: Design, steps: int, folder: Path) -> None:
    """Copy the config and the weights of seed 0 into `folder`."""
    if design.seed:
        return
    save_weights(folder, design.net_weights)
    save_weights(folder, design.averages, "average")
    config = run.config()
    config |= {"data": config["data"] | {"source": "mnist"}, "steps": steps}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def keep(run: Run, title: str, design: Design, steps: int, folder: Path) -> None:
    """Copy what ships into `folder`: the run's log; of seed 0 in float32 also all one draws with.

    That is its config and weights, and, in images/reference, its grids, curves and GIF.
    """
    label = "" if title == "float32" else f"{title}-"
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"metrics-{label}seed-{design.seed}.csv.gz"
    with gzip.GzipFile(log, "wb", mtime=0) as file:
        file.write(run.metrics.read_bytes())
    if design.seed or label:
        return
    keep_nets(run, title, design, steps, folder)
    pictures = PICTURES / design.name
    pictures.mkdir(parents=True, exist_ok=True)
    draw_curves(as_means(read_metrics(run.metrics), design.d_loss_terms), run.grid("curves"))
    grids = [f"{grid}{kind}.png" for grid in GRIDS[design.name] for kind in ("", "-average")]
    for picture in (*grids, "curves.png", "training.gif"):
        shutil.copyfile(run.images / picture, pictures / picture)
