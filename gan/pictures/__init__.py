"""The pictures of a run: grids, curves, its page.

`save_grid` writes images as one PNG. `combine_images` arranges them as in the d_on_g notebook.
"""

from gan.pictures.grid import combine_images, save_grid

__all__ = ["combine_images", "save_grid"]
