"""The sources of images, and the images and the noise of each step.

`load_images` and `of_array` return a `Dataset`; `gan.data.batches` holds the `Schedule`.
"""

from gan.data.images import Dataset, load_images, load_mnist, load_real, of_array

__all__ = ["Dataset", "load_images", "load_mnist", "load_real", "of_array"]
