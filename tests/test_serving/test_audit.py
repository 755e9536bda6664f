"""Which unflagged posts are drawn, and with what chance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.audit import AuditDraw

DRAW = AuditDraw(floor=1e-5, ceiling=0.05, salt="salt")


def test_the_chance_grows_with_the_cube_of_the_score_over_its_threshold() -> None:
    found = DRAW.probabilities(np.array([0.0, 0.4, 0.8, 0.35]), np.array([0.8, 0.8, 0.8, 0.7]))
    assert found.tolist() == pytest.approx([1e-5, 1e-5 + 0.05 / 8, 0.05001, 1e-5 + 0.05 / 8])


@settings(max_examples=200, deadline=None)
@given(score=st.floats(0, 1), threshold=st.floats(0, 1), floor=st.floats(1e-9, 1), ceiling=st.floats(0, 1))
def test_the_chance_is_never_zero_nor_more_than_one(
    score: float, threshold: float, floor: float, ceiling: float
) -> None:
    found = AuditDraw(floor, ceiling, "").probabilities(np.array([score]), np.array([threshold]))
    assert floor <= found[0] <= 1


IDS = [f"forum:{i}" for i in range(20_000)]


def test_the_draw_takes_the_share_that_it_says() -> None:
    drawn = DRAW.draw(IDS, np.full(len(IDS), 0.1))
    assert len(drawn) / len(IDS) == pytest.approx(0.1, abs=0.01)


def test_the_draw_is_the_same_for_a_post_alone_and_after_a_replay() -> None:
    chances = np.full(500, 0.3)
    drawn = DRAW.draw(IDS[:500], chances)
    assert drawn == DRAW.draw(IDS[:500], chances)
    assert drawn == [i for i in range(500) if DRAW.draw([IDS[i]], chances[:1])]


def test_a_higher_chance_draws_all_that_a_lower_one_does() -> None:
    assert set(DRAW.draw(IDS, np.full(len(IDS), 0.1))) <= set(DRAW.draw(IDS, np.full(len(IDS), 0.2)))


def test_another_salt_draws_others() -> None:
    chances = np.full(len(IDS), 0.1)
    one, other = (set(AuditDraw(0, 0, salt).draw(IDS, chances)) for salt in ("a", "b"))
    assert len(one & other) / len(one) == pytest.approx(0.1, abs=0.05)


def test_certainty_and_impossibility_are_kept() -> None:
    assert DRAW.draw(IDS[:100], np.ones(100)) == list(range(100))
    assert DRAW.draw(IDS[:100], np.zeros(100)) == []
    assert DRAW.draw([], np.zeros(0)) == []


@pytest.mark.parametrize("salt", ["", "s" * 64, "s" * 1_000, "ملح"])
def test_any_salt_will_do(salt: str) -> None:
    assert AuditDraw(0.1, 0.1, salt).draw(IDS[:10], np.ones(10)) == list(range(10))
