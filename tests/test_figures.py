"""The figures that the pages show are those that were stored."""

import pytest
import report


@pytest.mark.parametrize("path", report.PAGES, ids=lambda path: path.name)
def test_pages_show_what_was_measured(path):
    page = path.read_text()
    assert report.fill(page) == page
