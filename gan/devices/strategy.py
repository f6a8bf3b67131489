"""Choose the devices and the workers that a run uses."""

from collections.abc import Sequence

from gan.devices.cluster import CONNECT_SECONDS, meet, read_cluster, watchdog
from gan.support.errors import UserError
from gan.support.tensorflow import tf

SURPLUS_SECONDS = 20  # for TensorFlow to connect the workers after `meet`


def choose_strategy(
    devices: int | None = None,
    connect_seconds: float = CONNECT_SECONDS,
    shared: dict | None = None,
) -> tuple[tf.distribute.Strategy, str]:
    """The strategy to build and train in, and a phrase that says what was chosen and why.

    `devices` is the number of GPUs to use (default: all); without a GPU, the CPU is split into
    this many devices. With TF_CONFIG set, it is the number per worker, and `shared` holds the
    settings that must be the same in all workers. Call this before TensorFlow computes anything.
    Raises UserError if there are fewer GPUs, or if the workers do not connect or do not agree.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if devices and gpus and devices > len(gpus):
        raise UserError(f"--devices {devices}, but this machine has {len(gpus)} GPU(s)")
    gpus = gpus[:devices]
    if gpus:
        tf.config.set_visible_devices(gpus, "GPU")
    if cluster := read_cluster():
        if devices and devices > 1 and not gpus:
            raise UserError(
                "without GPUs a worker has one device; leave out --devices, or start more workers"
            )
        here = _count(gpus) if gpus else "a CPU"
        meet(cluster, {**(shared or {}), "devices": here}, connect_seconds)
        gone = "error: a worker stopped while TensorFlow connected them; start all workers again"
        with watchdog(SURPLUS_SECONDS, gone):
            strategy = tf.distribute.MultiWorkerMirroredStrategy()
        chief = "writes the run" if cluster.is_chief else "worker 0 writes the run"
        return strategy, (
            f"worker {cluster.index} of {len(cluster.addresses)} (TF_CONFIG), {here}; {chief}"
        )
    if len(gpus) > 1:
        strategy = tf.distribute.MirroredStrategy([f"GPU:{n}" for n in range(len(gpus))])
        return strategy, f"{_count(gpus)}, each gets its part of a batch"
    if gpus:
        return tf.distribute.get_strategy(), "GPU"
    if devices is None or devices == 1:
        return tf.distribute.get_strategy(), "CPU, no GPU found"
    _split_cpu(devices)
    strategy = tf.distribute.MirroredStrategy([f"CPU:{n}" for n in range(devices)])
    return strategy, f"CPU as {devices} devices (--devices; no GPU found): for tests, not speed"


def _count(gpus: Sequence) -> str:
    return "GPU" if len(gpus) == 1 else f"{len(gpus)} GPUs"


def _split_cpu(devices: int) -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    try:
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * devices
        )
    except RuntimeError:  # TensorFlow has already computed something
        if len(tf.config.list_logical_devices("CPU")) < devices:
            raise UserError(
                f"--devices {devices} must be chosen before TensorFlow computes anything; "
                "start a new process"
            ) from None
