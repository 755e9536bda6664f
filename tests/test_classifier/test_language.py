"""The language of a post, with the shipped model."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.language import BITS, LanguageDetector
from tests.models import ANY_TEXT, shipped_detector

SENTENCES = {
    "ar": "شوربة العدس اليوم كانت لذيذة جدا والحمد لله على كل حال",
    "ckb": "کارەبا لە شارەکەمان زۆر خراپ بووە و هیچ کەس وەڵام ناداتەوە",
    "de": "Heute hat es den ganzen Tag geregnet und ich bin zu Hause geblieben",
    "en": "Bins are being collected Thursday this week because of the bank holiday",
    "fr": "Aujourd'hui il a plu toute la journée et je suis resté à la maison",
    "fa": "بچه‌ها می‌خوام برم خونه‌مون ولی نمی‌دونم کی می‌رسم",
    "kmr": "Îro hewa pir germ e û em hemû li malê rûniştine çay vedixwin",
    "ps": "زه نن سهار ډېر ستړی وم او په کور کې مې آرام وکړ",
    "sq": "Sot bora ra gjithë ditën dhe ne qëndruam në shtëpi me fëmijët",
    "tr": "Bugün bütün gün yağmur yağdı ve biz evde oturup çay içtik",
}


def _detect(text: str, hint: str | None = None) -> str:
    detector = shipped_detector()
    return detector.names[int(detector.detect([text], [hint])[0])]


@pytest.mark.parametrize("language", SENTENCES)
def test_a_plain_sentence_is_detected(language: str) -> None:
    assert language in shipped_detector().names
    assert _detect(SENTENCES[language]) == language
    assert _detect(SENTENCES[language], "tr" if language != "tr" else "en") == language


@pytest.mark.parametrize("text", ["", " ", "12345", "👍👍", "+44 7700 900 114", "\0", "\ud800"])
def test_what_has_no_words_is_undetermined(text: str) -> None:
    assert _detect(text) == "und"


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        ("ps", "ps"),
        ("PS", "ps"),
        ("tr-TR", "tr"),
        ("xx", "und"),
        ("", "und"),
        (None, "und"),
        ("und", "und"),
        ("\0", "und"),
    ],
)
def test_a_hint_decides_only_what_is_unclear(hint: str | None, expected: str) -> None:
    assert _detect("12345", hint) == expected
    assert _detect(SENTENCES["en"], hint) == "en"


@settings(max_examples=100, deadline=None)
@given(texts=st.lists(ANY_TEXT | st.sampled_from(sorted(SENTENCES.values())), min_size=1, max_size=10))
def test_a_language_is_the_same_alone_and_in_a_batch(texts: list[str]) -> None:
    detector = shipped_detector()
    together = detector.detect(texts, [None] * len(texts))
    alone = [int(detector.detect([text], [None])[0]) for text in texts]
    assert together.tolist() == alone


def test_more_texts_than_are_read_at_once_keep_their_hints() -> None:
    detector = shipped_detector()
    texts = [SENTENCES["en"] if i % 2 else "" for i in range(1_100)]
    found = detector.detect(texts, ["ps" if i % 3 else None for i in range(1_100)])
    expected = ["en" if i % 2 else "ps" if i % 3 else "und" for i in range(1_100)]
    assert [detector.names[i] for i in found.tolist()] == expected


def test_a_model_of_one_language_tells_nothing_apart_and_follows_the_hint() -> None:
    detector = LanguageDetector(np.zeros((1 << BITS, 1), np.int16), ["en"])
    assert detector.detect(["a boat", "a boat"], [None, "en"]).tolist() == [1, 0]


def test_no_texts_have_no_languages() -> None:
    assert shipped_detector().detect([], []).shape == (0,)
