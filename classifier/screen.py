"""The screen: a linear model over hashed character n-grams that reads a whole batch as one array.

Weights are whole numbers and so are their sums, so a post's score is exactly the same alone, in any batch and on any
machine: there is no order of floating-point additions for it to depend on.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classifier import ngrams
from classifier.artefact import ScreenConfig, probabilities, read_weights
from classifier.errors import ModelError
from classifier.text import Reading, align, read
from classifier.verdict import POSITIVE_LABELS

CHUNK = 256
"""Texts read at once: their arrays stay in the processor's second-level cache, which makes them twice as quick."""

_LOW = np.int64(1 << 32)


class Screen:
    """Scores texts for both positive labels.

    Args:
        weights: int16, shape [labels, 2 ** bits]; the score of a text is the sum over its n-grams, divided by `scale`
            and by the square root of their number, plus the label's bias.
    """

    def __init__(self, weights: NDArray[np.int16], config: ScreenConfig) -> None:
        self.config = config
        self.weights = weights
        # Both labels' weights in one 64-bit number: one look-up and one addition serve the two. The sums stay exact
        # as long as the lower one fits 32 bits: half a million n-grams at the largest weight that training stores, and
        # `cascade.READ_CHARS` keeps posts below that.
        first, second = weights.astype(np.int64)
        self._packed = first * _LOW + second
        self._packed[0] = 0

    @classmethod
    def load(cls, directory: Path, config: ScreenConfig) -> Screen:
        """Load the weights that `config` names.

        Raises:
            ModelError: naming the file that is not as the config says.
        """
        weights = read_weights(directory, config.weights, (len(POSITIVE_LABELS), 1 << config.bits))
        if config.hash_version != ngrams.HASH_VERSION:
            raise ModelError(
                f"{directory / config.weights}: made for n-gram hash {config.hash_version}, not {ngrams.HASH_VERSION}"
            )
        return cls(weights, config)

    def score(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return the raw scores of `texts`, shape [texts, labels]."""
        if not texts:
            return np.zeros((0, len(POSITIVE_LABELS)))
        chunks = [self.score_reading(read(texts[at : at + CHUNK])) for at in range(0, len(texts), CHUNK)]
        return np.concatenate(chunks)

    def score_reading(self, reading: Reading) -> NDArray[np.float64]:
        """Return the raw scores of texts that are normalised already, shape [texts, labels]."""
        sums = np.add.reduceat(self._weights_at(reading), reading.starts)
        second = (sums & (_LOW - 1)).astype(np.uint32).view(np.int32)
        first = (sums - second) >> 32
        numbers = np.maximum(ngrams.counts(reading), 1)
        scores = np.stack([first, second], axis=1) / (self.config.scale * np.sqrt(numbers))[:, None]
        biased: NDArray[np.float64] = scores + np.array(self.config.biases)
        return biased

    def probabilities(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn raw scores into calibrated probabilities of the same shape."""
        return probabilities(scores, self.config.calibrations)

    def _weights_at(self, reading: Reading) -> NDArray[np.int64]:
        """Sum, for each position, the packed weights of the n-grams that begin there."""
        total: NDArray[np.int64] | None = None
        for bucket in ngrams.buckets(reading, self.config.bits):
            found = self._packed.take(bucket, mode="clip")
            total = found if total is None else np.add(total, found, out=total)
        assert total is not None
        return total

    def weigh_characters(self, text: str, label: int) -> NDArray[np.float64]:
        """Spread a text's score over its characters.

        Returns:
            For each character of `text`, the part of the raw score for `label` that stems from n-grams around it;
            shape [characters].
        """
        reading, origin = read([text]), align(text)
        shares = np.zeros(len(origin))
        for n, bucket in zip(ngrams.SIZES, ngrams.buckets(reading, self.config.bits), strict=True):
            packed = self._packed.take(bucket, mode="clip")[: len(origin)]
            second = (packed & (_LOW - 1)).astype(np.uint32).view(np.int32)
            share = (second if label else (packed - second) >> 32) / n
            for offset in range(n):
                shares[offset:] += share[: max(len(share) - offset, 0)]
        spread = np.zeros(max(len(text), 1))
        np.add.at(spread, origin, shares)
        numbers = max(int(ngrams.counts(reading)[0]), 1)
        return np.asarray(spread / (self.config.scale * np.sqrt(numbers)), np.float64)
