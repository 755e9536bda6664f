"""Intervals against published values and against what they promise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from classifier.evaluation.intervals import Proportion, clopper_pearson, wilson


def test_wilson_agrees_with_newcombes_published_example() -> None:
    # Newcombe 1998, table I: 81 of 263, method 3 (score without continuity correction)
    found = wilson(81, 263)
    assert (round(found.lower, 4), round(found.upper, 4)) == (0.2553, 0.3662)


def test_clopper_pearson_agrees_with_newcombes_published_example() -> None:
    found = clopper_pearson(81, 263)
    assert (round(found.lower, 4), round(found.upper, 4)) == (0.2527, 0.3676)


def test_none_of_many_is_the_rule_of_three() -> None:
    found = clopper_pearson(0, 100_000)
    assert found.lower == 0.0
    assert found.upper == pytest.approx(-np.log(0.025) / 100_000, rel=1e-3)


def test_all_and_none_stay_within_nought_and_one() -> None:
    for interval in (wilson, clopper_pearson):
        assert interval(0, 7).lower == 0.0
        assert interval(7, 7).upper == 1.0
        assert 0 < interval(0, 7).upper < 1
        assert 0 < interval(7, 7).lower < 1


def test_no_trials_give_no_ratio() -> None:
    for interval in (wilson, clopper_pearson):
        assert interval(0, 0).ratio is None
        assert str(interval(0, 0)) == "–"


@pytest.mark.parametrize("share", [0.02, 0.2, 0.5, 0.9])
def test_intervals_cover_the_truth_as_often_as_they_say(share: float) -> None:
    drawn = np.random.default_rng(3).binomial(200, share, 4_000).tolist()

    def covered(interval: Callable[[int, int], Proportion]) -> float:
        found = [interval(number, 200) for number in drawn]
        return sum(each.lower <= share <= each.upper for each in found) / len(found)

    assert 0.92 < covered(wilson) < 0.98
    assert covered(clopper_pearson) > 0.945
