"""PyTorch's Linear, BatchNorm1d and Adam, which differ from Keras' own."""

from gan.layers.replicas import BatchNormalization, sum_over_replicas
from gan.support.tensorflow import keras, layers, tf


def linear(inputs: int, units: int, **options: object) -> layers.Dense:
    """PyTorch's `nn.Linear(inputs, units)` with its default initialisation."""
    limit = inputs**-0.5
    return layers.Dense(
        units,
        kernel_initializer=keras.initializers.RandomUniform(-limit, limit),
        bias_initializer=keras.initializers.RandomUniform(-limit, limit),
        **options,
    )


@keras.saving.register_keras_serializable("gan")
class Adam(keras.optimizers.Adam):
    """PyTorch's Adam: it adds epsilon after the bias correction, Keras' Adam before."""

    def update_step(
        self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: tf.Tensor
    ) -> None:
        index = self._get_variable_index(variable)
        m, v = self._momentums[index], self._velocities[index]
        step = tf.cast(self.iterations + 1, variable.dtype)
        beta_1, beta_2 = (tf.cast(beta, variable.dtype) for beta in (self.beta_1, self.beta_2))
        m.assign_add((gradient - m) * (1 - beta_1))
        v.assign_add((gradient * gradient - v) * (1 - beta_2))
        m_hat, v_hat = m / (1 - beta_1**step), v / (1 - beta_2**step)
        rate = tf.cast(learning_rate, variable.dtype)
        variable.assign_sub(rate * m_hat / (tf.sqrt(v_hat) + self.epsilon))


@keras.saving.register_keras_serializable("gan")
class BatchNorm1d(BatchNormalization):
    """PyTorch's BatchNorm1d: Keras' layer with the unbiased variance in the moving average."""

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        before = tf.identity(self.moving_variance)
        outputs = super().call(inputs, training=training)
        if training:
            # Keras has just added the biased variance. The unbiased one is n / (n - 1) times as
            # large, so 1 / (n - 1) of it is missing.
            added = self.moving_variance - self.momentum * before
            count = tf.cast(tf.shape(inputs)[0], added.dtype)
            if self.synchronized:
                count = sum_over_replicas(count)
            self.moving_variance.assign_add(added / self.divisor(count))
        return outputs

    def divisor(self, count: tf.Tensor) -> tf.Tensor:
        """The n - 1 above, at least 1, for a batch of `count` = n rows."""
        return tf.maximum(count - 1, 1)
