"""Which language a post is in: naive Bayes over hashed character pairs of its beginning, for a whole batch at once.

Good enough to choose a threshold and to count by; a post it is not sure of is `und`, or what its platform says.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classifier.artefact import LanguageConfig, read_weights

UNDETERMINED = "und"
READ_CHARS = 56
"""How much of a post is looked at, in characters."""
BITS = 12
MIN_MARGIN = 60
"""By how much the best language must beat the second, in units of the weights (`SCALE` a nat)."""
SCALE = 24
_FAMILIES = {"prs": "fa"}
"""Languages so near that either is a better answer than none."""
_TABLE_SIZE = 0x20000
_OTHER = 0x20


class LanguageDetector:
    """Detects the language of texts.

    Args:
        weights: int16, shape [2 ** BITS, languages]: log-likelihood of a pair of characters in each language.
        names: BCP 47 tags, shape [languages].
    """

    def __init__(self, weights: NDArray[np.int16], names: Sequence[str]) -> None:
        self.names = [*names, UNDETERMINED]
        self._weights = weights
        self._families = np.array([_FAMILIES.get(name, name) for name in names])

    @classmethod
    def load(cls, directory: Path, config: LanguageConfig) -> LanguageDetector:
        """Load the weights that `config` names.

        Raises:
            ModelError: naming the file that is not as the config says.
        """
        weights = read_weights(directory, config.weights, (1 << BITS, len(config.names)))
        return cls(weights, config.names)

    def detect(self, texts: Sequence[str], hints: Sequence[str | None]) -> NDArray[np.int8]:
        """Return, for each text, the index of its language in `names`, shape [texts].

        A text that gives no clear answer has the language of its hint, where that is a known one.
        """
        if not texts:
            return np.zeros(0, np.int8)
        found = np.concatenate([self._detect(texts[at : at + 512]) for at in range(0, len(texts), 512)])
        index = {name: i for i, name in enumerate(self.names)}
        for i in np.flatnonzero(found == len(self.names) - 1).tolist():
            hint = hints[i]
            if hint:
                found[i] = index.get(hint.partition("-")[0].lower(), found[i])
        return found

    def _detect(self, texts: Sequence[str]) -> NDArray[np.int8]:
        if self._weights.shape[1] < 2:
            return np.full(len(texts), len(self.names) - 1, np.int8)  # with one language there is nothing to tell apart
        totals = self._weights[pairs(texts)].sum(axis=1, dtype=np.int32)
        second, best = np.argpartition(totals, -2, axis=1)[:, -2:].T
        rows = np.arange(len(texts))
        unsure = (totals[rows, best] - totals[rows, second]) < MIN_MARGIN
        unsure &= self._families[best] != self._families[second]
        unsure |= totals[rows, best] == 0  # no letters at all
        return np.where(unsure, len(self.names) - 1, best).astype(np.int8)


def pairs(texts: Sequence[str]) -> NDArray[np.uint16]:
    """Return the bucket of each pair of neighbouring characters, shape [texts, READ_CHARS - 1]; bucket 0 for none."""
    joined = "".join([text[:READ_CHARS].ljust(READ_CHARS) for text in texts])
    raw = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
    codes = _letter_table().take(raw, mode="clip").reshape(len(texts), READ_CHARS)
    left, right = codes[:, :-1], codes[:, 1:]
    hashed = (left * np.uint32(0x9E3779B1)) ^ (right * np.uint32(0x85EBCA77))
    bucket = ((hashed * np.uint32(0xC2B2AE3D)) >> np.uint32(32 - BITS)).astype(np.uint16)
    bucket |= bucket == 0
    bucket[(left == _OTHER) & (right == _OTHER)] = 0
    return bucket


@cache
def _letter_table() -> NDArray[np.uint32]:
    """Return the lower-case letter for each code point, and a space for all that is no letter, shape [code points]."""
    table = np.full(_TABLE_SIZE, _OTHER, np.uint32)
    for code in range(0x41, _TABLE_SIZE):
        char = chr(code)
        if char.isalpha() or (0x900 <= code < 0xE00 and not char.isspace()):
            table[code] = ord(char.lower()[0])
    return table
