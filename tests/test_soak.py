"""The bound that `make soak` stores; its trainings are only in the script."""

from fractions import Fraction
from math import comb

import pytest
from soak import chance_below


@pytest.mark.parametrize(("deaths", "trainings"), [(0, 500), (1, 10), (7, 500), (40, 1500)])
def test_at_the_bound_so_few_deaths_have_a_probability_of_5_percent(deaths, trainings):
    chance = Fraction(round(1e12 * chance_below(deaths, trainings)), 10**12)
    ways = (
        comb(trainings, n) * chance**n * (1 - chance) ** (trainings - n) for n in range(deaths + 1)
    )
    assert float(sum(ways)) == pytest.approx(0.05, rel=1e-4)


def test_without_a_training_that_went_well_the_bound_is_1():
    assert chance_below(0, 0) == chance_below(1, 1) == chance_below(200, 200) == 1
