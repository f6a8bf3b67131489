"""What the bytes of a computation depend on beside its inputs: threads, cores, a GPU's kernels."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from gan.support.errors import UserError
from gan.support.tensorflow import tf


def is_exact() -> bool:
    """Whether TensorFlow runs operations one at a time, so that equal runs give equal bytes.

    `gan/__init__.py` sees to this. It comes too late if TensorFlow computed something before.
    """
    threads = tf.config.threading.get_inter_op_parallelism_threads()
    return (threads or os.environ.get("TF_NUM_INTEROP_THREADS")) in (1, "1")


def what_may_differ(device_kind: str) -> Iterator[str]:
    """A line for each reason why a resumed run may end with other bytes than an undisturbed one."""
    differ = "so a resumed run may end with other bytes than an undisturbed one"
    if not is_exact():
        yield (
            f"TensorFlow runs several operations at a time here, {differ}; to avoid it, import gan "
            "before TensorFlow computes anything, and do not set TF_NUM_INTEROP_THREADS above 1"
        )
    if device_kind == "GPU" and not is_deterministic():
        yield (
            f"TensorFlow's op determinism is off, {differ}; to avoid it, leave out "
            "--no-deterministic, or in Python call gan.support.exact.set_gpu_kernels() first"
        )


def cores() -> int:
    """The number of cores that share an operation: its rounding depends on it."""
    if chosen := tf.config.threading.get_intra_op_parallelism_threads():
        return chosen
    if (chosen := os.environ.get("TF_NUM_INTRAOP_THREADS", "")).isdecimal() and int(chosen):
        return int(chosen)
    if hasattr(os, "sched_getaffinity"):  # Linux, where a process can be bound to some cores
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def set_gpu_kernels(deterministic: bool = True, tf32: bool = False) -> None:
    """Choose the kernels of GPUs, for the whole process. Does nothing where no GPU is visible.

    `deterministic`: only kernels that give equal bytes for equal inputs. TensorFlow cannot go back
    from this, and then refuses its own random operations without a seed. `tf32`: round the inputs
    of matrix products and convolutions of float32 to 10 bits, as TensorFlow does by default.
    """
    if not tf.config.get_visible_devices("GPU"):
        return
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    tf.config.experimental.enable_tensor_float_32_execution(tf32)


def is_deterministic() -> bool:
    """Whether TensorFlow's op determinism is on. There is no public function that says so."""
    # Imported here, because this would start TensorFlow, and `gan.support.tensorflow` does quietly.
    from tensorflow.python.framework import config  # noqa: TID251

    return config.is_op_determinism_enabled()


def uses_tf32() -> bool:
    """Whether GPUs may round float32 to TF32."""
    return tf.config.experimental.tensor_float_32_execution_enabled()


@contextmanager
def determinism_errors() -> Iterator[None]:
    """Turn TensorFlow's error that an operation has no deterministic kernel into a UserError."""
    try:
        yield
    except (tf.errors.OpError, RuntimeError) as error:
        # An OpError of a lost worker or full memory says nothing of this.
        reason = getattr(error, "message", str(error)).strip().split("\n")[0]
        if not (is_deterministic() and "determinis" in reason.lower()):
            raise
        raise UserError(
            f"with op determinism, TensorFlow refuses a step: {reason}; gan.train "
            "--no-deterministic trains without, but then equal runs may end with other bytes"
        ) from None
