"""Measures of a classifier: calibration error and overlap of evidence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from classifier.training.corpus import LabelledPost
from classifier.verdict import Evidence


class Bin(msgspec.Struct, frozen=True):
    """One bar of a reliability diagram: posts whose probability lies in it, their mean probability and true share."""

    posts: int
    predicted: float
    observed: float


def reliability(probabilities: NDArray[np.float64], truth: NDArray[np.bool_], bins: int = 10) -> list[Bin]:
    """Sort posts into bins of equal width by probability; empty bins are left out. Shapes [posts]."""
    place = np.minimum((probabilities * bins).astype(int), bins - 1)
    return [
        Bin(int(inside.sum()), float(probabilities[inside].mean()), float(truth[inside].mean()))
        for inside in (place == i for i in range(bins))
        if inside.any()
    ]


def calibration_error(bins: Sequence[Bin]) -> float:
    """Return the expected calibration error: mean distance of predicted and observed (Naeini et al. 2015)."""
    posts = sum(each.posts for each in bins)
    return sum(each.posts * abs(each.predicted - each.observed) for each in bins) / max(posts, 1)


class Overlap(msgspec.Struct, frozen=True):
    """Evidence found against evidence marked, counted in characters."""

    precision: float
    recall: float
    f1: float


def span_overlap(pairs: Iterable[tuple[LabelledPost, Sequence[Evidence]]], *, by_kind: bool = False) -> Overlap:
    """Compare marked with found evidence by characters; `by_kind` asks for the same kind too."""
    both = found_in_all = marked_in_all = 0
    for post, evidence in pairs:
        marked = {
            (span.field, at, span.kind if by_kind else "") for span in post.spans for at in range(span.start, span.end)
        }
        found = {
            (each.field, at, each.kind if by_kind else "") for each in evidence for at in range(each.start, each.end)
        }
        both += len(marked & found)
        found_in_all += len(found)
        marked_in_all += len(marked)
    precision, recall = both / max(found_in_all, 1), both / max(marked_in_all, 1)
    return Overlap(precision, recall, 2 * precision * recall / max(precision + recall, 1e-12))
