"""Which devices and which workers a run uses, and how the workers keep together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import tensorflow as tf

from gan.devices.cluster import CONNECT_SECONDS, Cluster, meet, read_cluster, watchdog
from gan.layers.replicas import replica_id, sum_over_replicas
from gan.support.errors import RunError, UserError

SURPLUS_SECONDS = 20  # for TensorFlow to connect workers that have met


def choose_strategy(
    devices: int | None = None,
    connect_seconds: float = CONNECT_SECONDS,
    shared: dict | None = None,
) -> tuple[tf.distribute.Strategy, str]:
    """The strategy to build and train in, and a phrase that says what was chosen and why.

    `devices` is how many GPUs to use, all by default; on a machine without GPU, into how many
    the CPU is split. With TF_CONFIG set it is the number of each worker, and
    `shared` what they must all have been started with. Call it before anything is computed.
    Raises UserError where there are not so many, or the workers do not meet or agree.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if devices and gpus and devices > len(gpus):
        raise UserError(f"--devices {devices}, but this machine has {len(gpus)} GPU(s)")
    gpus = gpus[:devices]
    if gpus:
        tf.config.set_visible_devices(gpus, "GPU")
        for gpu in gpus:  # take memory as it is needed: a desktop keeps what it draws with
            tf.config.experimental.set_memory_growth(gpu, True)
    if cluster := read_cluster():
        if devices and devices > 1 and not gpus:
            raise UserError(
                "without GPUs a worker has one device: leave --devices, start more workers"
            )
        here = _count(gpus) if gpus else "a CPU"
        meet(cluster, {**(shared or {}), "devices": here}, connect_seconds)
        gone = "error: a worker has left while TensorFlow connected them; start all again"
        with watchdog(SURPLUS_SECONDS, gone):
            strategy = tf.distribute.MultiWorkerMirroredStrategy()
        chief = "writes the run" if cluster.is_chief else "worker 0 writes the run"
        return strategy, (
            f"worker {cluster.index} of {len(cluster.addresses)} (TF_CONFIG), {here}; {chief}"
        )
    if len(gpus) > 1:
        strategy = tf.distribute.MirroredStrategy([f"GPU:{n}" for n in range(len(gpus))])
        return strategy, f"{_count(gpus)}, each takes its part of a batch"
    if gpus:
        return tf.distribute.get_strategy(), "GPU"
    if devices is None or devices == 1:
        return tf.distribute.get_strategy(), "CPU, no GPU found"
    _split_cpu(devices)
    strategy = tf.distribute.MirroredStrategy([f"CPU:{n}" for n in range(devices)])
    return strategy, f"CPU as {devices} devices (--devices; no GPU found): to try it, not faster"


def _count(gpus: Sequence) -> str:
    return "GPU" if len(gpus) == 1 else f"{len(gpus)} GPUs"


def _split_cpu(devices: int) -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    try:
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * devices
        )
    except RuntimeError:  # TensorFlow has begun to compute
        if len(tf.config.list_logical_devices("CPU")) < devices:
            raise UserError(
                f"--devices {devices} must be chosen before anything is computed"
            ) from None


class Workers:
    """The processes that train together under `strategy`; just this one, if it is not of several.

    Each runs the same loop, so whatever decides what it does next must be agreed upon.
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
        """For each of `numbers` the greatest that any worker has."""
        return self._share(np.array(numbers, np.int64)).max(axis=0).tolist()

    def copy_from_chief(self, variables: Sequence) -> None:
        """Set every worker's `variables` (Keras') to the chief's."""
        if self.cluster is None:
            return
        arrays = [variable.numpy() for variable in variables]
        content = b"".join(array.tobytes() for array in arrays)
        # As whole numbers, since a sum of floats would lose the sign of a zero.
        words = np.frombuffer(content + bytes(-len(content) % 8), np.int64)
        content = self._sum(words if self.is_chief else np.zeros_like(words)).tobytes()
        for variable, array in zip(variables, arrays, strict=True):
            values = np.frombuffer(content, array.dtype, array.size)
            variable.assign(values.reshape(array.shape))
            content = content[array.nbytes :]

    def _share(self, numbers: np.ndarray) -> np.ndarray:
        """The `numbers` of all workers, int64 [replicas, len(numbers)]."""
        if self.cluster is None:
            return numbers[np.newaxis]
        rows = np.zeros((len(self.cluster.addresses), len(numbers)), np.int64)
        rows[self.cluster.index] = numbers
        return self._sum(rows.ravel()).reshape(rows.shape)

    def _sum(self, numbers: np.ndarray) -> np.ndarray:
        """The sum of all workers' `numbers`, int64 [N]; all of them call for it at one point."""
        totals = self._all_reduce(tf.constant(numbers))
        return self.strategy.experimental_local_results(totals)[0].numpy()


@contextmanager
def worker_losses() -> Iterator[None]:
    """Turn what TensorFlow raises when another worker is gone into a RunError."""
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
            f"{_lost(error.message, cluster)} is gone, and what it printed last says why; "
            "start all workers again, without --fresh: they go on from the last checkpoint"
        ) from None


def _lost(message: str, cluster: Cluster) -> str:
    """Which worker TensorFlow's message is about, if it says so."""
    found = re.search(
        r"(?:remote target|unhealthy[^/]*) /job:(\w+)/replica:0/task:(\d+)",
        " ".join(message.split()),
    )
    return f"worker {cluster.number(found[1], int(found[2]))}" if found else "another worker"
