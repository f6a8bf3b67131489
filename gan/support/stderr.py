"""Keep the messages of other libraries' C code off the user's terminal."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from gan.support.errors import UserError


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Keep what the block writes to stderr, and show it only if the block fails."""
    sys.stderr.flush()
    try:
        stderr = os.dup(2)
    except OSError:  # a daemon has closed it
        yield
        return
    with tempfile.TemporaryFile() as chatter:
        os.dup2(chatter.fileno(), 2)
        try:
            yield
        except UserError:
            raise
        except Exception:
            chatter.seek(0)
            os.write(stderr, chatter.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
