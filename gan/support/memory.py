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
    with suppress(OSError, ValueError, KeyError):  # no container, or one without a limit
        limit, used = (
            int((CGROUP / f"memory.{name}").read_text("utf-8")) for name in ("max", "current")
        )
        lines = (CGROUP / "memory.stat").read_text("utf-8").splitlines()
        cached = int(dict(line.split() for line in lines)["inactive_file"])  # of files: it may go
        free = min(free, max(0, limit - used + cached))
    return free


def check_memory(needed: int, what: str, advice: str) -> None:
    """Raise UserError if `what` needs more bytes than there are; `advice` says what to do."""
    if needed > (free := available()):
        raise UserError(f"{what} needs {size(needed)} of memory, {size(free)} is free; {advice}")


def size(count: int) -> str:
    """A number of bytes as text."""
    return f"{count // 10**8 / 10:,.1f} GB" if count >= 10**9 else f"{count // 10**6:,} MB"


@contextmanager
def memory_errors(advice: str) -> Iterator[None]:
    """Turn an error of Python or TensorFlow that memory is out into a UserError with `advice`."""
    try:
        yield
    except Exception as error:
        # By its name, because commands that need no TensorFlow do not import it. It also raises
        # this when a disk is full.
        is_tensorflows = type(error).__name__ == "ResourceExhaustedError"
        if isinstance(error, MemoryError) or (is_tensorflows and "No space" not in str(error)):
            raise UserError(f"there is not enough memory; {advice}") from None
        raise
