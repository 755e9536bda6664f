"""From scores to a decision: the thresholds, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from classifier.artefact import Thresholds
from classifier.verdict import NONE, POSITIVE_LABELS


class Policy:
    """Gives a label where a score reaches its threshold.

    A post that is both an advert and a false promise is an advert: that is the team that can act first.
    """

    def __init__(self, thresholds: Mapping[str, Thresholds], languages: Sequence[str]) -> None:
        self._table = np.array(
            [[thresholds[label].of(language) for label in POSITIVE_LABELS] for language in languages]
        )

    def decide(
        self, scores: NDArray[np.float64], languages: NDArray[np.int8]
    ) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
        """Decide on n posts.

        Args:
            scores: calibrated probabilities, shape [n, 2].
            languages: indexes into the languages given at the start, shape [n].

        Returns:
            Labels as indexes into `LABELS` and the threshold that decided (for `none`, that of the label that came
            nearest), both of shape [n].
        """
        thresholds = self._table[languages]
        margins = scores - thresholds
        reached = margins >= 0
        nearest = np.where(reached[:, 0], 0, np.where(reached[:, 1], 1, margins.argmax(axis=1)))
        labels = np.where(reached.any(axis=1), nearest, NONE).astype(np.int8)
        return labels, np.take_along_axis(thresholds, nearest[:, None], axis=1)[:, 0]
