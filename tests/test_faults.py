"""A small share of `make test-faults`: a fault, some bad input, a kill."""

import signal
import time

import pytest
from bad_input import bad_inputs
from faults import FAULTS, check_complete, refuse_all
from processes import Place

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return Place(tmp_path_factory.mktemp("faults"), length=320)


def test_a_fault_is_handled(place):
    FAULTS["losses no numbers"](place)


def test_bad_input_is_refused(tmp_path):
    wanted = ("/bomb.npz", "/link", "/image-bomb", "generate --out=x", "--steps=3 --epochs=3")
    rows = {line: row for line, row in bad_inputs().items() if line.endswith(wanted)}
    assert len(rows) == len(wanted)
    assert refuse_all(tmp_path, rows) == {}


def test_a_kill_is_survived(place):
    root = place.fresh("killed")
    process = place.train(root)
    while process.poll() is None and not list(root.glob("experiments/run/checkpoints/step-*")):
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    check_complete(root)
    place.goes_on(root, "going on after step")
