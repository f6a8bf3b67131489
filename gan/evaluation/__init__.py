"""New images from trained nets (`sampling`), and how good they are (`measure`)."""
