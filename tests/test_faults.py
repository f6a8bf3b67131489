"""A small share of `make test-faults`: a fault, some bad input, a kill."""

import signal
import time

import pytest
from faults import FAULTS, Place, bad_inputs, check_complete, refuse_all

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return Place(tmp_path_factory.mktemp("faults"), length=320)


def test_a_fault_is_handled(place):
    FAULTS["losses no numbers"](place)


def test_bad_input_is_refused(place):
    cases = bad_inputs(place)
    wanted = ("data: zip", "data: link", "data: image", "generate --out=x", "train two lengths")
    chosen = {name: case for name, case in cases.items() if name.startswith(wanted)}
    assert len(chosen) >= len(wanted)
    assert refuse_all(place, chosen) == {}


def test_a_kill_is_survived(place):
    root = place.fresh("killed")
    process = place.train(root)
    while process.poll() is None and not list(root.glob("experiments/run/checkpoints/step-*")):
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    check_complete(root)
    place.goes_on(root, "going on after step")
