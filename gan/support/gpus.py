"""The GPUs of this machine: their names, and why TensorFlow lists none although there is one."""

import functools
import importlib.metadata
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from gan.support.tensorflow import tf

DRIVER = Path("/proc/driver/nvidia/gpus")  # on Linux: a folder for each GPU
CARD = Path("/dev/nvidia0")  # absent in a container that was started without its GPU
SECONDS = {"nvidia-smi": 10, sys.executable: 120}  # at most, to answer
# What TensorFlow logs while it starts: a level (information, warning or error) and a sentence.
LOGGED = re.compile(r"^(?:[\d-]+ [\d:.]+: )?([IWE])[ \d].*?\] *(.*)$", re.MULTILINE)
ABOUT_GPUS = re.compile(r"^(?!.*factory)(?=.*(gpu|cuda|dlopen|dlerror))", re.IGNORECASE)


def names(gpus: Sequence) -> list[str]:
    """The name of each GPU of TensorFlow's list: "NVIDIA L4", or "GPU" if it has none."""
    details = map(tf.config.experimental.get_device_details, gpus)
    return [each.get("device_name", "GPU") for each in details]


def describe(gpus: Sequence) -> str:
    """The GPUs of TensorFlow's list as text: "GPU: NVIDIA L4, 22 GB", or "2 GPUs: ..."."""
    memory = dict(_query("name", "memory.total"))
    kinds = []
    for name in names(gpus):
        size = memory.get(name, "")  # in MiB
        kinds.append(f"{name}, {int(size) / 1024:.0f} GB" if size.isdecimal() else name)
    kinds = list(dict.fromkeys(kinds))
    each = " each" if len(gpus) > 1 and len(kinds) == 1 else ""
    return f"{'GPU' if len(gpus) == 1 else f'{len(gpus)} GPUs'}: {' and '.join(kinds)}{each}"


def are_hidden() -> bool:
    """Whether the user keeps programs from using the GPUs."""
    first = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0].strip()
    return first in ("", "-1", "NoDevFiles")


def nvidia_gpus() -> list[str]:
    """The NVIDIA GPUs of this machine, whether or not TensorFlow can use them: their names."""
    found = re.findall(r"^GPU \d+: (.+?)(?: \(UUID.*)?$", _nvidia_smi("-L"), re.MULTILINE)
    with suppress(OSError):
        found = found or [each.name for each in DRIVER.iterdir()]
    return found


def why_unused() -> str | None:
    """Why TensorFlow lists no GPU, and what to do; None if there is no NVIDIA GPU to list.

    TensorFlow only logs the reason, and its quiet start hides it. So this asks a second process.
    """
    if not (found := nvidia_gpus()) or are_hidden():
        return None
    reason = "; ".join(_tensorflows_reasons()) or "it does not say why"
    if not tf.test.is_built_with_cuda():
        advice = "this TensorFlow was built without CUDA; use one for Linux on x86"
    elif not _nvidia_smi("-L") and not CARD.exists():
        advice = "a container must be given the GPU, for instance with docker run --gpus all"
    elif os.environ.get("CUDA_VISIBLE_DEVICES"):
        advice = "check the variable CUDA_VISIBLE_DEVICES, which chooses GPUs"
    elif cuda_libraries():
        advice = "check the driver with nvidia-smi; TensorFlow may need a newer one"
    elif Path(sys.prefix).name == ".venv":
        advice = "`make install CUDA=1` installs the CUDA libraries that TensorFlow needs"
    else:
        advice = f"pip install 'tensorflow[and-cuda]=={tf.__version__}' installs what it needs"
    return (
        f"This machine has an NVIDIA GPU ({found[0]}), but TensorFlow cannot use it, so the CPU "
        f"computes. TensorFlow's reason: {reason}. What to do: {advice}; --devices cpu trains on "
        "the CPU without this warning."
    )


def cuda_libraries() -> str:
    """The installed CUDA libraries that TensorFlow names: "cublas 12.9.1.4, ..."; "" if none."""
    found = []
    for requirement in importlib.metadata.requires("tensorflow") or ():
        if match := re.match(r"(nvidia-([a-z-]+?)(?:-cu\d+)?)[^a-z0-9-].*and-cuda", requirement):
            with suppress(importlib.metadata.PackageNotFoundError):
                found.append(f"{match[2]} {importlib.metadata.version(match[1])}")
    return ", ".join(sorted(found))


def driver() -> str | None:
    """The version of NVIDIA's driver, or None."""
    return next((version for [version] in _query("driver_version")), None)


def _query(*fields: str) -> list[list[str]]:
    """The `fields` of each NVIDIA GPU; nothing if there is no working nvidia-smi."""
    out = _nvidia_smi(f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits")
    rows = [line.split(", ") for line in out.splitlines()]
    return [row for row in rows if len(row) == len(fields)]


@functools.cache
def _nvidia_smi(*arguments: str) -> str:
    """What nvidia-smi prints; "" if it is not there, fails or hangs."""
    with suppress(OSError, subprocess.SubprocessError):
        return _run(["nvidia-smi", *arguments], check=True).stdout.strip()
    return ""


def _run(command: list[str], **options: object) -> subprocess.CompletedProcess:
    pipes = {"capture_output": True, "text": True, "errors": "replace"}
    return subprocess.run(command, timeout=SECONDS[command[0]], **pipes, **options)


def _tensorflows_reasons() -> list[str]:
    """What TensorFlow logs about GPUs when a process of its own looks for them."""
    script = "import tensorflow as tf; tf.config.list_physical_devices('GPU')"
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "0"}
    with suppress(OSError, subprocess.SubprocessError):
        logged = LOGGED.findall(_run([sys.executable, "-c", script], env=environment).stderr)
        about = [(level, text.strip(" .")) for level, text in logged if ABOUT_GPUS.search(text)]
        problems = [text for level, text in about if level != "I"] or [text for _, text in about]
        return list(dict.fromkeys(problems))[:3]
    return []
