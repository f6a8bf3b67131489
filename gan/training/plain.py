"""The training loop as one would write it: what every design computes when it trains.

`gan.training.loop` computes the same, but compiles many steps into one call. It also saves
checkpoints, draws pictures and keeps the averaged generator. All this does not change a step.
"""

from collections.abc import Iterator

import numpy as np

from gan.data.batches import Schedule, draw_step_noise
from gan.data.pixels import scale_pixels
from gan.design import Design
from gan.support.tensorflow import tf


def train_plainly(design: Design, images: np.ndarray) -> Iterator[tuple[int, dict[str, tf.Tensor]]]:
    """Train `design` on uint8 `images` [N, H, W, C]; yield each step, from 0, and its losses.

    Each step runs eagerly, on one device. Which images and which noise it takes depends only on
    the design's seed and the number of the step. Raises UserError if a batch has too few images.

        design = build_design("dcgan", batch_size=64)
        for step, losses in train_plainly(design, load_images().images):
            print(step, float(losses["d_loss"]), float(losses["g_loss"]))
    """
    schedule = Schedule(design.recipe, len(images), design.seed)
    for step in range(schedule.total_steps):
        chosen = schedule.indices(step, schedule.order(step), schedule.size(step))
        real_images = scale_pixels(images[chosen])
        noise_counts = design.noise_counts(len(real_images))
        noise = draw_step_noise(design.recipe, design.seed, step, noise_counts)
        yield step, design.step(real_images, *noise)
