"""Calibration error and overlap of evidence."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.evaluation.measures import calibration_error, reliability, span_overlap
from classifier.training.corpus import CorpusLine, parse
from classifier.verdict import Evidence


def test_probabilities_that_come_true_have_no_calibration_error() -> None:
    rng = np.random.default_rng(1)
    probabilities = rng.random(200_000)
    bins = reliability(probabilities, rng.random(200_000) < probabilities)
    assert sum(each.posts for each in bins) == 200_000
    assert calibration_error(bins) < 0.01


def test_too_sure_is_an_error_of_as_much() -> None:
    bins = reliability(np.full(100, 0.95), np.arange(100) < 60)
    assert len(bins) == 1
    assert calibration_error(bins) == pytest.approx(0.35)


def test_certainty_falls_into_the_last_bin() -> None:
    bins = reliability(np.array([1.0, 0.0]), np.array([True, False]))
    assert [(each.predicted, each.observed) for each in bins] == [(0.0, 0.0), (1.0, 1.0)]


def _evidence(kind: str, start: int, end: int) -> Evidence:
    return Evidence(kind=kind, field="text", start=start, end=end, text="")  # type: ignore[arg-type]


def test_overlap_counts_characters() -> None:
    post = parse(CorpusLine("x", "smuggling_advert", "lorry", "g", "en", "[[route:to Dover]] for [[price:900]]"))
    same = [_evidence("route", 0, 8), _evidence("price", 13, 16)]
    assert span_overlap([(post, same)]).f1 == 1.0
    half = span_overlap([(post, [_evidence("route", 0, 4), _evidence("route", 20, 24)])])
    assert (half.precision, half.recall) == (0.5, pytest.approx(4 / 11))
    assert span_overlap([(post, [])]).f1 == 0.0


def test_overlap_by_kind_asks_for_the_same_kind() -> None:
    post = parse(CorpusLine("x", "smuggling_advert", "lorry", "g", "en", "[[route:to Dover]]"))
    found = [_evidence("transport", 0, 8)]
    assert span_overlap([(post, found)]).f1 == 1.0
    assert span_overlap([(post, found)], by_kind=True).f1 == 0.0
