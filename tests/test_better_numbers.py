"""The tables of better_numbers.md: minutes and distances between the points that were measured."""

import better_numbers
import pytest

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
