"""Where images come from, and which of them, with which noise, a step takes.

`load_images` and `of_array` give a `Dataset`; `gan.data.batches` holds the `Schedule`.
"""

from gan.data.images import Dataset, load_images, load_mnist, of_array

__all__ = ["Dataset", "load_images", "load_mnist", "of_array"]
