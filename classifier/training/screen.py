"""Training of the screen and of the language detector with scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from classifier import language, ngrams
from classifier.artefact import Calibration, ScreenConfig
from classifier.screen import CHUNK, Screen
from classifier.text import read
from classifier.verdict import NONE, POSITIVE_LABELS

MAX_WEIGHT = 4095
"""Largest stored weight: 12 bits, so that the sum over the longest post fits 32."""


def features(texts: Sequence[str], bits: int) -> Any:
    """Return what the screen sums up, sparse, of shape [texts, 2 ** bits]: counts by the root of their number."""
    from scipy import sparse

    blocks = []
    for at in range(0, len(texts), CHUNK):
        reading = read(texts[at : at + CHUNK])
        rows = np.repeat(np.arange(len(reading)), np.diff(np.append(reading.starts, len(reading.codes))))
        found = list(ngrams.buckets(reading, bits))
        columns = np.concatenate(found)
        values = np.repeat(1 / np.sqrt(np.maximum(ngrams.counts(reading), 1)), np.bincount(rows))
        matrix = sparse.csr_matrix(
            (np.tile(values, len(found)), (np.tile(rows, len(found)), columns)), shape=(len(reading), 1 << bits)
        )
        matrix.sum_duplicates()
        blocks.append(matrix)
    stacked = sparse.vstack(blocks).tocsr()
    stacked.data[stacked.indices == 0] = 0
    return stacked


@dataclass(frozen=True, slots=True)
class ScreenExamples:
    """Texts, their labels as indexes into `LABELS` and a weight each, all of shape [texts]."""

    texts: Sequence[str]
    labels: NDArray[np.int8]
    weights: NDArray[np.float64]


def train_screen(
    examples: ScreenExamples,
    held_out: ScreenExamples,
    *,
    bits: int = 18,
    strength: float = 10.0,
    positive_weight: float = 2.0,
    seed: int = 1,
) -> Screen:
    """Fit one logistic regression a label, of its posts against the harmless ones, and calibrate it.

    A post of the other label counts on neither side: to lose it is what the screen must not do, and which of the two
    it is the encoder says.

    Args:
        held_out: posts of other groups, for the calibration.
        strength: inverse regularisation (scikit-learn's C).
        positive_weight: how much more a post with the label counts than a harmless one.
    """
    from sklearn.linear_model import LogisticRegression

    x = features(examples.texts, bits)
    coefficients, biases = [], []
    for label in range(len(POSITIVE_LABELS)):
        used = (examples.labels == label) | (examples.labels == NONE)
        mine = examples.labels[used] == label
        model = LogisticRegression(C=strength, solver="liblinear", dual=True, max_iter=300, random_state=seed)
        model.fit(x[used], mine, sample_weight=examples.weights[used] * np.where(mine, positive_weight, 1.0))
        coefficients.append(model.coef_[0])
        biases.append(float(model.intercept_[0]))
    matrix = np.array(coefficients)
    matrix[:, 0] = 0
    scale = MAX_WEIGHT / float(np.abs(matrix).max())
    stored = np.rint(matrix * scale).astype(np.int16)
    identity = [Calibration(1.0, 0.0)] * len(POSITIVE_LABELS)
    config = ScreenConfig("screen.npy", bits, ngrams.HASH_VERSION, scale, biases, identity)
    scores = Screen(stored, config).score(held_out.texts)
    calibrations = [
        calibrate(scores[:, label], held_out.labels == label, held_out.weights) for label in range(len(POSITIVE_LABELS))
    ]
    return Screen(stored, msgspec.structs.replace(config, calibrations=calibrations))


def calibrate(scores: NDArray[np.float64], truth: NDArray[np.bool_], weights: NDArray[np.float64]) -> Calibration:
    """Fit Platt's sigmoid to raw scores, shape [posts]."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1e6).fit(scores[:, None], truth, sample_weight=weights)
    return Calibration(float(model.coef_[0, 0]), float(model.intercept_[0]))


def train_language_detector(
    texts: Sequence[str], names: Sequence[str], *, smoothing: float = 0.5
) -> tuple[NDArray[np.int16], list[str]]:
    """Count pairs of characters by language.

    Returns:
        Weights of shape [2 ** BITS, languages] and the languages.
    """
    found = sorted(set(names))
    column = {name: i for i, name in enumerate(found)}
    totals = np.zeros((1 << language.BITS, len(found)))
    buckets = language.pairs(texts)
    for bucket, name in zip(buckets, names, strict=True):
        totals[:, column[name]] += np.bincount(bucket, minlength=1 << language.BITS)
    totals[0] = 0
    likelihood = np.log((totals + smoothing) / (totals + smoothing).sum(axis=0))
    likelihood -= likelihood.mean(axis=1, keepdims=True)
    likelihood[0] = 0
    return np.rint(likelihood * language.SCALE).astype(np.int16), found
