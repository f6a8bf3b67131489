"""Workers: who they are, how they meet, and that two of them train as two devices do."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress

import numpy as np
import pytest
import tensorflow as tf
from conftest import REPOSITORY, finish, refusal, run_here, variables
from two_workers import free_ports, start_workers

from gan import train
from gan.devices.cluster import Cluster, meet, read_cluster
from gan.devices.workers import explain_lost_workers
from gan.runs import Run
from gan.support.errors import RunError, UserError

STEPS = 40


def tf_config(cluster, kind="worker", index=0) -> str:
    return json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})


def test_a_cluster_is_read(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert read_cluster() is None
    workers = ["one:1", "two:2"]
    monkeypatch.setenv("TF_CONFIG", tf_config({"worker": workers}, index=1))
    assert read_cluster() == Cluster(("one:1", "two:2"), 1)
    monkeypatch.setenv("TF_CONFIG", tf_config({"chief": ["zero:3"], "worker": workers}, index=1))
    assert read_cluster() == Cluster(("zero:3", "one:1", "two:2"), 2, chiefs=1)
    monkeypatch.setenv("TF_CONFIG", tf_config({"chief": ["zero:3"], "worker": workers}, "chief"))
    assert read_cluster().is_chief


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{cluster", "TF_CONFIG is not JSON"),
        ("[]", "TF_CONFIG must look like"),
        (tf_config({"worker": "a:1"}), "'worker' must be a list of addresses, as in"),
        (tf_config({"worker": ["a:1"]}, index=1), r"worker 1, but its .* has 0 chief\(s\) and 1 w"),
        (tf_config({"worker": ["a:1"]}, index=-1), "is worker -1, but"),
        (tf_config({"worker": ["a:1"]}, index="0"), "must look like"),
        (tf_config({"worker": ["a:1"]}, index=[0]), "must look like"),
        (tf_config({"worker": ["a:1"]}, index=0.0), "must look like"),
        (tf_config({"worker": ["a:1"]}, ["worker"]), "must look like"),
        (tf_config({"worker": ["a:1"]}, "ps"), "is ps 0, but"),
        (tf_config({"worker": []}), "is worker 0, but"),
        (tf_config({"chief": ["a:1"], "ps": ["b:1"]}, "chief"), "cluster has 'ps'; only"),
        (tf_config({"worker": ["a:1"], "chief": ["b:1", "c:1"]}), "'chief' must be a list of"),
        (tf_config({"chief": ["a:1"], "worker": "b:1"}, "chief"), "'worker' must be a list of"),
        (tf_config({"worker": ["[::1]:1"]}), "address '"),
        (tf_config({"worker": ["a"]}), "address 'a'; it must look like host:2222"),
        (tf_config({"worker": ["a:70000"]}), "address 'a:70000'"),
        (tf_config({"worker": [3]}), "address 3"),
        (tf_config({"worker": ["a:1", "a:1"]}), "lists a:1 twice"),
    ],
)
def test_a_malformed_cluster_is_refused(monkeypatch, text, message):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(UserError, match=message):
        read_cluster()


def test_workers_meet_however_late_one_comes_and_refuse_strangers():
    addresses = tuple(f"127.0.0.1:{port}" for port in free_ports(3))
    errors = []

    def worker(index, delay, addresses, seed=0, seconds=1):
        time.sleep(delay)
        try:
            meet(Cluster(addresses, index), {"seed": seed}, seconds)
        except UserError as error:
            errors.append(str(error))

    def meet_all(*workers):
        threads = [threading.Thread(target=worker, args=each) for each in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    meet_all(*((index, index * 0.3, addresses, 0, 20) for index in range(3)))
    assert errors == []
    meet_all((0, 0, addresses[:2], 3), (1, 0, addresses[:2], 4))
    assert sorted(errors) == [
        f"worker {other} was started with seed {theirs}, worker {me} with {mine}; "
        "start all with the same command and data"
        for other, theirs, me, mine in ((0, 3, 1, 4), (1, 4, 0, 3))
    ]
    errors.clear()
    meet_all((0, 0, addresses[:2]), (1, 0, addresses[:2]), (2, 0, addresses))  # the last strays in
    assert len(errors) == 1
    assert "is worker 0 of" in errors[0]
    assert errors[0].endswith(
        f"there it says worker 0 of {list(addresses[:2])}; list the same cluster on all workers"
    )
    errors.clear()
    meet_all((0, 0, addresses[:2]), (1, 0, (addresses[2], addresses[1])))
    assert any("; there it says worker 1 of" in error for error in errors), errors


def test_a_stranger_cannot_end_the_thread_that_answers():
    """What it says has the names of a worker's greeting, and not its types."""
    addresses = tuple(f"127.0.0.1:{port}" for port in free_ports(2))
    host, port = addresses[0].split(":")
    done = []
    first = threading.Thread(
        target=lambda: done.append(meet(Cluster(addresses, 0), {}, seconds=20))
    )
    first.start()
    wrong = json.dumps({"index": [1], "addresses": addresses, "shared": {}}).encode()
    for greeting in (wrong + b"\n", b"[" * 100_000 + b"\n"):
        while True:
            with suppress(OSError), socket.create_connection((host, int(port)), 2) as call:
                call.sendall(greeting)
                call.makefile("rb").readline()
                break
            time.sleep(0.1)  # the thread has not opened its port yet
    meet(Cluster(addresses, 1), {}, seconds=20)
    first.join()
    assert done == [None]


def test_a_worker_that_does_not_come_is_waited_for_no_longer_than_said(
    monkeypatch, capsys, tmp_path, small_data
):
    mine, other = free_ports(2)
    workers = [f"127.0.0.1:{mine}", f"127.0.0.1:{other}"]
    monkeypatch.setenv("TF_CONFIG", tf_config({"worker": workers}))
    common = ["dense", "--root", tmp_path, "--data", small_data, "--connect-seconds", 1]
    error = refusal(train.main, *common)
    assert error.startswith(f"error: worker 1 at 127.0.0.1:{other} did not answer within 1 s; ")
    assert "without GPUs a worker has one device" in refusal(train.main, *common, "--devices", 2)
    assert os.listdir(tmp_path) == []


def command(root, small_data, *more) -> list[str]:
    words = "dcgan", "--batch-size", "6", "--root", str(root), "--data", small_data, *more
    return list(map(str, words))


@pytest.fixture
def start_two(monkeypatch, small_data):
    """Starts two workers that train the run under `root`; the chief's process comes first."""
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL")  # set for this process, which has no workers
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return lambda root, *more: start_workers(
        command(root, small_data, *more), free_ports(2), **pipes
    )


def finish_two(workers) -> str:
    """What the chief says, when both end well."""
    (code, out, error), (other_code, other_out, other_error) = map(finish, workers)
    assert (code, other_code, error, other_error) == (0, 0, "", "")
    assert "pictures" in out
    assert "worker 0 writes the run" in other_out
    assert "pictures" not in other_out
    return out


def test_tensorflow_that_does_not_connect_is_ended(capfd):
    code = (
        "from gan.devices.cluster import watchdog; import time\n"
        "with watchdog(5, 'not this'): pass\n"
        "with watchdog(0.1, 'error: it hangs'): time.sleep(20)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY)
    assert done.returncode == -signal.SIGKILL
    assert capfd.readouterr().err == "error: it hangs\n"


def test_a_lost_worker_is_named_by_its_place_in_the_cluster(monkeypatch):
    cluster = {"chief": ["a:1"], "worker": ["b:1", "c:1"]}
    monkeypatch.setenv("TF_CONFIG", tf_config(cluster, "chief"))
    for message, name in (
        ("at /job:chief/replica:0/task:0: Additional GRPC error information from remote target "
         "/job:worker/replica:0/task:1 while calling", "worker 2"),
        ("The following tasks are unhealthy (stopped sending heartbeats):\n"
         "/job:worker/replica:0/task:0\nThe tasks have crashed.", "worker 1"),
        ("Socket closed", "another worker"),
    ):  # fmt: skip
        with pytest.raises(RunError, match=f"^{name} is gone, "), explain_lost_workers():
            raise tf.errors.UnavailableError(None, None, message)
    with pytest.raises(tf.errors.InternalError), explain_lost_workers():  # a fault of this one
        raise tf.errors.InternalError(None, None, "cuDNN")


@pytest.mark.slow
def test_two_workers_equal_two_devices(tmp_path, small_data, start_two):
    finish_two(start_two(tmp_path / "workers", "--steps", 10))
    alone = command(tmp_path / "one", small_data, "--steps", 10, "--devices", 2)
    assert run_here(train.main, *alone) == 0
    workers, devices = (variables(Run("dcgan", tmp_path / name)) for name in ("workers", "one"))
    for name, content in workers.items():
        kind = np.uint8 if len(content) == 8 else np.float32  # clocks and seeds, or numbers
        ours, theirs = (np.frombuffer(each, kind) for each in (content, devices[name]))
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.slow
def test_a_lost_worker_ends_the_other_and_started_again_they_end_with_the_same_bytes(
    tmp_path, start_two
):
    run, undisturbed = (Run("dcgan", tmp_path / name) for name in ("killed", "undisturbed"))
    length = "--steps", STEPS, "--checkpoint-seconds", 0.2
    finish_two(start_two(undisturbed.root, *length))
    for victim in (1, 0):
        workers = start_two(run.root, *length)
        before = run.checkpoints.steps()
        while run.checkpoints.steps() == before:
            assert workers[0].poll() is None, finish(workers[0])
            time.sleep(0.05)
        workers[victim].send_signal(signal.SIGKILL)
        code, _, error = finish(workers[1 - victim], seconds=60)
        assert code == 1
        gone = rf"error: (worker {victim}|another worker) is gone, .*: they go on from the last.*\n"
        assert re.fullmatch(gone, error)
        finish(workers[victim])
        assert run.checkpoints.steps()[-1] < STEPS
    assert "going on after step" in finish_two(start_two(run.root, *length))
    assert variables(run) == variables(undisturbed)
    assert run.metrics.read_bytes() == undisturbed.metrics.read_bytes()
    assert run.grid("final").read_bytes() == undisturbed.grid("final").read_bytes()
