"""Files that are complete or absent, never half-written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gan.support.errors import UserError


def temporary_beside(path: Path) -> Path:
    """A path of this process beside `path`, with the same ending."""
    return path.with_name(f".{os.getpid()}.tmp.{path.name}")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; what is written there replaces `path` on success.

    The block may make a file or a folder there. On an exception `path` is left as it was.
    """
    temporary = temporary_beside(path)
    try:
        yield temporary
        for written in [*temporary.glob("*"), temporary]:
            sync(written)
        os.replace(temporary, path)
        sync(path.parent)
    except OSError as error:
        if error.filename in (None, str(temporary)):  # a full disk does not say what it is full for
            error.filename = str(path)
        raise
    finally:
        remove(temporary)


def sweep(folder: Path) -> None:
    """Delete what `replacing` left in `folder` in processes that were killed."""
    for temporary in folder.glob(".*.tmp.*"):
        process = temporary.name.split(".")[1]
        if process.isdecimal() and not _is_alive(int(process)):
            remove(temporary)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def sync(path: Path) -> None:
    """Have the disk hold what was written to a file, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Delete a file, or a folder with all it holds, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Make a folder for the output before the work begins. Raises UserError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be made or is no folder: {error.strerror}") from None


def shown_path(path: Path) -> str:
    """A path as short as it can be said from here."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
