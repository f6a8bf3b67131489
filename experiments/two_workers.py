"""Train with two workers on this machine, to try on one machine what runs on several.

    python experiments/two_workers.py dcgan --epochs 1 --name two

The arguments are those of `python -m gan.train`, which both workers run; the default is dcgan. On
two real machines, each runs the same command with its own TF_CONFIG: see guide.md.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
WORKERS = 2


def free_ports(count: int) -> list[int]:
    """Return ports that are free now; another program may take one later."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def start_workers(arguments: list[str], ports: list[int], **options) -> list[subprocess.Popen]:
    """Start `python -m gan.train` with `arguments` for each of `ports`; the first is the chief."""
    cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
    return [
        subprocess.Popen(
            [sys.executable, "-m", "gan.train", *arguments],
            cwd=REPOSITORY,
            env=os.environ
            | {
                "TF_CONFIG": json.dumps(
                    {"cluster": cluster, "task": {"type": "worker", "index": index}}
                )
            },
            **options,
        )
        for index in range(len(ports))
    ]


def main() -> int:
    """Return the largest exit code of the workers."""
    workers = start_workers(sys.argv[1:] or ["dcgan"], free_ports(WORKERS))
    # Ctrl-C also reaches the workers, which save and stop; wait for them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: [worker.terminate() for worker in workers])
    codes = [worker.wait() for worker in workers]
    return max(128 - code if code < 0 else code for code in codes)  # as a shell counts signals


if __name__ == "__main__":
    sys.exit(main())
