"""Hashed character 3- to 5-grams of a batch of texts, as one array and without a Python step a text.

An n-gram's bucket is a multiplicative hash of its codes, extended from n to n + 1 by one multiplication (feature
hashing: Weinberger et al., 2009, https://arxiv.org/abs/0902.2206). The hash is part of a trained
model: changing it makes every stored weight meaningless, so the artefact records `HASH_VERSION`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from classifier.text import PAD, Reading

HASH_VERSION = 1
SIZES = (3, 4, 5)
_FACTORS = np.array([0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F, 0x165667B1], np.uint32)


def buckets(reading: Reading, bits: int) -> Iterator[NDArray[np.uint32]]:
    """Yield, for each n in `SIZES`, the bucket of the n-gram that begins at each position.

    Each array has the shape [positions]. N-grams that would reach beyond their text have the bucket 0, which belongs to
    nothing else.
    """
    codes = reading.codes.astype(np.uint32)
    size = len(codes)
    beyond = codes == PAD
    hashed = codes * _FACTORS[0]
    shift = np.uint32(32 - bits)
    for n in range(1, max(SIZES)):
        tail = codes[n:]
        hashed = hashed[: size - n] * _FACTORS[4]
        hashed ^= tail * _FACTORS[n]
        beyond = beyond[: size - n] | (tail == PAD)
        if n + 1 in SIZES:
            # the low bits of a product mix worst: the bucket is taken from the high ones
            bucket = np.zeros(size, np.uint32)
            mixed = (hashed ^ (hashed >> np.uint32(15))) * _FACTORS[1]
            np.right_shift(mixed, shift, out=bucket[: size - n])
            bucket[: size - n] |= bucket[: size - n] == 0
            bucket[: size - n][beyond] = 0
            yield bucket


def counts(reading: Reading) -> NDArray[np.int64]:
    """Return the number of n-grams of each text, shape [texts]."""
    lengths = reading.ends - reading.starts
    return sum((np.maximum(lengths - n + 1, 0) for n in SIZES), start=np.zeros(len(reading), np.int64))
