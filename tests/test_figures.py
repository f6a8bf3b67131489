"""The figures that README shows are those that were stored."""

import json

import benchmark
import parity
import pytest
from conftest import REPOSITORY


@pytest.mark.parametrize("experiment", [benchmark, parity])
def test_readme_shows_what_was_measured(experiment):
    page = (REPOSITORY / "README.md").read_text()
    for table in experiment.table(json.loads(experiment.RESULT.read_text())).split("\n\n"):
        assert table in page
