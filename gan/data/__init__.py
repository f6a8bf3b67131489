"""Where images come from, and which of them, with which noise, a step takes."""
