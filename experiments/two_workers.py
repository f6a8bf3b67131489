"""Train on two workers of this machine: the way to several machines, tried on one.

    python experiments/two_workers.py dcgan --epochs 1 --name two

All that follows is the command line of `python -m gan.train`, which both workers run; dcgan is the
default. On two real machines each gets the same command and its own TF_CONFIG: README says how.
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
    """Ports that nothing listens on, until another program takes one."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def start_workers(arguments: list[str], ports: list[int], **options) -> list[subprocess.Popen]:
    """Start `python -m gan.train` with `arguments` once for each of `ports`, the chief first."""
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
    """The greatest of the workers' exit codes."""
    workers = start_workers(sys.argv[1:] or ["dcgan"], free_ports(WORKERS))
    # Ctrl-C reaches the workers too, and they end the run in order; we wait for that.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: [worker.terminate() for worker in workers])
    codes = [worker.wait() for worker in workers]
    return max(128 - code if code < 0 else code for code in codes)  # as a shell counts signals


if __name__ == "__main__":
    sys.exit(main())
