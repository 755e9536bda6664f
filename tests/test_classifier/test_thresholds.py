"""From a budget of flags to thresholds."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.training.thresholds import LOOK_ALIKE_SHARE, LOWEST, MIN_POSTS, Scored, set_thresholds
from classifier.verdict import POSITIVE_LABELS


def _scored(scores: list[float], language: int = 0) -> Scored:
    column = np.array(scores)
    return Scored(np.stack([column, column / 2], axis=1), np.full(len(scores), language, np.int8), ["en", "ckb"])


def test_no_more_posts_reach_a_threshold_than_the_budget_allows() -> None:
    scores = np.random.default_rng(1).random(10_000).tolist()
    for budget in (0.0, 199.0, 200.0, 2_000.0, 20_000.0):
        found, _ = set_thresholds(_scored(scores), budget, lowest=0.0)
        reached = sum(score >= found[POSITIVE_LABELS[0]].of("en") for score in scores)
        assert reached == int(10_000 * budget / 2 / 1e6)


def test_a_budget_finer_than_the_posts_can_show_is_met_by_the_highest_score() -> None:
    found, notes = set_thresholds(_scored([0.1, 0.93, 0.7]), 20.0)
    assert found[POSITIVE_LABELS[0]].default == pytest.approx(0.93, abs=1e-5)
    assert found[POSITIVE_LABELS[0]].default > 0.93
    assert "0 of 3 ordinary posts" in notes[0]


def test_no_threshold_is_lower_than_the_lowest() -> None:
    found, _ = set_thresholds(_scored([0.01, 0.02]), 20.0)
    assert found[POSITIVE_LABELS[0]].default == found[POSITIVE_LABELS[1]].default == LOWEST


def test_equal_scores_stay_within_the_budget_together() -> None:
    found, _ = set_thresholds(_scored([0.9] * 1_000), 100_000.0)
    assert found[POSITIVE_LABELS[0]].of("en") > 0.9


def test_look_alikes_hold_the_threshold_up() -> None:
    held = _scored([i / 2_000 for i in range(2_000)])
    found, _ = set_thresholds(_scored([0.1] * 100), 20.0, (held, ["none"] * 2_000))
    reached = sum(i / 2_000 >= found[POSITIVE_LABELS[0]].default for i in range(2_000))
    assert reached == int(2_000 * LOOK_ALIKE_SHARE)
    adverts, _ = set_thresholds(_scored([0.1] * 100), 20.0, (held, ["smuggling_advert"] * 2_000))
    assert adverts[POSITIVE_LABELS[0]].default == LOWEST


def test_a_language_has_its_own_threshold_only_where_there_are_enough_posts_of_it() -> None:
    rng = np.random.default_rng(2)
    languages = np.array([0] * MIN_POSTS + [1] * (MIN_POSTS - 1), np.int8)
    scores = rng.random((len(languages), 2))
    scores[languages == 1] *= 0.5
    found, _ = set_thresholds(Scored(scores, languages, ["en", "ckb", "vi"]), 20.0, lowest=0.0)
    assert set(found[POSITIVE_LABELS[0]].by_language) == {"en"}
    assert found[POSITIVE_LABELS[0]].of("en") == pytest.approx(scores[languages == 0, 0].max(), abs=2e-6)
    assert found[POSITIVE_LABELS[0]].of("ckb") == pytest.approx(scores[languages == 1, 0].max(), abs=2e-6)
    assert found[POSITIVE_LABELS[0]].of("vi") == found[POSITIVE_LABELS[0]].default
