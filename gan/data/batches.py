"""The images and the noise of a step, as functions of (seed, step) and of nothing else.

There is no iterator and no generator state that a resumed run must restore: step t always draws
the same images and the same noise, at any time and on any number of devices.
"""

from dataclasses import dataclass

import numpy as np

from gan.recipe import Recipe
from gan.support.errors import UserError
from gan.support.tensorflow import keras, tf

# Each use of randomness has its own stream, so that no two uses share numbers.
IMAGES, D_NOISE, G_NOISE, GRID_NOISE, SAMPLE_NOISE = range(5)
STREAMS = 8  # leaves room for more streams without changing the numbers of these


@dataclass(frozen=True)
class Schedule:
    """The order and the batch sizes in which the steps use `count` images.

    An epoch is one pass through the images (see `Recipe.steps_per_epoch`). Raises UserError if
    there are too few images for one batch.
    """

    recipe: Recipe
    count: int
    seed: int

    def __post_init__(self) -> None:
        if self.recipe.last_batch == "dropped" and self.count < self.recipe.batch_size:
            raise UserError(
                f"the data holds {self.count} images, too few for one batch of "
                f"{self.recipe.batch_size}; choose a smaller --batch-size"
            )

    def check_slices(self, replicas: int) -> None:
        """Raise UserError if a batch, or an epoch's last one, has fewer images than `replicas`."""
        smallest = min(self.size(0), self.size(self.steps_per_epoch - 1))
        if smallest < replicas:
            raise UserError(
                f"{replicas} devices cannot share a batch of {smallest} image(s); "
                "choose another --batch-size, or fewer devices"
            )

    @property
    def steps_per_epoch(self) -> int:
        return self.recipe.steps_per_epoch(self.count)

    @property
    def total_steps(self) -> int:
        """Length of the whole training in steps."""
        return self.recipe.total_steps(self.count)

    def size(self, step: int) -> int:
        """Real images in `step`: a full batch, or the rest in the last step of an epoch."""
        if self.recipe.order == "random":
            return self.recipe.batch_size
        first = step % self.steps_per_epoch * self.recipe.batch_size
        return min(self.recipe.batch_size, self.count - first)

    def stretch_end(self, step: int) -> int:
        """The first step after `step` with another order of images or another batch size."""
        end = (step // self.steps_per_epoch + 1) * self.steps_per_epoch
        return end - 1 if step < end - 1 and self.size(step) != self.size(end - 1) else end

    def order(self, step: int) -> np.ndarray:
        """Order of the images in the epoch of `step`, int32 [count]."""
        if self.recipe.order == "shuffled":
            epoch = step // self.steps_per_epoch
            shuffle = np.random.default_rng([self.seed, epoch, IMAGES])
            return shuffle.permutation(self.count).astype(np.int32)
        return np.arange(self.count, dtype=np.int32)

    def indices(self, step: tf.Tensor | int, order: tf.Tensor, size: int) -> tf.Tensor:
        """Indices, int32 [size], of the images of `step`; `order` and `size`: see the methods."""
        if self.recipe.order == "random":
            key = stream_seed(self.seed, step, IMAGES)
            return tf.random.stateless_uniform([size], key, 0, self.count, tf.int32, alg="philox")
        first = step % self.steps_per_epoch * self.recipe.batch_size
        # Not tf.slice: XLA would compile it again for each `first`.
        return tf.gather(order, first + tf.range(size))


def stream_seed(seed: int, step: tf.Tensor | int, stream: int) -> tf.Tensor:
    """The seed, int64 [2], of one stream at one step, different for each stream and step."""
    return tf.stack([tf.cast(seed, tf.int64), tf.cast(step, tf.int64) * STREAMS + stream])


def draw_noise(
    recipe: Recipe, seed: int, step: tf.Tensor | int, stream: int, count: int
) -> tf.Tensor:
    """Noise for `count` images, float32 [count, latent_dim]: N(0, 1) or U(-1, 1)."""
    # Draw bits, because stateless_uniform turns them into other floats with XLA than without. Name
    # Philox, because the default algorithm depends on the device. (k + 1/2) / 2**23 is exact.
    shape, key = (count, recipe.latent_dim), stream_seed(seed, step, stream)
    bits = tf.random.stateless_uniform(shape, key, None, None, tf.uint32, alg="philox")
    uniform = (tf.cast(tf.bitwise.right_shift(bits, 9), tf.float32) + 0.5) * 2.0**-23
    return 2.0 * uniform - 1.0 if recipe.noise == "uniform" else tf.math.ndtri(uniform)


def draw_step_noise(
    recipe: Recipe, seed: int, step: tf.Tensor | int, counts: tuple
) -> list[tf.Tensor]:
    """The noise of `step`: a tensor for each of `counts`, a design's `noise_counts`."""
    return [
        draw_noise(recipe, seed, step, stream, count)
        for stream, count in enumerate(counts, D_NOISE)
    ]


def filled_up(noise: tf.Tensor, recipe: Recipe) -> tf.Tensor:
    """`noise` [B, latent_dim] with fixed vectors after it, if B is below the batch size.

    They are the last ones of the batch that `gan.generate` draws first from seed 0.
    """
    noise, size = tf.cast(noise, keras.config.floatx()), recipe.batch_size
    others = tf.cast(draw_noise(recipe, 0, 0, SAMPLE_NOISE, size), noise.dtype)
    fits = noise.shape[1:].is_compatible_with(others.shape[1:])  # else the generator says so
    if not fits or (noise.shape[0] or 0) >= size:
        return noise
    return tf.concat([noise, others[tf.shape(noise)[0] :]], axis=0)
