"""What a training step needs so that the number of devices changes only its speed.

Under `tf.distribute` each replica runs the step on its slice of the global batch. Keras adds up the
replicas' gradients, so each replica's loss must be its share of the global mean. With one replica,
all of this does the same as Keras' own functions and layers.
"""

from gan.layers.defaults import keras_defaults
from gan.support.tensorflow import keras, layers, tf


def my_slice(batch: tf.Tensor) -> tf.Tensor:
    """This replica's part of `batch` [B, ...]: B / replicas rows, rounded up or down."""
    context = tf.distribute.get_replica_context()
    replica, replicas = replica_id(), context.num_replicas_in_sync
    return batch[batch.shape[0] * replica // replicas : batch.shape[0] * (replica + 1) // replicas]


def global_mean(values: tf.Tensor) -> tf.Tensor:
    """This replica's share of the mean of `values` [B] over the global batch; a scalar.

    The shares add up to the mean, even if the slices differ in size.
    """
    count = sum_over_replicas(tf.cast(tf.size(values), values.dtype))
    return tf.reduce_sum(values) / count


def binary_crossentropy(
    targets: tf.Tensor | float, outputs: tf.Tensor, from_logits: bool = False
) -> tf.Tensor:
    """Mean of -t log p - (1 - t) log(1 - p) over the targets t and D's outputs [B, 1]; a scalar.

    `outputs` are the probabilities p or their logits; `targets` may be one number for all. With
    several replicas, the result is this replica's share of the mean over all.
    """
    if isinstance(targets, float):
        targets = tf.fill(tf.shape(outputs), targets)
    with keras_defaults():  # for the epsilon at which Keras clips p
        losses = keras.losses.binary_crossentropy(targets, outputs, from_logits)
    return global_mean(losses)


def sum_over_replicas(value: tf.Tensor) -> tf.Tensor:
    """The sum of `value` over all replicas; outside a step, `value` itself."""
    context = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.SUM, value) if context else value


@keras.saving.register_keras_serializable("gan")
class BatchNormalization(layers.BatchNormalization):
    """Keras' layer with equal moving statistics on all replicas: the mean of their updates.

    In Keras each replica updates its own, and a checkpoint would hold only the first replica's.
    """

    def add_weight(
        self, *arguments: object, trainable: bool = True, **options: object
    ) -> keras.Variable:
        if not trainable:
            options["aggregation"] = "mean"
        return super().add_weight(*arguments, trainable=trainable, **options)

    def as_keras(self) -> layers.BatchNormalization:
        """Keras' own layer, which computes the same on one device."""
        return layers.BatchNormalization.from_config(self.get_config())


@keras.saving.register_keras_serializable("gan")
class Dropout(layers.Dropout):
    """Keras' layer with a different mask on each replica; Keras draws the same for all."""

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        if not (training and self.rate):
            return inputs
        seed = tf.cast(self.seed_generator.next(), tf.int32) + tf.constant([replica_id(), 0])
        return tf.nn.experimental.stateless_dropout(inputs, self.rate, seed)

    def as_keras(self) -> layers.Dropout:
        """Keras' own layer, which differs only in the masks."""
        return layers.Dropout.from_config(self.get_config())


def replica_id() -> int:
    """The index of this replica, from 0."""
    return int(tf.get_static_value(tf.distribute.get_replica_context().replica_id_in_sync_group))
