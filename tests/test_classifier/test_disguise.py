"""Disguises move the marked words along, leave the rest alone, and some come off again."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.clean import clean
from classifier.training.corpus import CorpusLine, LabelledPost, Span, parse
from classifier.training.disguise import DISGUISES, Edit, apply, disguise, disguise_post, drop_masks, vary_contacts
from tests.models import ANY_TEXT

POSTS = {
    "en": "[[transport:Lorry to England]] on Friday, [[price:£1400 each]], [[guarantee:guaranteed]]. "
    "[[contact:07700 900123]]",
    "ar": "[[transport:قارب جديد]] من [[route:إزمير إلى اليونان]] ب [[price:١٤٠٠ يورو]] [[contact:@example_sea]]",
    "tr": "[[transport:şişme bot]] ile [[route:Çeşme'den Sakız'a]], [[price:1400 euro]]",
}
REVERSIBLE = ("homoglyphs", "tatweel", "mathematical", "digit_scripts")


def _post(marked: str, media: list[str] | None = None) -> LabelledPost:
    return parse(CorpusLine("x-1", "smuggling_advert", "lorry", "g1", "en", marked, media or []))


def _words(post: LabelledPost) -> list[str]:
    texts = {"text": post.post.text or ""} | {
        f"media_text/{i}": text for i, text in enumerate(post.post.media_text or ())
    }
    return [texts[span.field][span.start : span.end] for span in post.spans]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("language", POSTS)
@pytest.mark.parametrize("name", DISGUISES)
def test_marks_stay_on_their_words(name: str, language: str, seed: int) -> None:
    post = _post(POSTS[language])
    disguised = disguise_post(post, DISGUISES[name], random.Random(seed))
    alone = [_replay(post, name, i, seed) for i in range(len(post.spans))]
    assert [span.kind for span in disguised.spans] == [span.kind for span in post.spans]
    for words in _words(disguised):
        assert words == words.strip()
    assert alone == _words(disguised)


def _replay(post: LabelledPost, name: str, i: int, seed: int) -> str:
    """The marked words by another way: what lies between the disguised text before and the disguised text after."""
    text, span = post.post.text or "", post.spans[i]
    edits = sorted(DISGUISES[name](text, random.Random(seed)))

    def rewritten(start: int, end: int) -> str:
        inside = [
            edit for edit in edits if start <= edit.start and edit.end <= end and (edit.start > start or edit.new)
        ]
        out, at = "", start
        for edit in inside:
            out, at = out + text[at : edit.start] + edit.new, edit.end
        return out + text[at:end]

    return rewritten(span.start, span.end)


@pytest.mark.parametrize("language", POSTS)
@pytest.mark.parametrize("name", REVERSIBLE)
def test_what_can_be_undone_comes_off(name: str, language: str) -> None:
    post = _post(POSTS[language])
    for seed in range(20):
        disguised = disguise_post(post, DISGUISES[name], random.Random(seed))
        assert clean(disguised.post.text or "").text == clean(post.post.text or "").text


@pytest.mark.parametrize(
    ("name", "language"),
    [
        *((name, "en") for name in ("emoji_words", "leetspeak", "spacing", "homoglyphs", "zero_width", "mathematical")),
        *((name, "en") for name in ("digit_scripts", "repeated_letters", "letter_case")),
        *((name, "ar") for name in ("tatweel", "dotless", "arabic_code_points")),
        ("unmarked", "tr"),
    ],
)
def test_a_disguise_changes_the_text(name: str, language: str) -> None:
    post = _post(POSTS[language])
    assert any(disguise_post(post, DISGUISES[name], random.Random(seed)).post != post.post for seed in range(5))


def test_every_disguise_is_tested() -> None:
    assert len(DISGUISES) == 13


def test_emoji_stand_for_words() -> None:
    post = _post("[[transport:a boat]] for [[price:money]]")
    for seed in range(20):
        disguised = disguise_post(post, DISGUISES["emoji_words"], random.Random(seed))
        if disguised.post.text == "a ⛵ for 💰":
            assert _words(disguised) == ["a ⛵", "💰"]
            return
    pytest.fail("never both")


def test_media_text_is_disguised_too() -> None:
    post = _post("[[route:Calais]]", ["go by [[transport:lorry tonight]]"])
    disguised = disguise_post(post, DISGUISES["mathematical"], random.Random(1))
    assert disguised.post.media_text != post.post.media_text
    assert [clean(words).text for words in _words(disguised)] == ["Calais", "lorry tonight"]
    assert disguised.post.id == post.post.id


def test_a_post_is_disguised_alike_with_the_same_seed() -> None:
    post = _post(POSTS["ar"])
    assert disguise(post, random.Random(7)) == disguise(post, random.Random(7))


@settings(max_examples=200, deadline=None)
@given(text=ANY_TEXT, seed=st.integers(0, 100), start=st.integers(0, 60), length=st.integers(1, 20))
def test_any_text_can_be_disguised(text: str, seed: int, start: int, length: int) -> None:
    spans = [Span("route", "text", start, min(start + length, len(text)))] if start < len(text) else []
    for edit in (*DISGUISES.values(), vary_contacts, drop_masks):
        new, moved = apply(text, spans, edit(text, random.Random(seed)))
        assert all(0 <= span.start < span.end <= len(new) for span in moved)


@pytest.mark.parametrize(
    ("edits", "text", "words"),
    [
        ([Edit(0, 0, "xx")], "xxsee the boat now", "the boat"),
        ([Edit(4, 7, "a")], "see a boat now", "a boat"),
        ([Edit(4, 7, "")], "see  boat now", " boat"),
        ([Edit(8, 12, "ship")], "see the ship now", "the ship"),
        ([Edit(12, 12, "s")], "see the boats now", "the boat"),
        ([Edit(9, 9, "-"), Edit(10, 10, "-")], "see the b-o-at now", "the b-o-at"),
        ([Edit(0, 3, "look at"), Edit(13, 16, "then")], "look at the boat then", "the boat"),
    ],
)
def test_apply(edits: list[Edit], text: str, words: str) -> None:
    new, (span,) = apply("see the boat now", [Span("transport", "text", 4, 12)], edits)
    assert (new, new[span.start : span.end]) == (text, words)


def test_contacts_vary_and_stay_marked() -> None:
    post = _post("ring [[contact:07700 900123]] or [[contact:@example_sea]], see [[contact:https://example.com/x]]")
    seen = {disguise_post(post, vary_contacts, random.Random(seed)) for seed in range(10)}
    assert len({each.post.text for each in seen}) == 10
    for each in seen:
        number, handle, link = _words(each)
        assert number.strip("+ -0123456789") == ""
        assert handle.startswith("@")
        assert link.startswith("http")


def test_masks_are_dropped_or_kept() -> None:
    text = "@handle look https://example.com"
    seen = {apply(text, (), drop_masks(text, random.Random(seed)))[0].strip() for seed in range(30)}
    assert {"look", text} <= seen
