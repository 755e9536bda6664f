"""What the screen lets pass at each operating point, language by language.

A share of all ordinary posts may pass. It is spent where it finds most: a language whose adverts look like nothing else
needs little of it, and one whose ordinary posts the screen has hardly seen needs more. The best division sets each
gate so that the last post passed costs the same everywhere (one Lagrange multiplier for all languages).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier.artefact import Thresholds

MIN_POSTS = 200
"""A language of fewer ordinary posts is one whose cost is not known."""
MIN_POSITIVES = 5
UNKNOWN_COST_RECALL = 0.95
"""Where the cost is not known, the gate lets so much of the language's adverts and promises pass."""
NO_ADVERTS_SHARE = 0.3
"""A language in which there are no adverts to learn from gets so much of the share."""
_STEPS = 60


@dataclass(frozen=True, slots=True)
class Screened:
    """Posts as the screen sees them: `languages` [posts], indexes into the names; `probabilities` [posts, 2]."""

    languages: NDArray[np.int8]
    probabilities: NDArray[np.float64]

    def of(self, language: int) -> NDArray[np.float64]:
        """Return the higher probability of each post in a language, in ascending order."""
        highest = self.probabilities[self.languages == language].max(axis=1, initial=0.0)
        return np.sort(highest)


def set_gates(
    common: Screened, positives: Screened, names: Sequence[str], shares: Mapping[str, float]
) -> dict[str, Thresholds]:
    """Set the gates of each operating point so that its share of `common` passes.

    Args:
        common: ordinary posts.
        positives: adverts and promises; neither they nor the ordinary posts were learnt from.
        shares: of ordinary posts, by operating point.
    """
    return {point: _gates(common, positives, names, share) for point, share in shares.items()}


def _gates(common: Screened, positives: Screened, names: Sequence[str], share: float) -> Thresholds:
    gates: dict[str, float] = {}
    curves: dict[str, tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]] = {}
    spent = 0.0
    for i, name in enumerate(names):
        ordinary, wanted = common.of(i), positives.of(i)
        if len(ordinary) < MIN_POSTS:
            if len(wanted) >= MIN_POSITIVES:
                gates[name] = float(np.quantile(wanted, 1 - UNKNOWN_COST_RECALL, method="lower"))
                spent += float((ordinary >= gates[name]).sum())
        elif len(wanted) < MIN_POSITIVES:
            gates[name] = float(np.quantile(ordinary, 1 - share * NO_ADVERTS_SHARE))
            spent += float((ordinary >= gates[name]).sum())
        else:
            # a gate at one of the positives' own scores: between two of them nothing is gained
            at = np.append(np.unique(wanted), 1.0 + 1e-9)
            lost = np.searchsorted(wanted, at) / len(wanted)
            passed = (len(ordinary) - np.searchsorted(ordinary, at)).astype(float)
            curves[name] = at, lost * len(wanted), passed
    default = float(np.quantile(common.probabilities.max(axis=1), 1 - share))
    budget = max(share * len(common.languages) - spent, 0.0)
    low, high = 1e-9, 1e3
    for _ in range(_STEPS):
        middle = (low * high) ** 0.5
        if sum(passed[_best(lost, passed, middle)] for _, lost, passed in curves.values()) > budget:
            low = middle
        else:
            high = middle
    for name, (at, lost, passed) in curves.items():
        gates[name] = float(at[_best(lost, passed, high)])
    return Thresholds(round(default, 9), {name: float(np.nextafter(gate, 0)) for name, gate in gates.items()})


def _best(lost: NDArray[np.float64], passed: NDArray[np.float64], price: float) -> int:
    """Return where the positives lost and the price of the ordinary posts passed are least together."""
    return int(np.argmin(lost + price * passed))
