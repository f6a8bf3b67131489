"""New images from trained nets, and how good they are."""
