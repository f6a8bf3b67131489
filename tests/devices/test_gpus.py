"""GPUs, with stand-ins for TensorFlow's list of them and for nvidia-smi."""

import importlib.metadata
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from conftest import CPU, REPOSITORY, built, in_make_test, run_here
from processes import written
from tensorflow.python.framework import kernels

from gan import train
from gan.data import pixels
from gan.data.batches import Schedule
from gan.data.digits import draw_digits
from gan.design import Design
from gan.designs import DESIGNS, build_design
from gan.devices import strategy as distribute
from gan.runs import Run, config
from gan.support import exact, gpus
from gan.support.errors import UserError
from gan.support.tensorflow import configure
from gan.training import loop, steps

IMAGES = draw_digits(64, seed=2)[0][:, 8:20, 8:20, np.newaxis]
L4, A100 = "NVIDIA L4, 23034", "NVIDIA A100-SXM4-80GB, 81920"


@pytest.fixture
def nvidia_smi(tmp_path, monkeypatch):
    """Puts a program nvidia-smi into PATH that knows GPUs, "name, MiB" each, or fails."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def install(*cards: str, fails: bool = False) -> None:
        answers = {
            "-L": [
                f"GPU {n}: {card.split(',')[0]} (UUID: GPU-{n})" for n, card in enumerate(cards)
            ],
            "--query-gpu=name,memory.total --format=csv,noheader,nounits": cards,
            "--query-gpu=driver_version --format=csv,noheader,nounits": ["550.54.15"] * len(cards),
        }
        program = tmp_path / "bin" / "nvidia-smi"
        program.parent.mkdir(exist_ok=True)
        cases = [f"'{asked}') echo '{chr(10).join(said)}';;" for asked, said in answers.items()]
        lines = ["exit 9"] if fails else ['case "$*" in', *cases, "*) exit 1;;", "esac"]
        program.write_text("\n".join(["#!/bin/sh", *lines, ""]), encoding="utf-8")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
        gpus._nvidia_smi.cache_clear()

    return install


@pytest.fixture
def tensorflow_lists(monkeypatch):
    """Lets TensorFlow list GPUs of these names, and remembers which were made visible."""

    def install(*found: str) -> list:
        listed = {"GPU": [tf.config.PhysicalDevice(f"GPU:{n}", "GPU") for n in range(len(found))]}
        visible = list(listed["GPU"])

        def make_visible(devices: list, kind: str) -> None:
            visible[:] = devices

        details = dict(zip(listed["GPU"], found, strict=True))
        for name, stand_in in {
            "list_physical_devices": lambda kind=None: listed.get(kind, [CPU]),
            "set_visible_devices": make_visible,
            "get_visible_devices": lambda kind: visible,
        }.items():
            monkeypatch.setattr(tf.config, name, stand_in)
        get = lambda gpu: {"device_name": details[gpu]} if details[gpu] else {}  # noqa: E731
        monkeypatch.setattr(tf.config.experimental, "get_device_details", get)
        monkeypatch.setattr(tf.distribute, "MirroredStrategy", lambda devices: devices)
        return visible

    return install


@pytest.fixture
def kernels_chosen(monkeypatch) -> dict:
    """What was chosen for GPUs: nothing reaches TensorFlow, where it would last."""
    chosen = {"deterministic": False, "tf32": True}
    options = tf.config.experimental
    for name, stand_in in {
        "enable_op_determinism": lambda: chosen.update(deterministic=True),
        "enable_tensor_float_32_execution": lambda on: chosen.update(tf32=on),
        "tensor_float_32_execution_enabled": lambda: chosen["tf32"],
    }.items():
        monkeypatch.setattr(options, name, stand_in)
    monkeypatch.setattr(exact, "is_deterministic", lambda: chosen["deterministic"])
    return chosen


@pytest.mark.parametrize(
    ("cards", "listed", "phrase"),
    [
        ([L4], ["NVIDIA L4"], "GPU: NVIDIA L4, 22 GB"),
        ([L4], ["Tesla T4"], "GPU: Tesla T4"),  # nvidia-smi has no memory of that name
        ([], ["NVIDIA L4"], "GPU: NVIDIA L4"),
        ([], [""], "GPU: GPU"),
        ([A100, A100], ["NVIDIA A100-SXM4-80GB"] * 2, "2 GPUs: NVIDIA A100-SXM4-80GB, 80 GB each"),
        (["NVIDIA L4, [N/A]"], ["NVIDIA L4"], "GPU: NVIDIA L4"),
        (
            [L4, A100],
            ["NVIDIA L4", "NVIDIA A100-SXM4-80GB"],
            "2 GPUs: NVIDIA L4, 22 GB and NVIDIA A100-SXM4-80GB, 80 GB",
        ),
    ],
)
def test_gpus_are_named(nvidia_smi, tensorflow_lists, cards, listed, phrase):
    nvidia_smi(*cards, fails=not cards)
    tensorflow_lists(*listed)
    chosen, said = distribute.choose_strategy()
    shares = "; each gets its part of a batch" if len(listed) > 1 else ""
    assert said == phrase + shares
    if len(listed) == 1:
        assert chosen == tf.distribute.get_strategy()
    else:
        assert chosen == [f"GPU:{n}" for n in range(len(listed))]


def test_some_gpus_or_none_are_taken(nvidia_smi, tensorflow_lists):
    nvidia_smi(L4, L4, L4)
    visible = tensorflow_lists(*["NVIDIA L4"] * 3)
    assert distribute.choose_strategy(2)[0] == ["GPU:0", "GPU:1"]
    assert len(visible) == 2
    assert distribute.choose_strategy()[0] == ["GPU:0", "GPU:1"]  # those that are visible
    visible = tensorflow_lists(*["NVIDIA L4"] * 3)
    with pytest.raises(UserError, match=r"--devices 4, but this machine has 3 GPU\(s\)"):
        distribute.choose_strategy(4)
    chosen, said = distribute.choose_strategy("cpu")
    assert chosen == tf.distribute.get_strategy()
    assert said.startswith("CPU, ")
    assert said.endswith("; as --devices cpu says")
    assert visible == []


def test_devices_that_are_chosen_too_late_are_refused(nvidia_smi, tensorflow_lists, monkeypatch):
    nvidia_smi(L4)
    tensorflow_lists("NVIDIA L4")

    def too_late(devices: list, kind: str) -> None:
        raise RuntimeError("Visible devices cannot be modified after being initialized")

    monkeypatch.setattr(tf.config, "set_visible_devices", too_late)
    with pytest.raises(UserError, match="--devices cpu must be chosen before TensorFlow computes"):
        distribute.choose_strategy("cpu")


def test_a_gpu_is_given_memory_only_as_it_is_needed(monkeypatch):
    found, growing = [tf.config.PhysicalDevice("GPU:0", "GPU")], []
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: found)
    monkeypatch.setattr(
        tf.config.experimental, "set_memory_growth", lambda gpu, on: growing.append(gpu)
    )
    configure()
    assert growing == found


# What TensorFlow of several versions logs, and what is repeated of it.
OLDER = """\
2026-02-24 16:46:52.066807: I tensorflow/core/util/port.cc:153] oneDNN custom operations are on.
2026-02-24 16:46:54.9: W tensorflow/core/common_runtime/gpu/gpu_device.cc:2342] Cannot dlopen some \
GPU libraries. Follow the guide.
Skipping registering GPU devices...
"""
DRIVER_FAILS = """\
E0000 00:00:1795885544.1   28900 cuda_platform.cc:51] failed call to cuInit: no CUDA-capable device
I0000 00:00:1795885544.2   28900 cuda_diagnostics.cc:1] hostname: one
I0000 00:00:1795885544.2   28900 cuda_diagnostics.cc:1] libcuda reported version is: NOT_FOUND
"""
NO_DRIVER = """\
E0000 00:00:1.1 2 cuda_dnn.cc:1] Unable to register cuDNN factory: one has already been registered
I0000 00:00:1.2 2 cudart_stub.cc:31] Could not find cuda drivers on your machine, GPU will not be \
used.
"""


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (OLDER, "Cannot dlopen some GPU libraries. Follow the guide"),
        (DRIVER_FAILS, "failed call to cuInit: no CUDA-capable device"),
        (NO_DRIVER, "Could not find cuda drivers on your machine, GPU will not be used"),
        ("", "it does not say why"),
    ],
)
def test_why_a_gpu_is_not_used_is_told(nvidia_smi, monkeypatch, log, reason):
    nvidia_smi(L4)
    ask = gpus._run

    def run(command: list, **options: object):
        if command[0] != sys.executable:
            return ask(command, **options)
        assert options["env"]["TF_CPP_MIN_LOG_LEVEL"] == "0"
        return SimpleNamespace(stderr=log)

    monkeypatch.setattr(gpus, "_run", run)
    monkeypatch.setattr(gpus, "cuda_libraries", lambda: "")
    said = gpus.why_unused()
    assert "has an NVIDIA GPU (NVIDIA L4)" in said
    assert f"TensorFlow's reason: {reason}. What to do: " in said
    assert f"tensorflow[and-cuda]=={tf.__version__}" in said or "make install CUDA=1" in said
    monkeypatch.setattr(gpus, "cuda_libraries", lambda: "cudnn 9.1")
    assert "check the driver with nvidia-smi" in gpus.why_unused()
    assert distribute.choose_strategy()[1].endswith("; its GPU is not used")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "99")
    assert "check the variable CUDA_VISIBLE_DEVICES" in gpus.why_unused()
    monkeypatch.setattr(tf.test, "is_built_with_cuda", lambda: False)  # on ARM
    assert "built without CUDA" in gpus.why_unused()
    for hidden in ("", "-1", "-1,0", "NoDevFiles"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
        assert gpus.why_unused() is None
    assert distribute.choose_strategy()[1].endswith("; CUDA_VISIBLE_DEVICES hides GPUs")


def test_a_machine_without_an_nvidia_gpu_is_told_nothing(nvidia_smi, monkeypatch, tmp_path):
    monkeypatch.setattr(gpus, "DRIVER", tmp_path / "driver")
    monkeypatch.setattr(gpus, "_tensorflows_reasons", lambda: ["asked"])
    nvidia_smi(fails=True)
    assert gpus.why_unused() is None
    (tmp_path / "driver" / "0000:01:00.0").mkdir(parents=True)  # a driver, and no nvidia-smi
    assert "has an NVIDIA GPU (0000:01:00.0)" in gpus.why_unused()
    monkeypatch.setattr(gpus, "CARD", tmp_path / "nvidia0")
    assert "a container must be given the GPU" in gpus.why_unused()


def test_an_nvidia_smi_that_hangs_is_not_waited_for(tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\nsleep 60\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setitem(gpus.SECONDS, "nvidia-smi", 0.1)
    monkeypatch.setattr(gpus, "DRIVER", tmp_path / "driver")
    gpus._nvidia_smi.cache_clear()
    assert gpus.nvidia_gpus() == []
    gpus._nvidia_smi.cache_clear()


@pytest.mark.slow
def test_tensorflows_real_reason_is_found(nvidia_smi):
    nvidia_smi(L4)
    assert "TensorFlow's reason: failed call to cuInit" in gpus.why_unused()


def test_cuda_libraries_are_recorded(monkeypatch):
    """Those that TensorFlow names, and not PyTorch's, or nvidia-ml-py of some tool."""
    installed = {"numpy": "2", "nvidia-cudnn-cu12": "9.1", "nvidia-cublas-cu12": "12.5"}
    installed |= {"nvidia-ml-py": "12.5", "nvidia-cudnn-cu13": "9.2"}

    def version(name: str) -> str:
        if name not in installed:
            raise importlib.metadata.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert gpus.cuda_libraries() == "cublas 12.5, cudnn 9.1"
    del installed["nvidia-cudnn-cu12"], installed["nvidia-cublas-cu12"]
    assert gpus.cuda_libraries() == ""


# -- a run on a GPU, with the CPU in its place ---------------------------------------------------


@pytest.fixture
def on_gpu(tensorflow_lists, nvidia_smi, kernels_chosen, monkeypatch):
    """A function that lets the following runs believe that they are on a GPU, or on a CPU."""

    def choose(kind: str, name: str = "NVIDIA L4") -> None:
        tensorflow_lists(*([name] if kind == "GPU" else []))
        monkeypatch.setattr(Design, "device_kind", property(lambda self: kind))
        kernels_chosen.update(deterministic=False, tf32=True)

    nvidia_smi(L4, A100)
    return choose


@pytest.mark.usefixtures("quick_runs")
def test_a_run_says_how_its_gpu_computes_and_moves_between_devices(
    on_gpu, tmp_path, small_data, capsys
):
    run, done = Run("run", tmp_path), 0

    def go_on(*options: object) -> str:
        nonlocal done
        done += 1
        common = ("dense-sgd", "--root", tmp_path, "--name", "run", "--data", small_data)
        assert run_here(train.main, *common, "--batch-size", 8, "--steps", done, *options) == 0
        return capsys.readouterr().out

    def recorded(*names: str) -> list:
        return [run.config()[name] for name in names or ("deterministic", "tf32")]

    on_gpu("GPU")
    out = go_on()
    assert "device  GPU: NVIDIA L4, 22 GB\n" in out
    assert "op determinism" not in out
    assert recorded() == [True, False]
    assert recorded("devices", "cores") == ["1 GPU (NVIDIA L4)", None]

    on_gpu("GPU")
    out = go_on("--no-deterministic", "--tf32")
    assert "the run was trained with op determinism on, and goes on with op determinism off" in out
    assert "the run was trained with TF32 off, and goes on with TF32 on" in out
    assert "TensorFlow's op determinism is off, so a resumed run may end with other bytes" in out
    assert recorded() == [False, True]

    on_cpu = run.config() | {"devices": "1 CPU", "cores": 2, "deterministic": None, "tf32": None}
    other = run.config() | {"devices": "1 GPU (NVIDIA A100-SXM4-80GB)"}
    for old, new in ((run.config(), on_cpu), (on_cpu, other), (run.config(), other)):
        [line] = config.changes(old, new, has_average=True)
        where = f"was on {old['devices']}, and is on {new['devices']}"
        assert line == f"the run {where}; its bytes may differ"


@pytest.mark.usefixtures("quick_runs")
def test_in_python_the_user_chooses_determinism(on_gpu, kernels_chosen, tmp_path, capsys):
    for calls in (lambda: None, exact.set_gpu_kernels):
        on_gpu("GPU")
        calls()
        design = built("dense-sgd", image_shape=IMAGES.shape[1:], batch_size=8)
        design.train(steps=1, images=IMAGES, run=Run("run", tmp_path), fresh=True)
        assert kernels_chosen["deterministic"] == (calls is exact.set_gpu_kernels)
        is_told = "call gan.support.exact.set_gpu_kernels() first" in capsys.readouterr().out
        assert is_told == (calls is not exact.set_gpu_kernels)


@pytest.mark.parametrize(
    "error",
    [
        tf.errors.UnimplementedError(
            None,
            None,
            "A deterministic GPU implementation of DepthwiseConvBackpropFilter is not "
            "currently available.\n\t [[{{node gradients}}]]",
        ),
        RuntimeError("Random ops require a seed to be set when determinism is enabled."),
    ],
)
@pytest.mark.usefixtures("quick_runs")
def test_an_operation_without_a_deterministic_kernel_is_one_line(
    on_gpu, tmp_path, monkeypatch, error
):
    def compile_steps(*arguments: object):
        def run_steps(first: int, count: int):
            raise error

        return run_steps

    monkeypatch.setattr(loop, "compile_steps", compile_steps)
    design = built("dense-sgd", image_shape=IMAGES.shape[1:], batch_size=8)
    on_gpu("GPU")
    with pytest.raises(type(error)):  # determinism is off: this is another error
        design.train(steps=1, images=IMAGES, run=Run("run", tmp_path))
    exact.set_gpu_kernels()
    with pytest.raises(UserError, match="--no-deterministic trains without") as caught:
        design.train(steps=1, images=IMAGES, run=Run("run", tmp_path))
    assert "\n" not in str(caught.value)
    assert not Run("run", tmp_path).metrics.exists()


def test_xla_compiles_on_one_cpu_only(monkeypatch):
    dense, dcgan = build_design("dense", IMAGES.shape[1:]), built("dcgan")
    assert dense.device_kind == "CPU"
    dense.compile_with_xla = True  # as always, but in quick runs
    assert (dense.uses_xla, dcgan.uses_xla) == (True, False)
    with tf.distribute.OneDeviceStrategy("CPU:1").scope():
        assert build_design("dense", IMAGES.shape[1:]).device_kind == "CPU"
    monkeypatch.setattr(Design, "device_kind", property(lambda self: "GPU"))
    assert not dense.uses_xla
    dense.compile()
    assert not dense.jit_compile


DETERMINISTIC = """
import sys
from gan import train
from gan.cli import run_command
from gan.support.tensorflow import tf

if sys.argv.pop(1) == "deterministic":
    tf.config.experimental.enable_op_determinism()
run_command(train.main)
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", DESIGNS)
def test_op_determinism_changes_nothing_on_a_cpu(name, tmp_path):
    """In processes of their own, because nothing switches it off. No random operation fails."""
    options = ("--data", "synthetic", "--batch-size", "8", "--steps", "4")
    for kind in ("usual", "deterministic"):
        command = (DETERMINISTIC, kind, name, "--root", tmp_path, "--name", kind, *options)
        subprocess.run([sys.executable, "-c", *map(str, command)], cwd=REPOSITORY, check=True)
    assert written(tmp_path, "usual") == written(tmp_path, "deterministic")


# -- kernels -------------------------------------------------------------------------------------

# Operations for which TensorFlow has GPU kernels, but none that is deterministic.
NOT_DETERMINISTIC = {"ResizeNearestNeighborGrad", "ResizeBilinearGrad", "UnsortedSegmentSum"}


def nodes(graph: tf.compat.v1.GraphDef):
    """All operations of a graph and of the functions that it calls."""
    yield from graph.node
    for function in graph.library.function:
        yield from function.node_def


def has_gpu_kernel(node) -> bool:
    """Whether TensorFlow has a kernel for GPUs, for the types of this operation."""
    found = kernels.get_registered_kernels_for_op(node.op).kernel

    def fits(kernel) -> bool:
        for constraint in kernel.constraint:
            value = node.attr[constraint.name]
            types = [value.type] if value.WhichOneof("value") == "type" else value.list.type
            if not set(types) <= set(constraint.allowed_values.list.type):
                return False
        return kernel.device_type in ("GPU", "DEFAULT")

    return not found or any(map(fits, found))  # control flow has no kernels of its own


def steps_graph(design, monkeypatch) -> tf.compat.v1.GraphDef:
    """The graph of the design's compiled steps."""
    compiled, function = [], tf.function

    def remember(**options: object):
        return lambda python: compiled.append(function(python, **options)) or compiled[-1]

    size = design.recipe.batch_size
    images = np.zeros((size, *design.image_shape), np.uint8)
    schedule = Schedule(design.recipe, size, seed=0)
    with monkeypatch.context() as patch:
        patch.setattr(tf, "function", remember)
        patch.setattr(steps, "compile_average", lambda design: None)
        steps.compile_steps(design, images, schedule)
    order = tf.constant(schedule.order(0))
    arguments = (tf.constant(0), tf.constant(1), order, schedule.size(0))
    return compiled[0].get_concrete_function(*arguments).graph.as_graph_def()


@pytest.mark.skipif(not tf.test.is_built_with_cuda(), reason="TensorFlow was built without CUDA")
@pytest.mark.parametrize("precision", ["float32", pytest.param("bfloat16", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", in_make_test("dcgan"))
def test_every_operation_of_a_step_has_a_kernel_for_gpus(name, precision, monkeypatch):
    """TensorFlow puts one that has none on the CPU, and copies its inputs there in every step."""
    graph = steps_graph(build_design(name, precision=precision, batch_size=8), monkeypatch)
    found = list(nodes(graph))
    assert len(found) > 100
    assert {node.op for node in found if not has_gpu_kernel(node)} == set()
    assert {node.op for node in found} & NOT_DETERMINISTIC == set()


@pytest.mark.skipif(not tf.test.is_built_with_cuda(), reason="TensorFlow was built without CUDA")
def test_a_missing_kernel_is_found(monkeypatch):
    def take_uint8(images: np.ndarray):
        images = tf.constant(images)
        return lambda indices: tf.gather(images, indices)

    monkeypatch.setattr(steps, "keep_on_device", take_uint8)
    graph = steps_graph(build_design("dense-sgd", IMAGES.shape[1:], batch_size=8), monkeypatch)
    assert {node.op for node in nodes(graph) if not has_gpu_kernel(node)} == {"GatherV2"}


@pytest.mark.parametrize("shape", [(12, 12, 1), (12, 16, 3), (28, 28, 1)])
def test_images_are_taken_as_they_are(shape):
    images = np.random.default_rng(0).integers(0, 256, (9, *shape), np.uint8)
    for each in (images, images[::-1], np.asfortranarray(images)):
        take = tf.function(pixels.keep_on_device(each), autograph=False)
        np.testing.assert_array_equal(take(tf.constant([8, 0, 3, 3])), each[[8, 0, 3, 3]])


def test_a_config_of_an_older_version_says_nothing_of_gpus(tmp_path):
    new = {
        "devices": "1 CPU",
        "strategy": "DefaultDistributionStrategy",
        "cores": 2,
        "deterministic": None,
        "tf32": None,
    }
    new |= {"xla": True, "versions": {"python": "3.13", "cuda": "cudnn 9.1"}, "recipe": {}}
    old = {name: new[name] for name in ("cores", "recipe")} | {"versions": {"python": "3.13"}}
    assert list(config.changes(old, new, has_average=True)) == []
    on_gpu = new | {"devices": "1 GPU (NVIDIA L4)", "cores": None}
    [line] = config.changes(old, on_gpu, has_average=True)
    assert line == "the run began with python 3.13; from here on its bytes may differ"
