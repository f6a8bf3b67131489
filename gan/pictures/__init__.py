"""What a run shows of itself: grids, curves, its page."""
