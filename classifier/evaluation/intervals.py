"""Intervals of proportions, and what a count of few out of many says."""

from __future__ import annotations

import math

import msgspec

_Z95 = 1.959963984540054


class Proportion(msgspec.Struct, frozen=True):
    """`successes` of `trials`, with a 95 % interval; the ratio is None where there were no trials."""

    successes: int
    trials: int
    ratio: float | None
    lower: float
    upper: float

    def __str__(self) -> str:
        if self.ratio is None:
            return "–"
        return f"{100 * self.ratio:.1f} % ({100 * self.lower:.1f}–{100 * self.upper:.1f})"


def wilson(successes: int, trials: int) -> Proportion:
    """Return a proportion with Wilson's score interval (Wilson 1927)."""
    if not trials:
        return Proportion(0, 0, None, 0.0, 1.0)
    share, z2 = successes / trials, _Z95**2
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = _Z95 / (1 + z2 / trials) * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    low = max(centre - half, 0.0) if successes else 0.0
    high = min(centre + half, 1.0) if successes < trials else 1.0
    return Proportion(successes, trials, share, low, high)


def clopper_pearson(successes: int, trials: int, confidence: float = 0.95) -> Proportion:
    """Return a proportion with the exact interval (Clopper & Pearson 1934), for rates near nothing."""
    from scipy.stats import beta

    if not trials:
        return Proportion(0, 0, None, 0.0, 1.0)
    tail = (1 - confidence) / 2
    low = float(beta.ppf(tail, successes, trials - successes + 1)) if successes else 0.0
    high = float(beta.ppf(1 - tail, successes + 1, trials - successes)) if successes < trials else 1.0
    return Proportion(successes, trials, successes / trials, low, high)
