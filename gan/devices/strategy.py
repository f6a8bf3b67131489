"""Choose the devices and the workers that a run uses."""

import re
from collections.abc import Callable
from pathlib import Path

from gan.devices.cluster import CONNECT_SECONDS, meet, read_cluster, watchdog
from gan.support import gpus
from gan.support.errors import UserError
from gan.support.exact import cores
from gan.support.tensorflow import tf

SURPLUS_SECONDS = 20  # for TensorFlow to connect the workers after `meet`
PROCESSOR = Path("/proc/cpuinfo")  # only Linux has it


def choose_strategy(
    devices: int | str | None = None,
    connect_seconds: float = CONNECT_SECONDS,
    shared: dict | None = None,
) -> tuple[tf.distribute.Strategy, str]:
    """The strategy to build and train in, and a phrase that says what was chosen and why.

    `devices` is the number of GPUs to use (default: all), or "cpu" to use none; without a GPU, the
    CPU is split into this many devices. With TF_CONFIG set, it is the number per worker, and
    `shared` holds the settings that must be the same in all workers. Call this before TensorFlow
    computes anything. Raises UserError if there are fewer GPUs, or if the workers do not connect or
    do not agree.
    """
    found = tf.config.get_visible_devices("GPU")  # a script may have chosen some
    count = None if devices == "cpu" else devices
    if count and found and count > len(found):
        raise UserError(f"--devices {count}, but this machine has {len(found)} GPU(s)")
    used = [] if devices == "cpu" else found[:count]
    if used != found:
        _set(lambda: tf.config.set_visible_devices(used, "GPU"), devices)
    if cluster := read_cluster():
        if count and count > 1 and not used:
            raise UserError(
                "without GPUs a worker has one device; leave out --devices, or start more workers"
            )
        here = gpus.describe(used) if used else "a CPU"
        count = f"{len(used)} GPU(s)" if used else "a CPU"
        meet(cluster, {**(shared or {}), "devices": count}, connect_seconds)
        gone = "error: a worker stopped while TensorFlow connected them; start all workers again"
        with watchdog(SURPLUS_SECONDS, gone):
            strategy = tf.distribute.MultiWorkerMirroredStrategy()
        chief = "writes the run" if cluster.is_chief else "worker 0 writes the run"
        return strategy, (
            f"worker {cluster.index} of {len(cluster.addresses)} (TF_CONFIG), {here}; {chief}"
        )
    if len(used) > 1:
        strategy = tf.distribute.MirroredStrategy([f"GPU:{n}" for n in range(len(used))])
        return strategy, f"{gpus.describe(used)}; each gets its part of a batch"
    if used:
        return tf.distribute.get_strategy(), gpus.describe(used)
    if count is None or count == 1:
        return tf.distribute.get_strategy(), f"{_cpu()}; {_why_no_gpu(devices)}"
    _split_cpu(count)
    strategy = tf.distribute.MirroredStrategy([f"CPU:{n}" for n in range(count)])
    return strategy, f"CPU as {count} devices (--devices; no GPU found): for tests, not speed"


def why_slow(precision: str, device_kind: str) -> str | None:
    """Say that a processor is slow in bfloat16; None if it is not, or if its system does not tell.

    Without instructions for bfloat16, TensorFlow computes it in float32 and rounds.
    """
    if precision != "bfloat16" or device_kind != "CPU" or not PROCESSOR.exists():
        return None
    if re.search(r"\b(avx512_bf16|amx_bf16|bf16)\b", PROCESSOR.read_text(encoding="utf-8")):
        return None
    return (
        "this processor has no instructions for bfloat16, and is much slower with it than in "
        "float32: leave out --precision bfloat16"
    )


def _cpu() -> str:
    return f"CPU, {cores()} core{'' if cores() == 1 else 's'}"


def _why_no_gpu(devices: int | str | None) -> str:
    if devices == "cpu":
        return "as --devices cpu says"
    if gpus.are_hidden():
        return "CUDA_VISIBLE_DEVICES hides GPUs"
    return "its GPU is not used" if gpus.nvidia_gpus() else "no GPU found"


def _split_cpu(count: int) -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    parts = [tf.config.LogicalDeviceConfiguration()] * count
    try:
        _set(lambda: tf.config.set_logical_device_configuration(cpu, parts), count)
    except UserError:
        if len(tf.config.list_logical_devices("CPU")) < count:
            raise


def _set(setting: Callable[[], None], devices: int | str | None) -> None:
    """Call `setting`. Raises UserError if it comes too late."""
    try:
        setting()
    except RuntimeError:  # TensorFlow has already computed something
        raise UserError(
            f"--devices {devices} must be chosen before TensorFlow computes anything; "
            "start a new process"
        ) from None
