"""Draw new images with trained nets (`sampling`) and measure how good they are (`measure`)."""
