"""What `make` installs, refuses and deletes, with stand-ins for Python, nvidia-smi and uname."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import requires

import pytest
from conftest import REPOSITORY

from gan.designs import DESIGNS

MAKEFILE = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
TOOLS = ("sh", "cat", "cp", "mkdir", "rm", "sed", "grep", "du", "timeout")  # no flock: as macOS
NO_GPU = "echo 'NVIDIA-SMI has failed because it could not find a driver'; exit 9"
GPU = "echo 'GPU 0: NVIDIA L4 (UUID: GPU-x)'"
PYTHON = """
echo "$*" >> calls
case "$*" in
  *base_prefix*) echo "{version} in /opt/{version}";;
  "-m venv"*) mkdir -p .venv/bin; cp "$0" .venv/bin/python;;
  *"pip --version") if [ -f no-pip ]; then exit 1; fi;;
  *ensurepip) rm no-pip;;
  *"pip freeze"*) if [ -f libraries ]; then cat libraries; fi;;
  *"pip install"*) if [ -f offline ]; then echo "ERROR: no network" >&2; exit 1; fi;;
  "--version") echo "Python {version}";;
esac
"""
PINS = "-m pip install -qq --disable-pip-version-check -r requirements.txt"


class Project:
    """A folder with spaces in its name that has the Makefile and stand-ins for all it calls."""

    def __init__(self, folder):
        self.folder, self.tools = folder / "my gans", folder / "tools"
        self.tools.mkdir()
        self.folder.mkdir()
        (self.folder / "Makefile").write_text(MAKEFILE, encoding="utf-8")
        (self.folder / "requirements.txt").write_text("tensorflow==2.21.0\n", encoding="utf-8")
        for tool in TOOLS:
            (self.tools / tool).symlink_to(shutil.which(tool))
        self.stand_in("nvidia-smi", NO_GPU)
        self.system("Linux x86_64")
        self.python("python3.13", "3.13.5")

    def stand_in(self, name, script):
        path = self.tools / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)
        return path

    def python(self, name, version):
        return self.stand_in(name, PYTHON.format(version=version))

    def system(self, name):
        self.stand_in(
            "uname", f'if [ "$1" = -sm ]; then echo {name}; else echo {name.split()[0]}; fi'
        )

    def make(self, *arguments, answer="", **environment):
        """What `make` prints, and its exit code. The calls of Python are then in `called`."""
        (self.folder / "calls").unlink(missing_ok=True)
        environment = {"PATH": str(self.tools), "HOME": str(self.tools)} | environment
        command = [shutil.which("make"), "--no-print-directory", *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=environment, input=answer, capture_output=True, text=True
        )
        calls = self.folder / "calls"
        self.called = calls.read_text(encoding="utf-8").splitlines() if calls.exists() else []
        self.installed = [call for call in self.called if "pip install" in call]
        return done

    def refusal(self, *arguments, **environment):
        """The one line with which `make` stops, beside make's own."""
        done = self.make(*arguments, **environment)
        assert done.returncode == 2
        line, of_make = done.stderr.splitlines()
        assert of_make.startswith("make: ***")
        assert not any("venv .venv" in call or "pip" in call for call in self.called)
        return line

    def has(self, *packages):
        """These are installed in .venv."""
        (self.folder / "libraries").write_text("\n".join(packages), encoding="utf-8")

    @property
    def stamp(self):
        path = self.folder / ".venv" / "installed"
        return path.read_text(encoding="utf-8").strip() if path.exists() else None

    def outdate(self):
        """requirements.txt is newer than what is installed."""
        os.utime(self.folder / ".venv" / "installed", (1, 1))


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


def test_a_gpu_that_nvidia_smi_lists_brings_the_cuda_libraries(project):
    project.stand_in("nvidia-smi", f'[ "$*" = -L ] && {GPU}')
    done = project.make("install")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"CUDA libraries \(a few minutes, [\d.]+ GB; .*CUDA=0\)", done.stdout)
    assert project.installed == [f"{PINS} tensorflow[and-cuda]"]
    assert project.stamp == "1"


@pytest.mark.parametrize(
    ("system", "nvidia_smi"),
    [
        ("Linux x86_64", NO_GPU),
        ("Linux x86_64", "echo 'No GPU was found'"),
        ("Linux x86_64", f"{GPU}; exit 1"),
        ("Linux x86_64", None),
        ("Darwin arm64", GPU),
    ],
)
def test_without_a_gpu_the_libraries_are_left_out(project, system, nvidia_smi):
    (project.tools / "nvidia-smi").unlink()
    if nvidia_smi:
        project.stand_in("nvidia-smi", nvidia_smi)
    project.system(system)
    assert project.make("install").returncode == 0
    assert (project.installed, project.stamp) == ([PINS], "0")


def test_cuda_decides_and_is_remembered_also_where_venv_exists(project):
    project.stand_in("nvidia-smi", GPU)
    project.make("install", "CUDA=0")
    assert (project.installed, project.stamp) == ([PINS], "0")
    mine = project.folder / ".venv" / "mine"
    mine.touch()

    project.outdate()
    project.make("install")  # as it was said once, though there is a GPU
    assert (project.installed, project.stamp) == ([PINS], "0")

    project.make("install", CUDA="/usr/local/cuda")  # of another program
    assert project.installed == []
    project.make("install", CUDA="1")
    assert (project.installed, project.stamp) == ([f"{PINS} tensorflow[and-cuda]"], "1")
    project.make("install", "CUDA=1")
    assert project.installed == []

    project.has(
        "nvidia-nccl-cu12==2.32.3", "nvidia-nccl-cu13==2.29.7", "nvidia-ml-py==1", "numpy==2"
    )
    assert "removing NVIDIA's CUDA libraries\n" in project.make("runs", "CUDA=0").stdout
    assert project.installed == [PINS]
    assert "-m pip uninstall -qq -y nvidia-nccl-cu12 nvidia-nccl-cu13" in project.called
    assert project.called[-1] == "-m gan.generate --list"
    assert project.stamp == "0"
    assert mine.exists()


def test_pytorchs_libraries_do_not_replace_those_of_tensorflow(project):
    (project.folder / "experiments").mkdir()
    (project.folder / "experiments" / "requirements.txt").touch()
    again = f"{PINS.removesuffix('-r requirements.txt')}--force-reinstall --no-deps"
    project.has("nvidia-cublas-cu12==12.9", "nvidia-cudnn-cu12==9.28", "nvidia-nccl-cu12==2.32")
    project.make(".venv/experiments", "CUDA=1")
    assert project.installed[-1] == f"{again} nvidia-cudnn-cu12==9.28 nvidia-nccl-cu12==2.32"
    project.has("nvidia-cudnn-cu13==9.20")  # without TensorFlow's, PyTorch's stay
    project.make(".venv/experiments", "CUDA=0")
    assert project.installed[-1].endswith("-r experiments/requirements.txt")
    assert not any("uninstall" in call for call in project.called)


def test_the_libraries_taken_out_are_those_that_tensorflow_names():
    names = [re.match(r"[\w-]+", line)[0] for line in requires("tensorflow") if "and-cuda" in line]
    assert names
    assert all(re.fullmatch(r"nvidia-[^=]*-cu12", name) for name in names)


X86 = "error: TensorFlow uses CUDA on Linux and WSL2 on x86 only; leave CUDA=1 out"


@pytest.mark.parametrize(
    ("system", "cuda", "line"),
    [
        ("Linux x86_64", "yes", "error: CUDA must be 0 or 1, not 'yes'"),
        ("Darwin arm64", "1 0", "error: CUDA must be 0 or 1, not '1 0'"),
        ("Darwin arm64", "1", X86),
        ("Linux aarch64", "1", X86),
        ("Darwin x86_64", "", "error: TensorFlow has no packages for Macs with an Intel processor"),
        (
            "Darwin x86_64",
            "1",
            "error: TensorFlow has no packages for Macs with an Intel processor",
        ),
    ],
)
def test_what_cannot_be_installed_is_refused_in_a_line(project, system, cuda, line):
    project.system(system)
    assert project.refusal("train-dense", f"CUDA={cuda}") == line
    assert project.stamp is None


def test_another_python_than_that_of_venv_is_refused(project):
    project.python("python3.12", "3.12.1")
    project.python("python", "3.13.5")
    project.make("install")
    for _ in range(2):
        line = project.refusal("install", "PYTHON=python3.12")
        assert line == (
            "error: .venv has Python 3.13.5 in /opt/3.13.5, which is not 'python3.12'; "
            "leave PYTHON out, or remove .venv first with: make clean"
        )
        assert "not 'none'; leave PYTHON out" in project.refusal("install", PYTHON="none")
        assert (project.folder / ".venv" / "bin" / "python").exists()
        project.outdate()
    project.make("install")
    assert project.make("install", "PYTHON=python").returncode == 0  # the same under another name
    assert project.installed == []


@pytest.mark.parametrize("name", ["{tools}/my pythons/python", "~/my pythons/python"])
def test_python_may_lie_in_a_folder_with_spaces(project, name):
    project.python("my pythons/python", "3.11.2")
    for _ in range(2):
        done = project.make("install", f"PYTHON={name.format(tools=project.tools)}")
        assert done.returncode == 0
    assert "3.11.2" in (project.folder / ".venv" / "bin" / "python").read_text(encoding="utf-8")


def test_a_venv_whose_python_does_not_run_is_made_again(project):
    project.make("install")
    (project.folder / ".venv" / "bin" / "python").write_text("#!/nowhere\n", encoding="utf-8")
    (project.folder / ".venv" / "old").touch()
    project.outdate()
    done = project.make("install")
    assert "making .venv with Python 3.13.5" in done.stdout
    assert (project.installed, project.stamp) == ([PINS], "0")
    assert not (project.folder / ".venv" / "old").exists()


def test_a_venv_without_pip_gets_it(project):
    project.make("install")
    (project.folder / "no-pip").touch()
    project.outdate()
    project.make("install")
    assert (project.installed, (project.folder / "no-pip").exists()) == ([PINS], False)


def test_pip_that_fails_shows_its_message_and_is_tried_again(project):
    for arguments in (["generate"], ["generate", "CUDA=1"]):
        (project.folder / "offline").touch()
        done = project.make(*arguments)
        assert done.returncode == 2
        reason, line, _ = done.stderr.splitlines()
        assert reason == "ERROR: no network"
        assert line.startswith("error: pip could not install what requirements.txt names")
        assert project.stamp is None
        (project.folder / "offline").unlink()
        project.make("generate")
        assert (project.installed, project.called[-1]) == ([PINS], "-m gan.generate")


def test_without_a_suitable_python_make_says_what_to_install(project):
    for name in ("python3.13", "python3.12", "python3.11", "python3", "python"):
        project.stand_in(name, "exit 1")
    assert project.refusal("install") == (
        "error: no Python 3.11, 3.12 or 3.13 with venv among: python3.13 python3.12 python3.11 "
        "python3 python. Install one (on Debian also python3-venv), or name it: "
        "make PYTHON=/path/to/python"
    )
    assert "with venv among: my python." in project.refusal("install", "PYTHON=my python")


def test_help_prints_the_lines_of_the_makefile_in_columns(project):
    lines = [line[3:] for line in MAKEFILE.splitlines() if line.startswith("#: ")]
    assert project.make().stdout.splitlines() == lines
    names = [line[2:20] for line in lines[1:] if line[2] != " " and "other experiments" not in line]
    assert len(names) > 15
    assert all(re.fullmatch(r"[\w, -]+ +", name) for name in names)


def add_run(project, name):
    for kind in ("experiments", "images"):
        (project.folder / kind / name).mkdir(parents=True)
    for file in ("config.json", "lock"):
        (project.folder / "experiments" / name / file).touch()


def kept(project):
    return sorted(str(path.relative_to(project.folder)) for path in project.folder.glob("*/*"))


def test_clean_runs_leaves_what_is_being_trained_and_what_is_no_run(project):
    project.stand_in("python3", f'exec "{sys.executable}" -I -S "$@"')
    for name in ("in training", "ended", "reference"):
        add_run(project, name)
    for folder in ("images/shipped-dense", "images/of mine"):
        (project.folder / folder).mkdir()
    with (project.folder / "experiments" / "in training" / "lock").open(encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = kept(project)
        assert project.make("clean-runs", answer="n\n").stdout.endswith("nothing deleted\n")
        assert kept(project) == before
        assert project.make("clean-runs", answer="y\n").stdout.endswith("deleted\n")
    both = [
        f"{kind}/{name}"
        for kind in ("experiments", "images")
        for name in ("in training", "reference")
    ]
    assert kept(project) == sorted([*both, "images/of mine"])


def test_clean_runs_leaves_what_begins_to_train_while_it_asks(project):
    project.stand_in("python3", "if [ -f locked ]; then exit 1; fi")
    (project.tools / "du").unlink()
    project.stand_in("du", ": > locked")
    add_run(project, "begun")
    project.make("clean-runs", answer="y\n")
    assert kept(project) == ["experiments/begun", "images/begun"]


def test_clean_runs_without_python_leaves_every_run_with_a_lock(project):
    project.stand_in("python3.13", "exit 1")
    for name in ("ended", "old"):
        add_run(project, name)
    (project.folder / "experiments" / "old" / "lock").unlink()
    done = project.make("clean-runs", answer="y\n")
    assert "experiments/ended stays: no Python runs to read its lock\n" in done.stdout
    assert kept(project) == ["experiments/ended", "images/ended"]
    assert project.make("clean-runs").stdout.endswith("no runs to delete\n")


@pytest.mark.parametrize("name", DESIGNS)
def test_every_design_has_a_make_target(project, name):
    done = project.make(
        "-n", "-o", ".venv/installed", f"train-{name}", "STEPS=7", "ARGS=--name 'a b'"
    )
    assert done.stdout == f".venv/bin/python -m gan.train {name} --steps 7 --name 'a b'\n"


def test_the_workflow_runs_on_what_the_pages_name():
    workflow = (REPOSITORY / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8")
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    first, last = map(int, re.search(r"Python 3\.(\d+) to 3\.(\d+)", readme).groups())
    listed = ", ".join(f'"3.{minor}"' for minor in range(first, last + 1))
    assert f"python: [{listed}]" in workflow
    assert f"(3, {first}) <= sys.version_info < (3, {last + 1})" in MAKEFILE
    for version in re.findall(r"Debian (\d+)", readme):
        assert f'"debian:{version}"' in workflow
    assert "macos-latest" in workflow
