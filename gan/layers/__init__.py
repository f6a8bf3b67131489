"""What Keras does not have: layers and losses that several devices share, and precision."""
