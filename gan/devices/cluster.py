"""The workers that train together, as the environment variable TF_CONFIG lists them.

TensorFlow waits forever for missing workers, and cannot be interrupted while it waits. So the
workers first connect here, over plain sockets on the same addresses. Only then do they start
TensorFlow's servers.
"""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from gan.support.errors import UserError

EXAMPLE = (
    '{"cluster": {"worker": ["one:2222", "two:2222"]}, "task": {"type": "worker", "index": 0}}'
)
CONNECT_SECONDS = 60.0
TRY_SECONDS = 2.0  # for one exchange of messages
SECONDS_BETWEEN_TRIES = 0.2


@dataclass(frozen=True)
class Cluster:
    """The addresses host:port of all workers, the chief's first; this worker's is at `index`.

    `chiefs` is the number of workers, 1 or 0, that TF_CONFIG lists in the job "chief".
    """

    addresses: tuple[str, ...]
    index: int
    chiefs: int = 0

    @property
    def is_chief(self) -> bool:
        """Whether this worker writes the run."""
        return self.index == 0

    def number(self, job: str, task: int) -> int:
        """The index, among all workers, of the one that TensorFlow calls `task` of `job`."""
        return task if job == "chief" else self.chiefs + task


def read_cluster() -> Cluster | None:
    """The cluster that TF_CONFIG describes, or None if it is not set. Raises UserError."""
    text = os.environ.get("TF_CONFIG")
    if not text:
        return None
    try:
        config = json.loads(text)
    except ValueError as error:
        raise UserError(f"TF_CONFIG is not JSON: {error}") from None
    match config:
        case {"cluster": {**jobs}, "task": {"type": str(kind), "index": int(index)}}:
            pass
        case _:
            raise UserError(f"TF_CONFIG must look like {EXAMPLE}")
    for job, addresses in jobs.items():
        if job not in ("chief", "worker"):
            raise UserError(
                f"TF_CONFIG's cluster has {job!r}; only 'chief' and 'worker' are supported"
            )
        if not isinstance(addresses, list) or (job == "chief" and len(addresses) > 1):
            raise UserError(
                f"TF_CONFIG's {job!r} must be a list of addresses, as in {EXAMPLE}; "
                "'chief' has at most one"
            )
    chiefs, workers = jobs.get("chief", []), jobs.get("worker", [])
    addresses = [*chiefs, *workers]
    for address in addresses:
        _split(address)
    if repeated := {address for address in addresses if addresses.count(address) > 1}:
        raise UserError(f"TF_CONFIG lists {repeated.pop()} twice; give each worker its own")
    if isinstance(index, bool) or not 0 <= index < len(jobs.get(kind, [])):
        raise UserError(
            f"TF_CONFIG's task is {kind} {index}, but its cluster has {len(chiefs)} chief(s) and "
            f"{len(workers)} worker(s); indices start at 0"
        )
    cluster = Cluster(tuple(addresses), 0, len(chiefs))
    return replace(cluster, index=cluster.number(kind, index))


def _split(address: object) -> tuple[str, int]:
    """The host and the port of an address. Raises UserError."""
    host, _, port = str(address).rpartition(":")
    if not host or "[" in host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise UserError(f"TF_CONFIG lists the address {address!r}; it must look like host:2222")
    return host, int(port)


def meet(cluster: Cluster, shared: dict, seconds: float = CONNECT_SECONDS) -> None:
    """Wait until all workers are connected; return at about the same time in each.

    `shared` maps names to texts that must be the same in all workers. Raises UserError if they
    differ, if the TF_CONFIGs do not match, or if a worker does not answer within `seconds`.
    """
    me, everyone = cluster.index, set(range(len(cluster.addresses)))
    until = time.monotonic() + seconds
    _, port = _split(cluster.addresses[me])
    try:
        server = socket.create_server(("", port), backlog=len(cluster.addresses))
    except OSError as error:
        raise UserError(
            f"port {port}, this worker's in TF_CONFIG, cannot be opened: {error.strerror}; "
            "use a free one"
        ) from None
    hello = {"index": me, "addresses": list(cluster.addresses), "shared": shared}
    heard = {me: hello}  # the message of each worker
    heard_by = {me}

    def answer() -> None:
        while True:
            try:
                caller, _ = server.accept()
            except OSError:  # `server` is closed: all workers are connected, or it is too late
                return
            with caller, suppress(OSError, ValueError):
                other = _exchange(caller, hello)
                if other["addresses"] == hello["addresses"]:  # a worker of this cluster
                    heard_by.add(other["index"])

    threading.Thread(target=answer, daemon=True).start()
    with server:
        while missing := everyone - (heard.keys() & heard_by):
            if time.monotonic() > until:
                for peer in sorted(missing & heard.keys()):  # another worker answered
                    _compare(hello, heard[peer], peer)
                names = ", ".join(f"worker {n} at {cluster.addresses[n]}" for n in sorted(missing))
                raise UserError(
                    f"{names} did not answer within {seconds:g} s; start all workers, check "
                    "their addresses, or wait longer with --connect-seconds"
                )
            for peer in missing:
                with (
                    suppress(OSError, ValueError),
                    socket.create_connection(_split(cluster.addresses[peer]), TRY_SECONDS) as call,
                ):
                    heard[peer] = _exchange(call, hello)
            time.sleep(SECONDS_BETWEEN_TRIES)
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits in `accept`
    for peer, other in sorted(heard.items()):
        _compare(hello, other, peer)


def _exchange(connection: socket.socket, hello: dict) -> dict:
    """Send `hello` and return the other end's message. Raises OSError or ValueError."""
    connection.settimeout(TRY_SECONDS)
    connection.sendall(json.dumps(hello).encode() + b"\n")
    try:
        other = json.loads(connection.makefile("rb").readline(2**20))
    except RecursionError:  # deeply nested JSON
        raise ValueError("not a worker") from None
    match other:
        case {"index": int(), "addresses": list(), "shared": dict()}:
            return other
    raise ValueError("not a worker")


def _compare(mine: dict, other: dict, peer: int) -> None:
    """Raise UserError if worker `peer` has another TF_CONFIG, or was started differently."""
    if other["index"] != peer or other["addresses"] != mine["addresses"]:
        raise UserError(
            f"TF_CONFIG here says {mine['addresses'][peer]} is worker {peer} of "
            f"{mine['addresses']}; there it says worker {other['index']} of {other['addresses']}; "
            "list the same cluster on all workers"
        )
    for name, value in mine["shared"].items():
        if other["shared"].get(name) != value:
            raise UserError(
                f"worker {peer} was started with {name} {other['shared'].get(name)}, worker "
                f"{mine['index']} with {value}; start all with the same command and data"
            )


@contextmanager
def watchdog(seconds: float, message: str) -> Iterator[None]:
    """Print `message` and end this process if the block takes longer than `seconds`.

    A separate process does this, because Python does not run while TensorFlow connects.
    """
    command = [sys.executable, "-c", WATCH, str(os.getpid()), str(seconds), message]
    watch = subprocess.Popen(command, stdin=subprocess.PIPE)
    try:
        yield
    finally:
        watch.communicate()  # closes its stdin, which ends that process


WATCH = """
import os, select, signal, sys
process, seconds, message = sys.argv[1:]
signal.signal(signal.SIGINT, signal.SIG_IGN)
if not select.select([sys.stdin], [], [], float(seconds))[0]:
    print(message, file=sys.stderr, flush=True)
    os.kill(int(process), signal.SIGKILL)
"""
