"""Train with two workers on this machine, to try on one machine what runs on several.

    python experiments/two_workers.py dcgan --epochs 1 --name two

The arguments are those of `python -m gan.train`, which both workers run; the default is dcgan. On
two real machines, each runs the same command with its own TF_CONFIG: see guide.md.
"""

import json
import os
import socket
import subprocess
import sys

from results import REPOSITORY, wait_for

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
    workers = []
    for index in range(len(ports)):
        config = {"cluster": cluster, "task": {"type": "worker", "index": index}}
        command = [sys.executable, "-m", "gan.train", *arguments]
        environment = os.environ | {"TF_CONFIG": json.dumps(config)}
        workers.append(subprocess.Popen(command, cwd=REPOSITORY, env=environment, **options))
    return workers


def main() -> int:
    """Return the largest exit code of the workers."""
    return wait_for(start_workers(sys.argv[1:] or ["dcgan"], free_ports(WORKERS)))


if __name__ == "__main__":
    sys.exit(main())
