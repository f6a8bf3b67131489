"""Synchronise the workers that train together."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from gan.devices.cluster import Cluster, read_cluster
from gan.layers.replicas import replica_id, sum_over_replicas
from gan.support.errors import RunError
from gan.support.tensorflow import tf


class Workers:
    """The processes that train together under `strategy`, or this process alone.

    Each runs the same loop, so they must agree on every value that decides what the loop does next.
    """

    def __init__(self, strategy: tf.distribute.Strategy) -> None:
        self.strategy = strategy
        self.cluster = read_cluster() if strategy.cluster_resolver else None
        self.is_chief = self.cluster is None or self.cluster.is_chief

        def first_device_only(numbers: tf.Tensor) -> tf.Tensor:
            devices = strategy.num_replicas_in_sync // len(self.cluster.addresses)
            return sum_over_replicas(numbers * int(replica_id() % devices == 0))

        self._all_reduce = tf.function(
            lambda numbers: strategy.run(first_device_only, (numbers,)),
            input_signature=[tf.TensorSpec([None], tf.int64)],
            autograph=False,
        )

    def agree(self, *numbers: int) -> list[int]:
        """The maximum over all workers of each of `numbers`."""
        return self._share(np.array(numbers, np.int64)).max(axis=0).tolist()

    def copy_from_chief(self, variables: Sequence) -> None:
        """Set the Keras `variables` of all workers to the chief's values."""
        if self.cluster is None:
            return
        arrays = [variable.numpy() for variable in variables]
        content = b"".join(array.tobytes() for array in arrays)
        # Sum integers: a sum of floats would lose the sign of a zero.
        words = np.frombuffer(content + bytes(-len(content) % 8), np.int64)
        content = self._sum(words if self.is_chief else np.zeros_like(words)).tobytes()
        for variable, array in zip(variables, arrays, strict=True):
            values = np.frombuffer(content, array.dtype, array.size)
            variable.assign(values.reshape(array.shape))
            content = content[array.nbytes :]

    def _share(self, numbers: np.ndarray) -> np.ndarray:
        """The `numbers` of all workers, int64 [workers, len(numbers)]."""
        if self.cluster is None:
            return numbers[np.newaxis]
        rows = np.zeros((len(self.cluster.addresses), len(numbers)), np.int64)
        rows[self.cluster.index] = numbers
        return self._sum(rows.ravel()).reshape(rows.shape)

    def _sum(self, numbers: np.ndarray) -> np.ndarray:
        """The sum of all workers' `numbers`, int64 [N]; all workers must call it together."""
        totals = self._all_reduce(tf.constant(numbers))
        return self.strategy.experimental_local_results(totals)[0].numpy()


@contextmanager
def explain_lost_workers() -> Iterator[None]:
    """Turn the errors that TensorFlow raises when another worker is gone into a RunError."""
    cluster = read_cluster()
    try:
        yield
    except (
        tf.errors.UnavailableError,
        tf.errors.AbortedError,
        tf.errors.DeadlineExceededError,
        tf.errors.CancelledError,
    ) as error:
        if cluster is None:
            raise
        raise RunError(
            f"{_lost(error.message, cluster)} is gone, and its last output says why; "
            "start all workers again, without --fresh: they go on from the last checkpoint"
        ) from None


def _lost(message: str, cluster: Cluster) -> str:
    """The worker that TensorFlow's message names, else "another worker"."""
    found = re.search(
        r"(?:remote target|unhealthy[^/]*) /job:(\w+)/replica:0/task:(\d+)",
        " ".join(message.split()),
    )
    return f"worker {cluster.number(found[1], int(found[2]))}" if found else "another worker"
