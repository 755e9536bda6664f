"""Which unflagged posts are drawn for the audit, and with what chance.

The chance grows with the score, since at one true post in a million a plain sample finds nothing, and never falls to
zero, so that every post could have been drawn: that is what makes an estimate of what is missed possible (Horvitz and
Thompson 1952). The draw is a keyed hash of the post's id: the same after a replay, and nobody can steer it who does not
know the salt.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_EXPONENT = 3.0
"""How steeply the chance grows: a post at half its threshold has an eighth of the ceiling's chance."""


@dataclass(frozen=True, slots=True)
class AuditDraw:
    """Draws unflagged posts by the ratio of their score to the threshold."""

    floor: float
    ceiling: float
    salt: str

    def probabilities(self, scores: NDArray[np.float64], thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the inclusion probability of each post, shape [posts]."""
        ratio = np.clip(scores / np.maximum(thresholds, 1e-9), 0.0, 1.0)
        return np.minimum(1.0, self.floor + self.ceiling * ratio**_EXPONENT)

    def draw(self, ids: Sequence[str], probabilities: NDArray[np.float64]) -> list[int]:
        """Return the positions of the posts that are drawn."""
        key = self.salt.encode()[:64]
        blake2b = hashlib.blake2b
        hashed = b"".join([blake2b(each.encode(), digest_size=8, key=key).digest() for each in ids])
        chances = np.frombuffer(hashed, ">u8") / 2.0**64
        drawn: list[int] = np.flatnonzero(chances < probabilities).tolist()
        return drawn
