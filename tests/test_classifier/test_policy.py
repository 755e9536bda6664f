"""Thresholds: which label a post gets, and which threshold decided."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.artefact import Thresholds
from classifier.policy import Policy
from classifier.verdict import LABELS

POLICY = Policy(
    {"smuggling_advert": Thresholds(0.8, {"tr": 0.6}), "false_promise": Thresholds(0.7, {"ps": 0.95})},
    ["en", "tr", "ps"],
)


@pytest.mark.parametrize(
    ("scores", "language", "label", "threshold"),
    [
        ((0.9, 0.1), "en", "smuggling_advert", 0.8),
        ((0.1, 0.9), "en", "false_promise", 0.7),
        ((0.8, 0.0), "en", "smuggling_advert", 0.8),
        ((0.81, 0.99), "en", "smuggling_advert", 0.8),
        ((0.79, 0.3), "en", "none", 0.8),
        ((0.1, 0.69), "en", "none", 0.7),
        ((0.65, 0.1), "tr", "smuggling_advert", 0.6),
        ((0.65, 0.1), "en", "none", 0.8),
        ((0.1, 0.9), "ps", "none", 0.95),
        ((0.1, 0.96), "ps", "false_promise", 0.95),
        ((0.79, 0.75), "en", "false_promise", 0.7),
    ],
)
def test_a_label_is_given_from_its_threshold_on(
    scores: tuple[float, float], language: str, label: str, threshold: float
) -> None:
    labels, thresholds = POLICY.decide(np.array([scores]), np.array([["en", "tr", "ps"].index(language)], np.int8))
    assert LABELS[labels[0]] == label
    assert thresholds[0] == threshold


SCORES = st.floats(0, 1)


@settings(max_examples=100, deadline=None)
@given(posts=st.lists(st.tuples(SCORES, SCORES, st.integers(0, 2)), min_size=1, max_size=10))
def test_a_decision_does_not_depend_on_the_others(posts: list[tuple[float, float, int]]) -> None:
    scores = np.array([post[:2] for post in posts])
    languages = np.array([post[2] for post in posts], np.int8)
    labels, thresholds = POLICY.decide(scores, languages)
    for i in range(len(posts)):
        label, threshold = POLICY.decide(scores[i : i + 1], languages[i : i + 1])
        assert (label[0], threshold[0]) == (labels[i], thresholds[i])


def test_no_posts_have_no_decisions() -> None:
    labels, thresholds = POLICY.decide(np.zeros((0, 2)), np.zeros(0, np.int8))
    assert labels.shape == thresholds.shape == (0,)
