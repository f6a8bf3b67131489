"""A small share of `make test-faults`: a fault, some bad input, a kill."""

import pytest
from faults import FAULTS, Place, bad_inputs, kill_often, refuse_all


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return Place(tmp_path_factory.mktemp("faults"), length=320)


def test_a_fault_is_handled(place):
    FAULTS["losses no numbers"](place)


def test_bad_input_is_refused(place):
    cases = bad_inputs(place)
    wanted = ("data: ", "generate --out", "no such setting: --beta-1")
    chosen = {name: case for name, case in cases.items() if name.startswith(wanted)}
    assert len(chosen) > 20
    assert refuse_all(place, chosen) == {}


def test_kills_are_survived(place):
    kills, runs, identical = kill_often(place, kills=1, seed=17)  # after 6 s, when it trains
    assert (kills, runs) == (1, identical)
