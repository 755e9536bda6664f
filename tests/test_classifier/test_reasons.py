"""Evidence that can be told by its form, and the words that weighed most."""

from __future__ import annotations

import itertools
import time

import pytest

from classifier.reasons import explain_by_words, heaviest_words
from ingest.post import Post
from tests.models import shipped_screen
from tests.records import ADVERT


@pytest.mark.parametrize(
    ("text", "kind", "quoted"),
    [
        ("ask @example_boat today", "contact", "@example_boat"),
        ("see t.me/example", "contact", "t.me/example"),
        ("see https://wa.me/447700900114", "contact", "https://wa.me/447700900114"),
        ("write a.b@example.com please", "contact", "a.b@example.com"),
        ("call 07700 900114 now", "contact", "07700 900114"),
        ("call ٠٧٧٠٠٩٠٠١١٤ now", "contact", "٠٧٧٠٠٩٠٠١١٤"),
        ("only €1400 now", "price", "€1400"),
        ("only 1.400 EUR now", "price", "1.400 EUR"),
        ("only 3k£ now", "price", "3k£"),
    ],
)
def test_contacts_and_prices_are_found(text: str, kind: str, quoted: str) -> None:
    evidence, _ = explain_by_words(shipped_screen(), Post(id="a", text=text), "smuggling_advert", 0.9, 0.8)
    assert (kind, quoted) in [(each.kind, each.text.strip()) for each in evidence]


@pytest.mark.parametrize("text", ["in 2024 we won", "europe", "a@b", "12 people"])
def test_what_only_looks_alike_is_no_evidence(text: str) -> None:
    assert explain_by_words(shipped_screen(), Post(id="a", text=text), "smuggling_advert", 0.9, 0.8)[0] == []


def test_evidence_does_not_overlap() -> None:
    post = Post(id="a", text="07700 900114€ @x.y@example.com €07700 900 114")
    evidence, _ = explain_by_words(shipped_screen(), post, "smuggling_advert", 0.9, 0.8)
    spans = sorted((each.start, each.end) for each in evidence)
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))


def test_the_reason_names_label_score_threshold_and_words() -> None:
    _, reason = explain_by_words(shipped_screen(), Post(id="a", text=ADVERT), "smuggling_advert", 0.912, 0.837)
    assert reason.startswith("smuggling_advert with probability 0.91, threshold 0.84")
    assert "Dunkirk" in reason


def test_a_word_is_named_once_and_not_at_endless_length() -> None:
    words = heaviest_words(shipped_screen(), f"Dunkirk Dunkirk {'boat' * 100} Dover Dunkirk", 0)
    assert len(words) == len(set(words)) <= 5
    assert max(map(len, words)) <= 40


def test_no_words_weigh_nothing() -> None:
    assert heaviest_words(shipped_screen(), "", 0) == []


@pytest.mark.parametrize("unit", ["a", "1", "1.", "€1 ", "a.b@", "1 ", "@a", "+1-"])
def test_the_time_to_explain_does_not_explode_with_the_length(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    began = time.perf_counter()
    evidence, _ = explain_by_words(shipped_screen(), Post(id="a", text=text), "smuggling_advert", 0.9, 0.8)
    assert time.perf_counter() - began < 20  # about one second; a pattern that backtracks needs hours
    assert len(evidence) <= 50
