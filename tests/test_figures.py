"""The figures that the pages show are those that were stored."""

import re

import pytest
import report


@pytest.mark.parametrize("path", report.PAGES, ids=lambda path: path.name)
def test_pages_show_what_was_measured(path):
    page = path.read_text()
    assert report.fill(page) == page


def test_every_table_stands_on_a_page():
    """One that had lost its marks would stay as it is, whatever is measured."""
    pages = "".join(path.read_text() for path in report.PAGES)
    marks = [re.findall(rf"<!-- {end}([a-z-]+) -->", pages) for end in ("", "/")]
    assert sorted(marks[0]) == sorted(marks[1]) == sorted(report.TABLES)
