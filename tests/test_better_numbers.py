"""The tables of better_numbers.md: minutes and distances between the points that were measured."""

import better_numbers
import pytest
from studies import STUDIES

from gan.designs import DESIGNS

RUN = {
    "distances": [
        {"steps": 100, "last": 400.0, "average": 300.0},
        {"steps": 200, "last": 500.0, "average": 200.0},
        {"steps": 400, "last": 180.0, "average": 100.0},
    ]
}


@pytest.mark.parametrize(
    ("kind", "goal", "steps"),
    [
        ("average", 300, 100),
        ("average", 250, 150),
        ("average", 150, 300),
        ("average", 99, None),
        ("last", 340, 300),
        ("last", 180, 400),
    ],
)
def test_a_goal_is_reached_between_two_points_or_never(kind, goal, steps):
    assert better_numbers.steps_to(RUN, kind, goal) == steps


@pytest.mark.parametrize(("steps", "distance"), [(100, 300), (150, 250), (400, 100), (99, None)])
def test_a_distance_between_two_points_is_between_theirs(steps, distance):
    assert better_numbers.distance_at(RUN, "average", steps) == distance


def test_a_goal_that_some_seeds_miss_is_not_averaged():
    assert better_numbers.spread([1.0, 2.0, 6.0], ".1f") == "3.0 (1.0 to 6.0)"
    assert better_numbers.spread([1.0, None, 6.0], ".1f") == "never for 1 of 3"
    assert better_numbers.spread([None], ".1f") == "never"


@pytest.mark.parametrize("name", DESIGNS)
def test_a_row_takes_as_many_steps_as_its_minutes_and_batch_size_allow(name):
    rows, per_minute = STUDIES[f"better-{name}"].rows, {}
    for title, row in rows.items():
        steps = int(better_numbers.option(row.options, "--steps", ""))
        minutes = {better_numbers.TOGETHER: 15, better_numbers.HOUR: 60}.get(title, 5)
        size = better_numbers.batch_size(name, title)
        assert per_minute.setdefault(size, steps / minutes) == steps / minutes


def test_an_hour_goes_on_with_the_run_of_15_minutes():
    for name in DESIGNS:
        rows = STUDIES[f"better-{name}"].rows
        assert rows[better_numbers.HOUR].run == rows[better_numbers.TOGETHER].run
