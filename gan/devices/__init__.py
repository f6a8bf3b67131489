"""The GPU-aware set-up of tf.distribute: `strategy.choose_strategy`, and the workers."""
