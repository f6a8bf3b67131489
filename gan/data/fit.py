"""Keras' own `fit`: how it trains a design, and which images it takes."""

import numpy as np

from gan.data.batches import draw_step_noise
from gan.data.pixels import scale_pixels
from gan.recipe import override
from gan.support.errors import UserError
from gan.support.tensorflow import keras, set_xla_flags, tf

REFUSED = {"validation_data", "validation_split", "class_weight", "sample_weight"}


class FitModel(keras.Model):
    """The part of a design that Keras' `fit` uses; `train` does not: it has a loop of its own.

    `fit` calls `train_step`, which calls the design's `step`.
    """

    fitted_kind = ""  # shape, dtype and batch size of the images that `fit` got last

    def compile(
        self,
        run_eagerly: bool = False,
        jit_compile: bool | None = None,
        steps_per_execution: int = 1,
    ) -> None:
        """Set how `fit` runs its steps. A new design is already compiled.

        `run_eagerly`: run the step without compiling it, to debug it. `jit_compile`: compile it
        with XLA (default: `compile_with_xla`). `steps_per_execution`: steps per compiled call.
        """
        if jit_compile is None:
            jit_compile = self.compile_with_xla and not run_eagerly
        super().compile(
            optimizer=None,  # `step` has its own
            run_eagerly=run_eagerly,
            steps_per_execution=steps_per_execution,
            jit_compile=jit_compile,
        )

    def fit(
        self, x: object, y: object = None, batch_size: int | None = None, **options: object
    ) -> keras.callbacks.History:
        """Train like any Keras model, with Keras' callbacks. Use `train` to resume exactly.

        `x`: images, uint8 or float in [-1, 1], [N, H, W] or [N, H, W, C]; or (images, labels); or a
        `tf.data.Dataset` of batches of either. Labels and `y` are ignored. `batch_size` replaces
        the recipe's; the batches of a Dataset should have that size. `options`: the other arguments
        of Keras' `fit`; callbacks that set one learning rate do not work. `history` has the mean of
        each of `loss_names` over an epoch. Raises UserError for other images (the range only of an
        array), for validation and weights, and on several devices.
        """
        from gan.training.average import KeepAverage

        if self.distribute_strategy.num_replicas_in_sync > 1:
            raise UserError("fit uses one device; use design.train for several")
        for name in REFUSED & options.keys():
            raise UserError(f"fit takes no {name}; gan.evaluate measures the images of a GAN")
        x = images_to_fit(x, self.image_shape)
        if isinstance(x, np.ndarray):
            self.recipe = override(self.recipe, batch_size=batch_size)
            batch_size = self.recipe.batch_size
        kind = str((getattr(x, "element_spec", None) or np.shape(x)[1:], batch_size))
        if kind != self.fitted_kind:  # Keras would keep a step compiled for the old shape and size
            self.fitted_kind, self.train_function = kind, None
        callbacks = [KeepAverage()] if self.averages else []
        callbacks += keras.tree.flatten(options.pop("callbacks", None) or [])
        if self.jit_compile:
            set_xla_flags()
        return super().fit(x, batch_size=batch_size, callbacks=callbacks, **options)

    def train_step(self, data: object) -> dict[str, tf.Tensor]:
        """Run one `step` on a batch of `fit`; return the means of the losses so far."""
        real_images = as_real_images(data, self.image_shape)
        counts = self.noise_counts(tf.shape(real_images)[0])
        # G's optimizer counts its updates and is saved, so the noise differs in every step.
        noise = draw_step_noise(self.recipe, self.seed, self.g_optimizer.iterations, counts)
        losses = self.step(real_images, *noise)
        for mean in self.loss_means:
            mean.update_state(losses[mean.name])
        return {mean.name: mean.result() for mean in self.loss_means}

    def test_step(self, data: object) -> None:
        """Raises UserError: no loss measures the quality of a GAN's images."""
        raise UserError("a GAN has no validation loss; measure its images with gan.evaluate")

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The metrics that Keras resets at the start of an epoch."""
        return self.loss_means


def as_real_images(batch: object, image_shape: tuple) -> tf.Tensor:
    """A batch from Keras' `fit` -> images float32 [B, H, W, C] in [-1, 1].

    `batch` holds images [B, H, W] or [B, H, W, C], uint8 or float in [-1, 1], or is a tuple of
    such images and labels. Raises UserError for images of another shape or type.
    """
    if isinstance(batch, dict):
        raise UserError(f"a batch must be images or (images, labels), not a dict of {list(batch)}")
    images = tf.convert_to_tensor(batch[0] if isinstance(batch, (tuple, list)) else batch)
    check_fits(images.shape, image_shape)
    check_pixels(images.dtype.name)
    images = tf.reshape(images, (-1, *image_shape))
    return scale_pixels(images) if images.dtype == tf.uint8 else tf.cast(images, tf.float32)


def check_fits(shape: tuple, image_shape: tuple) -> None:
    """Raise UserError unless `shape` is [B, H, W] or [B, H, W, C] for images of `image_shape`."""
    height, width, channels = image_shape
    if tuple(shape[1:]) not in ([(height, width)] if channels == 1 else []) + [image_shape]:
        raise UserError(
            f"images {tuple(shape[1:])} do not fit nets that were built for {image_shape}"
        )


def check_pixels(name: str) -> None:
    """Raise UserError unless `name` is the name of a dtype that pixels may have."""
    if name != "uint8" and not name.startswith(("float", "bfloat")):
        raise UserError(f"images must be uint8 from 0 to 255, or float from -1 to 1, not {name}")


def images_to_fit(x: object, image_shape: tuple) -> object:
    """The images in the argument `x` of `fit`: an array, or a Dataset or generator as it is.

    Raises UserError for anything else, and for an array of the wrong shape, type or range.
    """
    x = x[0] if isinstance(x, tuple) else x
    if x is None or isinstance(x, (list, dict)):
        raise UserError("fit takes an array of images, (images, labels) or a tf.data.Dataset")
    if not hasattr(x, "__array__"):
        return x
    x = np.asarray(x)
    check_fits(x.shape, image_shape)
    check_pixels(x.dtype.name)
    if not len(x):
        raise UserError("fit got no images")
    if x.dtype != np.uint8:
        least, greatest = x.min(), x.max()
        if not (-1 <= least < 0 and greatest <= 1):  # also refuses NaN
            raise UserError(
                f"the images range from {least:g} to {greatest:g}; "
                "give uint8 from 0 to 255, or float from -1 to 1"
            )
    return x
