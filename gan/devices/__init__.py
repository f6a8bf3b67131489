"""The set-up of tf.distribute for the available GPUs, and for several workers."""
