"""From a budget of flags to thresholds, on ordinary posts that nothing was learnt from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from classifier.artefact import Thresholds
from classifier.evaluation.intervals import clopper_pearson
from classifier.verdict import POSITIVE_LABELS, Verdicts
from ingest.post import Post

MIN_POSTS = 200
"""A language has thresholds of its own where there are so many ordinary posts of it."""
LOOK_ALIKE_SHARE = 0.015
"""Share of look-alikes, which share every word with an advert, that a label may be given to."""
LOWEST = 0.5
CHUNK = 2_000
_STEP = 1e-6


class Classifies(Protocol):
    """What thresholds are set for."""

    def classify(self, posts: Sequence[Post]) -> Verdicts:
        """Judge `posts`."""


@dataclass(frozen=True, slots=True)
class Scored:
    """Posts as scores; shapes: `scores` [posts, 2], `languages` [posts], indexes into `names`."""

    scores: NDArray[np.float64]
    languages: NDArray[np.int8]
    names: Sequence[str]

    @classmethod
    def of(cls, classifier: Classifies, posts: Sequence[Post]) -> Scored:
        """Score `posts`."""
        found = [classifier.classify(posts[at : at + CHUNK]) for at in range(0, max(len(posts), 1), CHUNK)]
        return cls(
            np.concatenate([each.scores for each in found]),
            np.concatenate([each.languages for each in found]),
            found[0].language_names,
        )


def set_thresholds(
    common: Scored,
    flags_per_million: float,
    positives: tuple[Scored, Sequence[str]] | None = None,
    lowest: float = LOWEST,
) -> tuple[dict[str, Thresholds], list[str]]:
    """Set each label's thresholds so that the ordinary posts of each language get half the budget of flags each.

    A budget finer than the posts of a language can show is met by the highest score among them. Languages with fewer
    than `MIN_POSTS` share a threshold, set on the ordinary posts of all such languages together.

    Args:
        common: ordinary posts.
        positives: labelled posts with their labels; the harmless ones among them are look-alikes, of which no more than
            `LOOK_ALIKE_SHARE` may get a label.
        lowest: no threshold is lower.

    Returns:
        The thresholds by label, and for each of them a sentence on what they rest on, with the exact interval.
    """
    share = flags_per_million / len(POSITIVE_LABELS) / 1e6
    counts = np.bincount(common.languages, minlength=len(common.names))
    known = counts >= MIN_POSTS
    found: dict[str, Thresholds] = {}
    notes = []
    for i, label in enumerate(POSITIVE_LABELS):
        scores = common.scores[:, i]
        floor = lowest
        if positives is not None:
            scored, labels = positives
            harmless = np.array([each == "none" for each in labels], bool)
            floor = _at(scored.scores[harmless, i], LOOK_ALIKE_SHARE, lowest)
        by_language = {
            name: _at(scores[common.languages == number], share, floor)
            for number, name in enumerate(common.names)
            if known[number]
        }
        default = _at(scores[~known[common.languages]], share, floor)
        found[label] = Thresholds(default, by_language)
        limits = np.array([found[label].of(name) for name in common.names])
        rate = clopper_pearson(int((scores >= limits[common.languages]).sum()), len(scores))
        notes.append(
            f"{label}: thresholds {min([default, *by_language.values()]):.4f} to "
            f"{max([default, *by_language.values()]):.4f}, {len(by_language)} languages with their own; "
            f"{rate.successes} of {len(scores):,} ordinary posts reach theirs: {1e6 * (rate.ratio or 0.0):.1f} per "
            f"million, 95 % interval {1e6 * rate.lower:.1f} to {1e6 * rate.upper:.1f}"
        )
    return found, notes


def _at(scores: NDArray[np.float64], share: float, lowest: float) -> float:
    """Return a threshold that at most `share` of `scores` reach."""
    allowed = int(len(scores) * share)
    highest = np.sort(scores)[::-1]
    needed = float(highest[allowed]) if allowed < len(scores) else 0.0
    return round(min(max(math.ceil((needed + _STEP) / _STEP) * _STEP, lowest), 1.0), 6)
