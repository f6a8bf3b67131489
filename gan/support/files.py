"""Files that are complete or absent, never half-written."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gan.support.errors import UserError


def temporary_beside(path: Path) -> Path:
    """A temporary path of this process in the folder of `path`, with the same ending."""
    return path.with_name(f".{os.getpid()}.tmp.{path.name}")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path; on success, what the block wrote there replaces `path`.

    The block may create a file or a folder. After an exception `path` is unchanged. If `path` is a
    link, the file that it names is replaced.
    """
    path = Path(os.path.realpath(path))
    temporary = temporary_beside(path)
    try:
        yield temporary
        for written in [*temporary.glob("*"), temporary]:
            sync(written)
        os.replace(temporary, path)
        sync(path.parent)
    except OSError as error:
        if error.filename in (None, str(temporary)):  # name the file that the user knows
            error.filename = str(path)
        raise
    finally:
        remove(temporary)


def sweep(folder: Path) -> None:
    """Delete the temporary files that killed processes left in `folder`."""
    for temporary in folder.glob(".*.tmp.*"):
        process = temporary.name.split(".")[1]
        mine = process == str(os.getpid())  # in a container each process may be number 1
        if mine or (process.isdecimal() and not _is_alive(int(process))):
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
    """Flush a file's content, or a folder's list of names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Delete a file, or a folder and its content, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Create a folder for the output before the work begins. Raises UserError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be made or is not a folder: {error.strerror}") from None


def keras_home() -> Path:
    """Keras' own folder: KERAS_HOME, else ~/.keras, or for a user without a home /tmp/.keras."""
    if named := os.environ.get("KERAS_HOME"):
        return Path(os.path.expanduser(named))
    home = os.path.expanduser("~")  # stays as it is if there is none
    return Path(home if os.path.isdir(home) else tempfile.gettempdir(), ".keras")


def shown_path(path: Path) -> str:
    """`path`, relative to the current folder if it is inside it."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
