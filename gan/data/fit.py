"""What Keras itself calls of a design: its `fit`, and what its files need."""

import math
from dataclasses import asdict
from typing import Self

import numpy as np

from gan.data.batches import draw_step_noise
from gan.data.loaders import check_fits, check_pixels, first_part, images_to_fit, user_errors
from gan.data.pixels import scale_pixels
from gan.recipe import Recipe, override
from gan.support.errors import RunError, UserError
from gan.support.memory import memory_errors
from gan.support.tensorflow import keras, set_xla_flags, tf

REFUSED = ("validation_data", "validation_split", "class_weight", "sample_weight")
ONE_OPTIMIZER = (  # callbacks that change the one optimizer of a model; here each net has its own
    keras.callbacks.LearningRateScheduler,
    keras.callbacks.ReduceLROnPlateau,
    keras.callbacks.SwapEMAWeights,
)


class WatchLosses(keras.callbacks.Callback):
    """Ends `fit` at a loss that is NaN or infinite, and at an epoch without images."""

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.epoch, self.got_images = epoch, False

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.got_images = True
        for name, value in (logs or {}).items():
            if not math.isfinite(value):
                raise RunError(
                    f"the training diverged: {name} is {value} in batch {batch + 1:,} of epoch "
                    f"{self.epoch + 1}; try a smaller learning_rate or another seed: build_design"
                    f'("{self.model.usual_name}", learning_rate=...)'
                )

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if not self.got_images:
            raise UserError(
                f"fit got no images in epoch {epoch + 1}; for several epochs, a generator must "
                "never end: set steps_per_epoch, or use a Dataset or a PyDataset"
            )


class FitModel(keras.Model):
    """The part of a design that Keras calls; `train` does not: it has a loop of its own.

    `fit` calls `train_step`, which calls the design's `step`.
    """

    fitted_kind = ""  # what `fit` got last: batches or images of a shape, and the batch size

    def compile(
        self,
        *others: object,
        run_eagerly: bool = False,
        jit_compile: bool | str | None = None,
        steps_per_execution: int = 1,
        **named_others: object,
    ) -> None:
        """Set how `fit` runs its steps. A new design is already compiled.

        `run_eagerly`: run the step without compiling it, to debug it. `jit_compile`: compile it
        with XLA (default, None or "auto": `uses_xla`). `steps_per_execution`: steps per
        compiled call. Raises UserError for the other arguments of Keras' `compile`, unless they
        are None: a design's step has its own optimizers and losses.
        """
        given = [repr(getattr(value, "name", value)) for value in others if value is not None]
        given += [name for name, value in named_others.items() if value is not None]
        if given:
            raise UserError(
                f"compile takes no {given[0]}: the step of a design has its own optimizers and "
                f'losses, and build_design("{self.usual_name}", learning_rate=...) sets their '
                "rate; compile takes run_eagerly, jit_compile and steps_per_execution, by name"
            )
        if jit_compile in (None, "auto"):
            jit_compile = self.uses_xla and not run_eagerly
        super().compile(
            optimizer=None,  # `step` has its own
            run_eagerly=run_eagerly,
            steps_per_execution=steps_per_execution,
            jit_compile=jit_compile,
        )

    def get_config(self) -> dict:
        """The arguments from which `from_config` builds the same design."""
        own = {"image_shape": self.image_shape, "name": self.name, "seed": self.seed}
        return own | {"recipe": asdict(self.recipe)}

    @classmethod
    def from_config(cls, config: dict) -> Self:
        """The design that `get_config` describes, with the initial weights of its seed."""
        return cls(**config | {"recipe": Recipe(**config["recipe"])})

    def compile_from_config(self, config: dict) -> None:
        """Compile with the settings of the design that a `.keras` file holds."""
        names = ("run_eagerly", "jit_compile", "steps_per_execution")
        self.compile(**{name: config[name] for name in names})

    def fit(
        self, x: object, y: object = None, batch_size: int | None = None, **options: object
    ) -> keras.callbacks.History:
        """Train like any Keras model, with Keras' callbacks. Use `train` to resume exactly.

        `x`: images, uint8 or float in [-1, 1], [N, H, W] or [N, H, W, C]; or (images, labels); or
        batches of either: a `tf.data.Dataset`, a `PyDataset`, a PyTorch `DataLoader`, a generator.
        Labels and weights in a batch, and `y`, are ignored. `batch_size` replaces the recipe's; the
        batches of a loader should have that size, since `dcgan` draws so much noise. `options`: the
        other arguments of Keras' `fit`. `history` has the means of `loss_names` over each epoch.

        Raises UserError for other images (an array's at once, a loader's when they are read), for
        validation, weights and callbacks that change a model's one optimizer, and on several
        devices; RunError if a loss is NaN or infinite.
        """
        from gan.training.average import KeepAverage

        if self.distribute_strategy.num_replicas_in_sync > 1:
            raise UserError("fit uses one device; use design.train for several")
        for name in REFUSED:
            value = options.pop(name, None)
            if value is not None and not (name == "validation_split" and value == 0):
                raise UserError(f"fit takes no {name}; gan.evaluate measures the images of a GAN")
        x = images_to_fit(x, self.image_shape)
        self.recipe = override(self.recipe, batch_size=batch_size)
        is_array = isinstance(x, np.ndarray)
        kind = str((x.shape[1:] if is_array else "batches", self.recipe.batch_size))
        if kind != self.fitted_kind:  # Keras would keep a step compiled for the old shape and size
            self.fitted_kind, self.train_function = kind, None
        if self.jit_compile:
            set_xla_flags()
        if is_array:
            options["batch_size"] = self.recipe.batch_size
        elif isinstance(x, tf.data.Dataset) or x.num_batches is None:
            options["shuffle"] = False  # Keras cannot, and would warn
        callbacks = [WatchLosses(), *([KeepAverage()] if self.averages else [])]
        callbacks += usable_callbacks(options.pop("callbacks", None))
        with user_errors(), memory_errors("use a smaller batch_size, or smaller images"):
            return super().fit(x, callbacks=callbacks, **options)

    def train_step(self, data: object) -> dict[str, tf.Tensor]:
        """Run one `step` on a batch of `fit`; return the means of the losses so far."""
        real_images = as_real_images(data, self.image_shape)
        # Keras finds the end of a generator by a step without data. Do no part of such a step.
        with tf.control_dependencies([real_images]):
            counts = self.noise_counts(tf.shape(real_images)[0])
            # G's optimizer counts its updates and is saved, so the noise differs in every step.
            time = self.g_optimizer.iterations
            noise = draw_step_noise(self.recipe, self.seed, time, counts)
            losses = self.step(real_images, *noise)
            for mean in self.loss_means:
                mean.update_state(losses[mean.name])
            return {mean.name: mean.result() for mean in self.loss_means}

    def test_step(self, data: object) -> None:
        """Raises UserError: no loss measures the quality of a GAN's images."""
        raise UserError("a GAN has no validation loss; measure its images with gan.evaluate")

    def _maybe_symbolic_build(self, *_: object, **__: object) -> None:
        """Keras reads batches here if there is a strategy, to build a model. A design is built."""

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The metrics that Keras resets at the start of an epoch."""
        return self.loss_means


def as_real_images(batch: object, image_shape: tuple) -> tf.Tensor:
    """A batch from Keras' `fit` -> images float32 [B, H, W, C] in [-1, 1].

    `batch` holds images [B, H, W] or [B, H, W, C], uint8 or float in [-1, 1], or is a tuple of
    such images and labels. Raises UserError for images of another shape or type.
    """
    images = tf.convert_to_tensor(first_part(batch))
    check_fits(images.shape, image_shape)
    check_pixels(images.dtype.name)
    images = tf.reshape(images, (-1, *image_shape))
    return scale_pixels(images) if images.dtype == tf.uint8 else tf.cast(images, tf.float32)


def usable_callbacks(callbacks: object) -> list[keras.callbacks.Callback]:
    """The callbacks given to `fit`, one or several. Raises UserError for one that cannot work."""
    callbacks = keras.tree.flatten(callbacks or [])
    for callback in callbacks:
        if isinstance(callback, ONE_OPTIMIZER):
            raise UserError(
                f"fit takes no {type(callback).__name__}: each net has its own optimizer; a "
                "callback of your own can change design.d_optimizer and design.g_optimizer"
            )
    return callbacks
