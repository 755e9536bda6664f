"""Windows cover a post, and evidence found in tokens leads back to the words as they were written."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.clean import clean
from classifier.encoder import find_evidence, whole_words
from classifier.encoder_input import MAX_TOKENS, MAX_WINDOWS, OVERLAP, Token, TokenisedPost, trim, windows

TAGS = ["O", "route", "price"]


@pytest.mark.parametrize("tokens", [0, 1, 30, 126, 127, 128, 200, 220, 221, 500, 1000])
def test_windows_cover_every_token_and_overlap(tokens: int) -> None:
    found = list(windows(tokens))
    assert found[0][0] == 0
    assert found[-1][1] == tokens
    assert all(end - start <= MAX_TOKENS - 2 for start, end in found)
    assert all(end - start == OVERLAP for (start, _), (_, end) in zip(found[1:], found, strict=False))


def test_a_very_long_post_is_read_at_both_ends() -> None:
    found = list(windows(100_000))
    assert len(found) == MAX_WINDOWS
    assert (found[0][0], found[-1][1]) == (0, 100_000)


def test_trim() -> None:
    assert trim("  boat ", 0, 7) == (2, 6)
    assert trim("   ", 0, 3) == (3, 3)


def _read(text: str, pieces: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Find evidence in `text`, cut into `pieces` with the tag that each is sure of."""
    cleaned = clean(text)
    tokens, at = [], 0
    for piece, _ in pieces:
        at = cleaned.text.index(piece, at)
        tokens.append(Token(7, 0, at, at + len(piece)))
        at += len(piece)
    logits = np.array([[9.0 * (tag == each) for each in TAGS] for _, tag in pieces], np.float32)
    post = TokenisedPost(("text",), (text,), (cleaned,), tuple(tokens))
    found = find_evidence(post, logits, TAGS, 0.5)
    assert all(text[each.start : each.end] == each.text for each in found)
    return [(each.kind, each.text) for each in found]


def test_neighbouring_tokens_of_one_kind_are_one_span() -> None:
    pieces = [("from", "route"), ("Cal", "route"), ("ais", "route"), ("at", "O"), ("900", "price")]
    assert _read("from Calais at 900", pieces) == [("route", "from Calais"), ("price", "900")]


def test_a_span_is_widened_to_whole_words_and_loses_punctuation() -> None:
    assert _read("go: Calais, now", [("Cal", "route"), ("ais", "O"), (",", "O")]) == [("route", "Calais")]
    assert _read("go Calais, now", [("Calais", "route"), (",", "route"), ("now", "O")]) == [("route", "Calais")]


def test_a_word_of_two_kinds_goes_to_the_first() -> None:
    assert _read("Calais900", [("Calais", "route"), ("900", "price")]) == [("route", "Calais900")]


def test_evidence_is_found_in_the_disguised_words() -> None:
    assert _read("go C.a.l.a.i.s now", [("Calais", "route")]) == [("route", "C.a.l.a.i.s")]


def test_no_tokens_no_evidence() -> None:
    assert find_evidence(TokenisedPost((), (), (), ()), np.zeros((0, 3), np.float32), TAGS, 0.5) == []


def test_whole_words() -> None:
    assert whole_words("go by boat", 4, 8) == (3, 10)
    assert whole_words("قارب جديد", 1, 2) == (0, 4)
