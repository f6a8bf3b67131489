"""What a design is: a generator, a discriminator and a step that trains them.

A design's module adds its document's nets, optimizers and step; what all five share is here. The
training loop is `gan.training.loop`; `gan.designs` is the table of the designs' names.
"""

from __future__ import annotations

import gan.support.quiet  # noqa: F401  # isort: skip

from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf

from gan.data.batches import GRID_NOISE, draw_noise
from gan.layers.precision import precision
from gan.layers.seeding import first_weights
from gan.recipe import Recipe, checked, override, seed_number
from gan.support.errors import UserError

if TYPE_CHECKING:
    from gan.training import Outcome


class Design(keras.Model):
    """A GAN with the settings `recipe`, for images of `image_shape` = (height, width, channels).

    `seed` fixes the first weights, and the images and noise of each step that `train` makes.

    As a Keras model it maps noise [B, latent_dim] to images [B, height, width, channels] in
    [-1, 1]. A subclass sets `usual_name` and `recipe`, its document's numbers, and writes:

    build_nets(): sets `generator` and `discriminator`. In the document's order, as a layer draws
        the seed of its first weights when it is made.
    build_optimizers(): the discriminator's and the generator's, which may be one and the same.
    step(real_images, *noise): the document's iteration on images [B, H, W, C] in [-1, 1] and
        noise [N, latent_dim], arrays or tensors. Returns the scalars `loss_names`, each from
        before its own update.
    """

    recipe: Recipe
    generator: keras.Model  # noise [B, latent_dim] -> images in [-1, 1]
    discriminator: keras.Model  # images -> [B, 1]: probability of being real, or its logit
    usual_name: str
    loss_names = ("d_loss", "g_loss")  # what `step` returns
    d_loss_terms = 1  # 2 where d_loss is the sum of its real and fake halves, not their mean
    grid_count = 25  # images in the grid that the document draws
    compile_with_xla = False  # XLA doubles the speed of small matrices, and halves convolutions
    samples_in_training_mode = False  # where True, an image is normalised by those beside it

    def __init__(
        self,
        recipe: Recipe | None = None,
        image_shape: tuple = (28, 28, 1),
        name: str = "",
        seed: int = 0,
    ) -> None:
        super().__init__(name=name or self.usual_name)
        self.recipe = recipe or self.recipe
        self.image_shape = tuple(image_shape)
        self.seed = checked("seed", seed_number, seed)
        with precision(self.recipe.precision), first_weights(self.seed):
            self.build_nets()
        self.d_optimizer, self.g_optimizer = self.build_optimizers()
        d_variables = self.discriminator.trainable_variables
        g_variables = self.generator.trainable_variables
        if self.d_optimizer is self.g_optimizer:
            self.d_optimizer.build(d_variables + g_variables)
        else:
            self.d_optimizer.build(d_variables)
            self.g_optimizer.build(g_variables)
        self.averages = []  # of all of G's variables over the steps; a step does not touch them
        if self.recipe.average_decay:
            self.averages = [
                keras.Variable(variable, dtype=variable.dtype, trainable=False, name=variable.name)
                for variable in self.generator.variables
            ]

    def noise_counts(self, real_count: int) -> tuple[int, ...]:
        """How many noise vectors a step on `real_count` images takes: D's and G's."""
        return real_count, real_count

    def sample(self, noise: tf.Tensor, average: bool = False) -> tf.Tensor:
        """Noise [B, latent_dim] -> images [B, H, W, C] in [-1, 1], as the document samples.

        `average`: with the averages of G's variables, which `train` keeps; until then they are the
        first weights, or those that were loaded. No variable changes.
        """
        if average and not self.averages:
            raise UserError("this design has no averaged generator: average_decay is 0")
        state = zip(self.generator.variables, self.averages, strict=True) if average else ()
        with keras.StatelessScope(list(state)):
            return self.generator(noise, training=self.samples_in_training_mode)

    def start_average(self) -> None:
        """Set the averages to G's present variables."""
        for average, variable in zip(self.averages, self.generator.variables, strict=False):
            average.assign(variable)

    def call(self, noise: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """The same as `sample`, whatever `training` is."""
        return self.sample(noise)

    def grid_name(self, step: int, steps_per_epoch: int) -> str | None:
        """Name of the grid drawn after `step` (from 0), or None if none is drawn there."""
        return str(step) if step % self.recipe.sample_interval == 0 else None

    def grid_noise(self) -> tf.Tensor:
        """Noise for every grid of a run; a grid shows the first `grid_count` images of it."""
        count = self.recipe.batch_size if self.samples_in_training_mode else self.grid_count
        return draw_noise(self.recipe, self.seed, 0, GRID_NOISE, count)

    @property
    def all_variables(self) -> list[keras.Variable]:
        """All that a step changes: both nets and both optimizers, each variable once, in order."""
        owners = (self.generator, self.discriminator, self.d_optimizer, self.g_optimizer)
        variables = [variable for owner in owners for variable in owner.variables]
        return list({id(variable): variable for variable in variables}.values())

    def train(
        self,
        *,
        steps: int | None = None,
        epochs: int | None = None,
        images: np.ndarray | None = None,
        **options: object,
    ) -> Outcome:
        """Train as `python -m gan.train` does, from these weights; a run that exists continues.

        `steps` or `epochs`: the length in all, which `recipe` takes over (default: the recipe's).
        `images`: your own, uint8 [N, H, W] or [N, H, W, 1 or 3], in the place of `dataset`.
        `options`: what else `gan.training.loop.train` takes. Raises UserError, RunError.
        """
        from gan.data.images import of_array
        from gan.training import train

        self.recipe = override(self.recipe, steps=steps, epochs=epochs)
        if images is not None:
            options["dataset"] = of_array(images)
        return train(self, **options)

    def sample_images(self, epoch: int | str, **options: object) -> None:
        """Draw the grid `<epoch>.png` of a run; `options`: `run`, as for `train`."""
        from gan.pictures.gallery import save_samples

        save_samples(self, str(epoch), **options)
