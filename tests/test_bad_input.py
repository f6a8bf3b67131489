"""Every row of the table of bad input: exit code 2, its message in one line, nothing written.

`make test-faults` runs the same rows in processes of their own.
"""

import pytest
from bad_input import RUN, bad_inputs, complete, prepare, tree
from conftest import refusal, run_here
from faults import refused

from gan import evaluate, export, generate, train

COMMANDS = {
    "train": train.main,
    "generate": generate.main,
    "export": export.main,
    "evaluate": evaluate.main,
}
ROWS = bad_inputs()


@pytest.fixture(scope="module")
def folder(quick_runs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    prepare(folder)
    command, words = complete(["train", *RUN.split()], folder)
    assert run_here(COMMANDS[command], *words) == 0
    return folder


@pytest.mark.parametrize("line", ROWS)
def test_bad_input_is_one_line_and_writes_nothing(folder, monkeypatch, capsys, line):
    words, message = ROWS[line]
    command, words = complete(words, folder)
    monkeypatch.chdir(folder)  # where a relative path would be written
    before = tree(folder)
    assert message.replace("HERE", str(folder)) in refusal(COMMANDS[command], *words)
    assert capsys.readouterr().out == "" or command != "generate"
    assert tree(folder) == before


def test_a_process_of_its_own_says_the_same(folder):
    before = tree(folder)
    assert refused(folder, *ROWS["train dense --data=nowhere.npz"]) is None
    assert tree(folder) == before


def test_make_test_faults_has_many_rows():
    assert len(ROWS) >= 300
