"""How much memory this machine has, and the line that is printed if it is too little."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gan.support.errors import UserError

CGROUP = Path("/sys/fs/cgroup")  # the limit of a container, on Linux


def available() -> int:
    """The memory in bytes that this process can still get."""
    import psutil  # here, because it is only needed once images are read

    free = psutil.virtual_memory().available
    with suppress(OSError, ValueError):  # ValueError: the text is "max", there is no limit
        limit, used = (
            int((CGROUP / f"memory.{name}").read_text("utf-8")) for name in ("max", "current")
        )
        free = min(free, max(0, limit - used))
    return free


def check_memory(needed: int, what: str, advice: str) -> None:
    """Raise UserError if `what` needs more bytes than there are; `advice` says what to do."""
    if needed > (free := available()):
        raise UserError(
            f"{what} needs {gigabytes(needed)} of memory, and {gigabytes(free)} is free; {advice}"
        )


def gigabytes(size: int) -> str:
    return f"{size / 1e9:,.1f} GB"


@contextmanager
def memory_errors(advice: str) -> Iterator[None]:
    """Turn an error of Python or TensorFlow that memory is out into a UserError with `advice`."""
    try:
        yield
    except Exception as error:
        # By its name, because commands that need no TensorFlow do not import it.
        if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
            there = gigabytes(available())
            raise UserError(f"the memory is not enough, {there} is free; {advice}") from None
        raise
