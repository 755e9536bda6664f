"""N-grams: each belongs to one text and depends on nothing else."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier import ngrams
from classifier.text import read
from tests.models import ANY_TEXT

BITS = 18


def test_the_hash_is_the_one_that_the_version_names() -> None:
    """Stored weights rest on it: a change needs another `HASH_VERSION`."""
    found = {n: b[1].item() for n, b in zip(ngrams.SIZES, ngrams.buckets(read(["boats"]), BITS), strict=True)}
    assert ngrams.HASH_VERSION == 1
    assert found == {3: 135977, 4: 9040, 5: 195920}


def test_no_ngram_reaches_beyond_its_text() -> None:
    for n, bucket in zip(ngrams.SIZES, ngrams.buckets(read(["ab", "cde"]), BITS), strict=True):
        reading = read(["ab", "cde"])
        inside = np.zeros(len(reading.codes), bool)
        for start, end in zip(reading.starts, reading.ends, strict=True):
            inside[start : max(end - n + 1, start)] = True
        np.testing.assert_array_equal(bucket != 0, inside)


@settings(max_examples=200, deadline=None)
@given(texts=st.lists(ANY_TEXT, min_size=1, max_size=6))
def test_a_text_has_the_same_ngrams_alone_and_in_a_batch(texts: list[str]) -> None:
    reading = read(texts)
    together = list(ngrams.buckets(reading, BITS))
    for i, text in enumerate(texts):
        for bucket, alone in zip(together, ngrams.buckets(read([text]), BITS), strict=True):
            np.testing.assert_array_equal(bucket[reading.starts[i] : reading.ends[i]], alone[: read([text]).ends[0]])


@settings(max_examples=200, deadline=None)
@given(texts=st.lists(ANY_TEXT, min_size=1, max_size=6))
def test_the_number_of_ngrams_is_the_number_of_buckets_that_are_not_empty(texts: list[str]) -> None:
    reading = read(texts)
    found = np.zeros(len(texts), np.int64)
    for bucket in ngrams.buckets(reading, BITS):
        assert bucket.max() < 1 << BITS
        found += [np.count_nonzero(bucket[s:e]) for s, e in zip(reading.starts, reading.ends, strict=True)]
    np.testing.assert_array_equal(found, ngrams.counts(reading))
