"""What the bytes of a computation depend on beside its inputs: threads and cores."""

import os

from gan.support.tensorflow import tf


def is_exact() -> bool:
    """Whether TensorFlow runs operations one at a time, so that equal runs give equal bytes.

    `gan/__init__.py` sees to this. It comes too late if TensorFlow computed something before.
    """
    threads = tf.config.threading.get_inter_op_parallelism_threads()
    return (threads or os.environ.get("TF_NUM_INTEROP_THREADS")) in (1, "1")


def cores() -> int:
    """The number of cores that share an operation: its rounding depends on it."""
    if chosen := tf.config.threading.get_intra_op_parallelism_threads():
        return chosen
    if (chosen := os.environ.get("TF_NUM_INTRAOP_THREADS", "")).isdecimal() and int(chosen):
        return int(chosen)
    if hasattr(os, "sched_getaffinity"):  # Linux, where a process can be bound to some cores
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
