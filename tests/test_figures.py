"""The figures that the pages show are those that were stored."""

import importlib
import re
from statistics import mean

import pytest
import report
import reproductions

from gan.designs import DESIGNS


@pytest.mark.parametrize("path", report.PAGES, ids=lambda path: path.name)
def test_pages_show_what_was_measured(path):
    page = path.read_text(encoding="utf-8")
    assert report.fill(page) == page


def test_the_modules_say_what_was_measured():
    real = reproductions.floor()["frechet_distance"]
    for name, precision, runs, _ in reproductions.reproduced():
        if precision == "float32":
            said = importlib.import_module(DESIGNS[name].module).__doc__.split("Fréchet")[1]
            found = mean(run["figures"]["frechet_distance"] for run in runs)
            assert f"{name} {found:.0f}" in said
            assert f"real images {real:.2f}" in said


def test_the_tests_that_fidelity_names_exist():
    page = (report.REPOSITORY / "experiments" / "fidelity.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)", page))
    assert len(named) > 20
    for path, test in named:
        assert f"def {test}(" in (report.REPOSITORY / path).read_text(encoding="utf-8"), test


def test_every_table_stands_on_a_page():
    """One that had lost its marks would stay as it is, whatever is measured."""
    pages = "".join(path.read_text(encoding="utf-8") for path in report.PAGES)
    marks = [re.findall(rf"<!-- {end}([a-z-]+) -->", pages) for end in ("", "/")]
    assert sorted(marks[0]) == sorted(marks[1]) == sorted(report.TABLES)
