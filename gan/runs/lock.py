"""The lock of a run, in its folder: the file `lock`, with the number of the process that holds it.

The lock ends when the process that holds it ends, even if it is killed; the file stays.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gan.support.errors import UserError

WAITS = (0.0, 0.02, 0.05, 0.1)  # seconds: `holder` of another process takes it for an instant


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of the run in `folder`. Raises UserError if another process holds it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"{error.filename} cannot be written: {error.strerror}; choose another --root"
        ) from None
    with lock:
        for wait in WAITS:
            time.sleep(wait)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                pass
            except OSError as error:
                raise UserError(
                    f"{lock.name} cannot be locked: {error.strerror}; choose another --root, "
                    "on a file system that supports locks"
                ) from None
        else:
            lock.seek(0)
            raise UserError(
                f"run {folder.name!r} is being trained by process {lock.read().strip()}; "
                "wait for it, stop it, or choose another --name"
            )
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def holder(folder: Path) -> str | None:
    """The number of the process that holds the lock of the run in `folder`, or None."""
    with suppress(OSError), (folder / "lock").open(encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return lock.read().strip()
    return None
