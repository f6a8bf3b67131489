"""The workers that train together, as the environment variable TF_CONFIG names them.

    {"cluster": {"worker": ["one:2222", "two:2222"]}, "task": {"type": "worker", "index": 0}}

TensorFlow waits for missing workers without end and cannot be interrupted then. So the workers
meet here first, over plain sockets on the same addresses, and only then start TensorFlow's servers.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from dataclasses import dataclass

from gan.errors import UserError

CONNECT_SECONDS = 60.0
SECONDS_BETWEEN_TRIES = 0.2


@dataclass(frozen=True)
class Cluster:
    """The addresses host:port of all workers, the chief's first, and which of them this one is."""

    addresses: tuple[str, ...]
    index: int

    @property
    def is_chief(self) -> bool:
        """Whether this worker is the one that writes the run."""
        return self.index == 0


def read_cluster() -> Cluster | None:
    """The cluster that TF_CONFIG describes, or None where it is not set. Raises UserError."""
    text = os.environ.get("TF_CONFIG")
    if not text:
        return None
    try:
        config = json.loads(text)
    except ValueError as error:
        raise UserError(f"TF_CONFIG is not JSON: {error}") from None
    match config:
        case {"cluster": {"worker": [*workers], **others}, "task": {"type": kind, "index": index}}:
            jobs = {"worker": workers, **others}
        case {"cluster": {"chief": [*chief]}, "task": {"type": kind, "index": index}}:
            jobs = {"chief": chief}
        case _:
            raise UserError(
                'TF_CONFIG must be as {"cluster": {"worker": ["host:port", ...]}, '
                '"task": {"type": "worker", "index": 0}}'
            )
    if unknown := jobs.keys() - {"chief", "worker"}:
        raise UserError(
            f"TF_CONFIG's cluster has {', '.join(map(repr, sorted(unknown)))}; "
            "only 'chief' and 'worker' train here"
        )
    chief = jobs.get("chief", [])
    if not isinstance(chief, list) or len(chief) > 1:
        raise UserError("TF_CONFIG's cluster must have one chief, or none, in a list")
    addresses = [*chief, *jobs.get("worker", [])]
    for address in addresses:
        _split(address)
    if repeated := {address for address in addresses if addresses.count(address) > 1}:
        raise UserError(f"TF_CONFIG names {repeated.pop()} twice")
    members = {(job, n) for job in jobs for n in range(len(jobs[job]))}
    if isinstance(index, bool) or (kind, index) not in members:
        sizes = ", ".join(f"{job} 0 to {len(jobs[job]) - 1}" for job in sorted(jobs) if jobs[job])
        raise UserError(f"TF_CONFIG's task is {kind} {index}, but its cluster has only {sizes}")
    return Cluster(tuple(addresses), index if kind == "chief" else len(chief) + index)


def _split(address: object) -> tuple[str, int]:
    """The host and the port of an address. Raises UserError."""
    host, _, port = str(address).rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise UserError(f"TF_CONFIG names the address {address!r}; one is as host:2222")
    return host, int(port)


def meet(cluster: Cluster, seconds: float = CONNECT_SECONDS) -> None:
    """Return when all workers are there, at about the same time in each.

    Raises UserError when they are not within `seconds`, or disagree on who they are.
    """
    me, until = cluster.index, time.monotonic() + seconds
    _, port = _split(cluster.addresses[me])
    try:
        server = socket.create_server(("", port), backlog=len(cluster.addresses))
    except OSError as error:
        raise UserError(
            f"port {port}, this worker's in TF_CONFIG, cannot be opened: {error.strerror}"
        ) from None
    hello = json.dumps([me, cluster.addresses]).encode()
    called_by = set()

    def answer() -> None:
        while True:
            try:
                caller, _ = server.accept()
            except OSError:  # closed: we are done
                return
            with caller:
                try:
                    caller.settimeout(SECONDS_BETWEEN_TRIES)
                    caller.sendall(hello)
                    called_by.add(int(caller.recv(16)))
                except (OSError, ValueError):
                    pass  # no worker, or one that is still to come

    threading.Thread(target=answer, daemon=True).start()
    reached = {me}
    everyone = set(range(len(cluster.addresses)))
    with server:
        while not everyone == reached == called_by | {me}:
            if time.monotonic() > until:
                missing = ", ".join(
                    f"worker {n} at {cluster.addresses[n]}"
                    for n in sorted(everyone - (reached & (called_by | {me})))
                )
                raise UserError(
                    f"{missing} did not answer within {seconds:g} s; start all workers, check "
                    "their addresses, or give them longer with --connect-seconds"
                )
            for peer in everyone - reached:
                if answered := _call(cluster.addresses[peer], me):
                    if answered != [peer, list(cluster.addresses)]:
                        raise UserError(
                            f"{cluster.addresses[peer]} says it is worker {answered[0]} of "
                            f"{answered[1]}, but TF_CONFIG here says worker {peer} of "
                            f"{list(cluster.addresses)}"
                        )
                    reached.add(peer)
            time.sleep(SECONDS_BETWEEN_TRIES)
        server.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts


def _call(address: str, me: int) -> list | None:
    """What the worker at `address` says of itself, or None when it does not."""
    try:
        with socket.create_connection(_split(address), timeout=2) as peer:
            answer = json.loads(peer.recv(2**16))
            peer.sendall(str(me).encode())
            return answer if isinstance(answer, list) and len(answer) == 2 else None
    except (OSError, ValueError):
        return None
