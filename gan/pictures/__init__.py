"""What a run shows of itself: grids, curves, its page.

`save_grid` writes images as one PNG, `combine_images` lays them out as the d_on_g notebook does.
"""

from gan.pictures.grid import combine_images, save_grid

__all__ = ["combine_images", "save_grid"]
