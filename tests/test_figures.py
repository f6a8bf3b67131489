"""The figures that the pages show are those that were stored."""

import importlib
import re
from statistics import mean

import exports
import losses
import pytest
import report
import reproductions
from results import stored

from gan import train
from gan.designs import DESIGNS
from gan.pictures.curves import LN2


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


def test_the_runs_of_the_guide_show_what_it_says_of_losses():
    result = stored(losses.RESULT)
    assert list(result["cases"]) == list(losses.CASES)
    won, near, rises, alike = result["cases"].values()

    def distances(parts):
        return [part["figures"]["frechet_distance"] for part in parts]

    for parts in (won, near, rises, alike):
        assert distances(parts)[1] < 0.75 * distances(parts)[0]  # the change, or time, helped
    assert won[0]["losses"]["d_loss"] < 0.001 < 100 < won[0]["losses"]["g_loss"]
    for part in near:
        assert abs(part["losses"]["d_loss"] - LN2) < 0.1
    assert rises[0]["run"] == rises[1]["run"]
    assert rises[0]["steps"] < rises[1]["steps"]
    assert rises[0]["losses"]["g_loss"] < rises[1]["losses"]["g_loss"]
    at_first = rises[1]["curves"]["d_loss"]  # a mean of 50 steps each
    assert at_first[1] < 0.05
    assert min(at_first[7:]) > 0.5
    for part in (alike[0], rises[0]):
        assert max(part["figures"]["recall"], part["figures"]["coverage"]) < 0.02
        assert part["figures"]["precision"] > 0.9
    assert alike[0]["losses"]["d_loss"] < 0.1 < 1 < alike[0]["losses"]["g_loss"]


def test_the_losses_of_the_guide_are_of_the_runs_that_make_trains():
    for parts in zip(losses.CASES.values(), stored(losses.RESULT)["cases"].values(), strict=True):
        for part, found in zip(*parts, strict=True):
            options = f"{part.row.options} --steps {part.steps}".strip()
            assert (part.row.design, options) == (found["design"], found["options"])
            assert train.parse([part.row.design, *options.split()]).steps == found["steps"]
            assert {len(curve) for curve in found["curves"].values()} == {losses.POINTS}
    assert losses.PLOT.stat().st_size < 400_000


def test_an_export_that_fails_for_every_net_has_a_row():
    failed = {title: "ImportError: no such module" for title in exports.CALLS}
    row = exports.text({"nets": {"a": failed, "b": failed}}).splitlines()[-1]
    assert row.endswith("| | `a`, `b` |")
