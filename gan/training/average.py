"""The averaged generator: an exponential moving average of G's variables over the steps.

No training step depends on it. Its images are usually better than those of the last weights,
because the two nets push the weights back and forth.
"""

from collections.abc import Callable

from gan.design import Design
from gan.layers.seeding import digest
from gan.support.tensorflow import keras, tf

STEPS_PER_AVERAGE = 20  # steps between updates: each update reads and writes all of G


def compile_average(design: Design) -> Callable[[int], None]:
    """Compile `update_average(done)`. Call it after every STEPS_PER_AVERAGE of all `done` steps."""
    pairs = _pairs(design)
    # Not in the graph of the steps: beside other operations, dcgan's steps give other bytes.
    move = tf.function(lambda decay: _move(pairs, decay), autograph=False)
    return lambda done: move(tf.constant(_decay(design, done, STEPS_PER_AVERAGE), tf.float64))


def _pairs(design: Design) -> list[tuple[tf.Variable, tf.Variable]]:
    """Pairs of an average and its variable of G."""
    variables = design.generator.variables
    return [(a.value, v.value) for a, v in zip(design.averages, variables, strict=True)]


def _decay(design: Design, done: int, steps: int) -> float:
    """The decay over the last `steps` of `done` steps.

    The decay of one step is `average_decay`, but at most (1 + t) / (10 + t) after t steps, as in
    tf.train.ExponentialMovingAverage. So G's first weights soon lose their influence. The average
    of a training that begins with trained weights must not forget them, so it has no such limit.
    """
    limit = (1 + done) / (10 + done) if design.average_warms_up else 1.0
    return min(design.recipe.average_decay, limit) ** steps


def _move(pairs: list[tuple[tf.Variable, tf.Variable]], decay: tf.Tensor | float) -> None:
    """Move each average towards its variable."""
    for average, variable in pairs:
        if average.dtype.is_floating:
            kept = tf.cast(decay, average.dtype)
            average.assign(kept * average + (1 - kept) * variable)
        else:  # the state of a random generator
            average.assign(variable)


class KeepAverage(keras.callbacks.Callback):
    """Updates a design's averages during `fit`, as the loop does, and after each epoch.

    It counts the steps of G's optimizer. If both nets share this optimizer, its count grows faster,
    so the first weights lose their influence a little later.
    """

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.waiting = 0  # steps since the last update
        design = self.model
        if not self.steps_done:
            design.average_warms_up = digest(design.net_weights) == design.first_weights
            if digest(design.averages) == design.first_average:  # else they were loaded
                design.start_average()

    @property
    def steps_done(self) -> int:
        return int(self.model.g_optimizer.iterations.numpy())

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.last_batch = -1

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.waiting += batch - self.last_batch  # with steps_per_execution it is called less often
        self.last_batch = batch
        if self.waiting >= STEPS_PER_AVERAGE:
            self.update()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if self.waiting:
            self.update()

    def update(self) -> None:
        _move(_pairs(self.model), _decay(self.model, self.steps_done, self.waiting))
        self.waiting = 0
