"""The base class of the designs: a generator, a discriminator and a step that trains them.

Each design's module adds the nets, optimizers and step of its document. The loop around the step
is to be read in `gan.training.plain`; the table of the designs' names is in `gan.designs`.
"""

import signal
from typing import NamedTuple

import numpy as np

from gan.data import of_array
from gan.data.batches import GRID_NOISE, draw_noise, filled_up
from gan.data.fit import FitModel
from gan.layers.defaults import keras_defaults
from gan.layers.plain import KerasFiles
from gan.layers.precision import format_of, precision
from gan.layers.seeding import digest, first_values, first_weights
from gan.recipe import Recipe, checked, image_shape_of, override, seed_number
from gan.support.errors import UserError
from gan.support.memory import memory_errors
from gan.support.tensorflow import keras, tf

XLA_DEVICES = ("CPU",)


class Outcome(NamedTuple):
    """How a training ended: `done` of `total` steps, `trained` of them in this call, in `seconds`.

    `stopped_by` is the signal that ended it early, or None; `signal` also one that came too late.
    """

    done: int
    total: int
    trained: int
    seconds: float
    stopped_by: int | None
    signal: int | None = None


class Design(KerasFiles, FitModel):
    """A GAN with the settings `recipe`, for images of `image_shape` = (height, width, channels).

    `seed` determines the initial weights, and the images and noise of each step.

    As a Keras model it maps noise [B, latent_dim] to images [B, height, width, channels] in
    [-1, 1]. A subclass sets `usual_name` and `recipe` (its document's numbers), and defines:

    build_nets(): sets `generator` and `discriminator`. It must build the layers in the document's
        order, because a layer draws the seed of its initial weights when it is created.
    build_optimizers(): returns the optimizers of D and of G, which may be the same object.
    step(real_images, *noise): the document's iteration on images [B, H, W, C] in [-1, 1] and
        noise [N, latent_dim], arrays or tensors. Returns a dict of the scalars `loss_names`, each
        computed before its own update.

    It also defines `noise_counts` if its step takes one noise for both nets, and `grid_name` if its
    recipe has no `sample_interval`.
    """

    recipe: Recipe
    generator: keras.Model  # noise [B, latent_dim] -> images in [-1, 1]
    discriminator: keras.Model  # images -> [B, 1]: probability of being real, or its logit
    usual_name: str
    loss_names = ("d_loss", "g_loss")  # what `step` returns
    d_loss_terms = 1  # 2 if d_loss is the sum of its real and fake halves, not their mean
    grid_count = 25  # images in the grid that the document draws
    compile_with_xla = False  # on a CPU XLA doubles the speed of dense nets, halves convolutions'
    samples_in_training_mode = False  # if True, each image is normalised with its batch

    def __init__(
        self,
        recipe: Recipe | None = None,
        image_shape: tuple = (28, 28, 1),
        name: str = "",
        seed: int = 0,
    ) -> None:
        super().__init__(name=name or self.usual_name)
        self.recipe = recipe or self.recipe
        self.image_shape = checked("image_shape", image_shape_of, image_shape)
        self.seed = checked("seed", seed_number, seed)
        with memory_errors("use smaller images, or shorter noise (latent_dim)"), keras_defaults():
            with precision(self.recipe.precision), first_weights(self.seed):
                self.build_nets()
            self.d_optimizer, self.g_optimizer = self.build_optimizers()
            self.build_other_variables()
        self.first_weights, self.first_average = digest(self.net_weights), digest(self.averages)
        rates = [optimizer.learning_rate for optimizer, _ in self.optimizers]
        kept = {id(each) for each in (*self.net_weights, *rates)}
        others = [each for each in self.all_variables if id(each) not in kept]
        self.first_states = first_values(others)  # of dropout and of the optimizers
        self.source = self.source_folder = None  # of loaded weights: see gan.runs.weights
        self.average_warms_up = True  # see gan.training.average
        self.loss_means = [keras.metrics.Mean(name) for name in self.loss_names]
        self.built = True
        self.compile()

    def build_other_variables(self) -> None:
        """Build the variables of the optimizers and the averages."""
        for optimizer, variables in self.optimizers:
            optimizer.build(variables)
        self.averages = []  # of all of G's variables over the steps; `step` does not change them
        if self.recipe.average_decay:
            self.averages = [
                keras.Variable(variable, dtype=variable.dtype, trainable=False, name=variable.name)
                for variable in self.generator.variables
            ]

    @property
    def optimizers(self) -> list[tuple[keras.optimizers.Optimizer, list[keras.Variable]]]:
        """Each optimizer, and the variables that it trains."""
        d_variables = self.discriminator.trainable_variables
        g_variables = self.generator.trainable_variables
        if self.d_optimizer is self.g_optimizer:
            return [(self.d_optimizer, d_variables + g_variables)]
        return [(self.d_optimizer, d_variables), (self.g_optimizer, g_variables)]

    @property
    def net_weights(self) -> list[keras.Variable]:
        """The variables of both nets but the states of random generators, which are no weights."""
        both = [*self.generator.variables, *self.discriminator.variables]
        return [each for each in both if "float" in each.dtype]

    @property
    def precision(self) -> str:
        """The format in which the layers compute: see `gan.layers.precision.format_of`."""
        return format_of(self.generator, self.discriminator)

    @property
    def device_kind(self) -> str:
        """ "GPU" or "CPU": where the design was built, and so where it trains."""
        device = tf.DeviceSpec.from_string(self.generator.variables[0].value.device)
        return device.device_type or "CPU"

    @property
    def uses_xla(self) -> bool:
        """Whether XLA compiles the steps: on one CPU, if it makes this design faster.

        On a GPU, XLA chooses its kernels by timing, so equal runs could give other bytes. On
        several devices its steps hang.
        """
        one = self.distribute_strategy.num_replicas_in_sync == 1
        return self.compile_with_xla and one and self.device_kind in XLA_DEVICES

    def noise_counts(self, real_count: int | tf.Tensor) -> tuple[int | tf.Tensor, ...]:
        """The numbers of noise vectors, for D and for G, in a step on `real_count` images."""
        return real_count, real_count

    def sample(self, noise: tf.Tensor, average: bool = False) -> tf.Tensor:
        """Noise [B, latent_dim] -> images [B, H, W, C] in [-1, 1], in the document's way.

        `average`: use the averages of G's variables. Training updates them; before that they equal
        the initial weights, or the loaded ones. No variable changes.

        An image depends only on its own noise, except for `mlp`, which normalises it with its
        batch: with all that are given, and if these are fewer than `recipe.batch_size`, with the
        last vectors of the batch that `gan.generate` draws first from seed 0. So the first vectors
        of that batch, and any whole batch, give the images of `gan.generate`.
        """
        averaged = []
        if average:
            averaged = list(zip(self.generator.variables, self.kept_averages(), strict=True))
        with keras.StatelessScope(averaged):
            if not self.samples_in_training_mode:
                return self.generator(noise, training=False)
            return self.generator(filled_up(noise, self.recipe), training=True)[
                : tf.shape(noise)[0]
            ]

    def call(self, noise: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """The same as `sample`; ignores `training`."""
        return self.sample(noise)

    def grid_name(self, step: int, steps_per_epoch: int) -> str | None:
        """Name of the grid drawn after `step` (from 0), or None if none is drawn there."""
        return str(step) if step % self.recipe.sample_interval == 0 else None

    def grid_noise(self) -> tf.Tensor:
        """Noise for all grids of a run; a grid shows its first `grid_count` images."""
        count = self.recipe.batch_size if self.samples_in_training_mode else self.grid_count
        return draw_noise(self.recipe, self.seed, 0, GRID_NOISE, count)

    def sample_images(self, epoch: int | str, **options: object) -> None:
        """Draw the grid `<epoch>.png` of a run; `options`: `run`, as in `train`."""
        from gan.pictures.gallery import save_samples

        save_samples(self, str(epoch), **options)

    @property
    def all_variables(self) -> list[keras.Variable]:
        """All variables that a step changes, in order, each once: both nets and both optimizers."""
        owners = (self.generator, self.discriminator, self.d_optimizer, self.g_optimizer)
        variables = [variable for owner in owners for variable in owner.variables]
        return list({id(variable): variable for variable in variables}.values())

    def kept_averages(self) -> list[keras.Variable]:
        """The averages of `generator.variables`, in order. Raises UserError if none are kept."""
        if not self.averages:
            raise UserError("no averaged generator: average_decay is 0; set average_decay above 0")
        return self.averages

    def start_average(self) -> None:
        """Set the averages to G's current variables."""
        if self.averages:
            for average, variable in zip(self.averages, self.generator.variables, strict=True):
                average.assign(variable)

    def train(
        self,
        *,
        steps: int | None = None,
        epochs: int | None = None,
        images: np.ndarray | None = None,
        return_when_stopped: bool = False,
        **options: object,
    ) -> Outcome:
        """Train like `python -m gan.train`; an existing run continues, a new one begins.

        `steps` or `epochs`: the total length, instead of the recipe's. `images`: your own images,
        uint8 [N, H, W] or [N, H, W, 1 or 3], instead of the `dataset` of `gan.data.load_images`.
        `options`: `run`, a name or a Run (default: the design's name); `dataset`; `fresh`, to start
        over; and `checkpoint_seconds`, `tensorboard`, `evaluate_every`, `against`, `start_from`, as
        in the command. A new run begins with the current weights of both nets, which its config
        records.

        A design that was built in the scope of a `tf.distribute` strategy trains on the devices of
        that strategy, wherever this is called. SIGINT and SIGTERM end the training early: it saves,
        and then the signal does what it usually does (KeyboardInterrupt; the end of the process).
        With `return_when_stopped` this returns instead. Raises UserError if the run, the data and
        the design do not fit together; RunError if the disk fails, a loss is NaN or infinite, or
        another worker is gone.
        """
        from gan.training import Training

        self.recipe = override(self.recipe, steps=steps, epochs=epochs)
        if images is not None:
            options["dataset"] = of_array(images)
        outcome = Training(self, **options).train()
        if outcome.signal and not return_when_stopped:
            if signal.getsignal(outcome.signal) is signal.SIG_IGN:  # as of a job with &
                raise KeyboardInterrupt
            signal.raise_signal(outcome.signal)
        return outcome
