"""`make test-gpu` and `make bench` on a GPU, with stand-ins; how they end, what they keep."""

import json
import os
import subprocess
import sys

import bench
import gpu
import gpu_steps
import numpy as np
import on_gpu
import pytest
import tensorflow as tf
from conftest import run_here
from processes import REPOSITORY, Lost

from gan.designs import DESIGNS
from gan.support import gpus


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """The path of gpu.json, in a folder of the test."""
    monkeypatch.setattr(on_gpu, "RESULT", tmp_path / "gpu.json")
    return tmp_path / "gpu.json"


@pytest.fixture
def card(tmp_path, monkeypatch):
    """Lets TensorFlow and a program nvidia-smi in PATH know one GPU, of the name that is given."""

    def install(name: str = "NVIDIA L4") -> None:
        listed = [tf.config.PhysicalDevice("GPU:0", "GPU")]
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: listed)
        details = {"device_name": name}
        monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: details)
        program = tmp_path / "bin" / "nvidia-smi"
        program.parent.mkdir(exist_ok=True)
        answers = f"*memory*) echo '{name}, 23034';; *driver*) echo 550.54.15;;"
        program.write_text(f'#!/bin/sh\ncase "$*" in {answers} esac\n', encoding="utf-8")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")

    return install


def call(main, monkeypatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["script.py", *arguments])
    return run_here(lambda _: main())


def check_that(result: object):
    """A check that returns this text, or raises this error."""

    def check(trial: gpu.Trial) -> str:
        if isinstance(result, Exception):
            raise result
        return result

    return check


def test_without_a_gpu_it_says_so(monkeypatch, capsys, kept):
    assert call(gpu.main, monkeypatch) == 0
    out, err = capsys.readouterr()
    assert out.startswith("no GPU found, so there is nothing to test")
    assert (out.count("\n"), err, kept.exists()) == (1, "", False)


def test_a_gpu_that_tensorflow_cannot_use_is_no_success(monkeypatch, capsys, kept):
    monkeypatch.setattr(gpus, "why_unused", lambda: "TensorFlow's reason: no library")
    assert call(gpu.main, monkeypatch) == 1
    assert "TensorFlow's reason: no library" in capsys.readouterr().err
    assert not kept.exists()


@pytest.mark.parametrize("error", [Lost("other\nbytes"), ValueError("x")], ids=repr)
def test_a_failing_check_gives_exit_code_1_and_the_others_run(error, monkeypatch, capsys, kept):
    checks = {"one": error, "two": gpu.Skipped("one GPU"), "three": "equal bytes"}
    monkeypatch.setattr(gpu, "CHECKS", {name: check_that(each) for name, each in checks.items()})
    assert call(gpu.main, monkeypatch, "--rehearse") == 1
    one, two, three, last = capsys.readouterr().out.splitlines()
    assert one.split() == [
        "one",
        "FAILED:",
        *("other bytes" if error.args[0] != "x" else repr(error)).split(),
    ]
    assert two.split(maxsplit=1) == ["two", "skipped: one GPU"]
    assert three.split(maxsplit=1) == ["three", "equal bytes"]
    assert last.startswith("1 of 3 failed")
    assert call(gpu.main, monkeypatch, "--rehearse", "--only", "three") == 0
    assert not kept.exists()


def test_what_was_found_is_kept_with_the_card_beside_the_speed(monkeypatch, capsys, kept, card):
    monkeypatch.setattr(gpu, "CHECKS", {"one": check_that(Lost("x")), "two": check_that("good")})
    card()
    assert call(gpu.main, monkeypatch) == 1
    checks = json.loads(kept.read_bytes())["checks"]
    assert checks["results"] == {"one": "FAILED: x", "two": "good"}
    assert (checks["gpu"], checks["driver"]) == ("GPU: NVIDIA L4, 22 GB", "550.54.15")
    assert (checks["command"], checks["tensorflow"]) == ("make test-gpu", tf.__version__)

    on_gpu.keep_part("speed", "make bench", on_gpu.this_card(), {"seconds": 60, "designs": {}})
    del gpu.CHECKS["one"]
    assert call(gpu.main, monkeypatch) == 0
    result = json.loads(kept.read_bytes())
    assert (list(result), result["checks"]["results"]) == (["checks", "speed"], {"two": "good"})

    card("NVIDIA A100")
    capsys.readouterr()
    before = kept.read_bytes()
    assert call(gpu.main, monkeypatch) == 2
    _, err = capsys.readouterr()
    assert err.startswith("error: the figures in gpu.json are of GPU: NVIDIA L4, 22 GB in ")
    assert (err.count("\n"), kept.read_bytes()) == (1, before)


def test_bench_measures_the_gpu_where_there_is_one(monkeypatch, capsys, kept, card):
    class Contender:
        def __init__(self, script, name, *words):
            if words == ("gpu", "bfloat16", "XLA", "not deterministic"):
                raise RuntimeError("it ended with 1")
            self.rate = 200.0 if "XLA" in words else 100.0

        def __call__(self, seconds):
            return self.rate

        def end(self):
            pass

    monkeypatch.setattr(bench, "Contender", Contender)
    monkeypatch.setattr(bench, "store", None)  # it must not write benchmark.json
    assert call(bench.main, monkeypatch, "--rehearse", "dense") == 0
    assert not kept.exists()
    card()
    for name in ("dense", "mlp"):
        assert call(bench.main, monkeypatch, name) == 0
    speed = json.loads(kept.read_bytes())["speed"]
    assert list(speed["designs"]) == ["dense", "mlp"]
    assert speed["gpu"] == "GPU: NVIDIA L4, 22 GB"
    rows = on_gpu.speed_table(speed["designs"]).splitlines()[2:]
    assert (
        rows[0] == "| `dense` | float32 | 100 it/s | 200 it/s (2) | 100 it/s (1) | 200 it/s (2) |"
    )
    assert rows[2].endswith("| 100 it/s (1) | fails |")
    assert len(rows) == 2 * len(on_gpu.KINDS)
    card("NVIDIA A100")
    assert call(bench.main, monkeypatch, "dense") == 2
    capsys.readouterr()
    assert call(bench.main, monkeypatch, "--others") == 2
    assert "--others is measured on the CPU" in capsys.readouterr().err


def test_the_page_shows_what_is_kept_and_what_is_missing():
    assert on_gpu.text({}) == on_gpu.MISSING
    origin = {"command": "make test-gpu", "date": "2026-12-01", "commit": None, "seconds": 600}
    origin |= {"machine": "16 cores", "gpu": "GPU: NVIDIA L4, 22 GB", "driver": "550", "cuda": ""}
    checks = origin | {"tensorflow": "2.21.0", "results": {"killed, and gone on": "equal bytes"}}
    lines = on_gpu.text({"checks": checks}).splitlines()
    assert lines[0] == (
        "`make test-gpu`, 2026-12-01, commit unknown, 10 minutes, on 16 cores. GPU: NVIDIA L4, "
        "22 GB; driver 550; TensorFlow 2.21.0; CUDA libraries: not from packages."
    )
    assert lines[-3:] == [
        "| killed, and gone on | equal bytes |",
        "",
        "The rest is not yet measured: `make bench`.",
    ]


def test_work_on_another_device_is_found():
    """And where the loop's counter lies does not matter."""
    with tf.device("CPU:1"):
        image, pixels = tf.Variable(tf.ones((4, 4))), tf.identity(np.ones((9, 2), np.int64))

    @tf.function(autograph=False)
    def steps(count, where):
        def step(done, value):
            with tf.device(where):
                taken = tf.gather(pixels, done)
            with tf.device("CPU:1"):
                return done + 1, tf.tanh(value @ image) + tf.cast(tf.reduce_sum(taken), tf.float32)

        return tf.while_loop(lambda done, _: done < count, step, (tf.constant(0), image))

    for where, found in (("CPU:1", {}), ("CPU:0", {"GatherV2": 1})):
        with gpu_steps.traced() as graphs:
            steps(tf.constant(2), where)
        assert gpu_steps.work_elsewhere(graphs, "CPU:1") == found
        elsewhere = gpu_steps.work_elsewhere(graphs, "CPU:0")
        assert (elsewhere["Tanh"], elsewhere["_Arg"]) == (1, 1)


def test_images_and_losses_that_are_apart_are_found(tmp_path):
    random = np.random.default_rng(0)
    cpu = {
        f"{name}/{seed}/{key}": random.normal(size=5)
        for name in DESIGNS
        for seed in range(3)
        for key in ("before", "after", "losses")
    }

    def agrees(**changes: float) -> str:
        other = {key: value + changes.get(key.split("/")[2], 0) for key, value in cpu.items()}
        other["dense/2/after"] = cpu["dense/2/after"] + 1.0  # one of three may be apart
        trial = gpu.Trial(tmp_path, gpus=1)
        trial.steps = {"cpu": (cpu, {}), "gpu": (other, {}), "tf32": (other, {})}
        return gpu.agrees_with_the_cpu(trial)

    assert "dcgan 0e+00; with TF32: dense 0e+00" in agrees()
    with pytest.raises(Lost, match=r"dense: images .* of the way apart"):
        agrees(after=0.1)
    with pytest.raises(Lost, match=r"dense: losses 1\.0e-03 apart"):
        agrees(losses=1e-3)


@pytest.mark.slow
def test_the_checks_can_be_rehearsed_on_the_cpu():
    for script in (["tests/gpu.py"], ["experiments/bench.py", "--seconds", "0.2", "dense-sgd"]):
        command = [sys.executable, *script, "--rehearse"]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "a rehearsal on the CPU" in done.stdout
