"""The screen: exact scores, whatever else is in the batch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.artefact import Calibration, ScreenConfig
from classifier.ngrams import HASH_VERSION
from classifier.screen import CHUNK, Screen
from classifier.text import read
from tests.models import ANY_TEXT, shipped_screen
from tests.records import ADVERT, ORDINARY

TEXTS = st.lists(ANY_TEXT | st.sampled_from([ADVERT, ORDINARY, "قارب الليلة"]), min_size=1, max_size=12)


@settings(max_examples=150, deadline=None)
@given(texts=TEXTS, data=st.data())
def test_a_score_is_exactly_the_same_alone_in_a_batch_and_in_any_order(texts: list[str], data: st.DataObject) -> None:
    screen = shipped_screen()
    together = screen.score(texts)
    order = data.draw(st.permutations(range(len(texts))))
    assert (screen.score([texts[i] for i in order]) == together[order]).all()
    assert (np.concatenate([screen.score([text]) for text in texts]) == together).all()
    alone = np.concatenate([screen.probabilities(screen.score([text])) for text in texts])
    assert (alone == screen.probabilities(together)).all()


def test_a_score_is_the_same_on_either_side_of_a_chunk() -> None:
    texts = [f"{ADVERT} {i}" if i % 3 else "" for i in range(2 * CHUNK + 7)]
    alone = np.concatenate([shipped_screen().score([text]) for text in texts])
    assert (shipped_screen().score(texts) == alone).all()


def test_no_texts_have_no_scores() -> None:
    assert shipped_screen().score([]).shape == (0, 2)


def _screen(weights: np.ndarray, scale: float = 1.0, slope: float = 1.0) -> Screen:
    config = ScreenConfig("w", 4, HASH_VERSION, scale, [0.5, -0.25], [Calibration(slope, 0.0)] * 2)
    return Screen(weights.astype(np.int16), config)


@settings(max_examples=100, deadline=None)
@given(text=ANY_TEXT, first=st.integers(-4095, 4095), second=st.integers(-4095, 4095))
def test_both_labels_add_up_apart_from_each_other(text: str, first: int, second: int) -> None:
    weights = np.array([[first] * 16, [second] * 16])
    number = sum(max(int(read([text]).ends[0]) - n + 1, 0) for n in (3, 4, 5))
    root = np.sqrt(max(number, 1))
    expected = [[first * number / root + 0.5, second * number / root - 0.25]]
    np.testing.assert_allclose(_screen(weights).score([text]), expected, rtol=1e-12)


def test_half_a_million_of_the_heaviest_ngrams_do_not_overflow() -> None:
    text = "ab " * 55_000
    weights = np.array([[4095] * 16, [-4095] * 16])
    scores = _screen(weights).score([text])[0]
    number = sum(int(read([text]).ends[0]) - n + 1 for n in (3, 4, 5))
    assert 490_000 < number < 500_000
    np.testing.assert_allclose(scores, [4095 * np.sqrt(number) + 0.5, -4095 * np.sqrt(number) - 0.25])


def test_probabilities_stay_within_zero_and_one() -> None:
    found = _screen(np.zeros((2, 16)), slope=1e6).probabilities(np.array([[1e9, -1e9], [0.0, 0.0]]))
    assert (found >= 0).all()
    assert (found <= 1).all()
    assert found[1].tolist() == [0.5, 0.5]


@settings(max_examples=150, deadline=None)
@given(text=ANY_TEXT, label=st.sampled_from([0, 1]))
def test_each_character_has_one_weight_and_together_they_are_the_score(text: str, label: int) -> None:
    screen = shipped_screen()
    shares = screen.weigh_characters(text, label)
    assert shares.shape == (max(len(text), 1),)
    raw = screen.score([text])[0, label] - screen.config.biases[label]
    assert shares.sum() == pytest.approx(raw, abs=1e-6)


def test_the_words_of_an_advert_weigh_more_than_those_around_them() -> None:
    text = f"{ORDINARY} {ADVERT}"
    shares = shipped_screen().weigh_characters(text, 0)
    assert shares[len(ORDINARY) :].sum() > shares[: len(ORDINARY)].sum()
