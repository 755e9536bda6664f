"""Normalisation: disguises are undone, each text is read by itself, and nothing makes it fail."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from classifier.text import GAP, PAD, align, normalise, read
from tests.models import ANY_TEXT


@pytest.mark.parametrize(
    ("plain", "disguised"),
    [
        pytest.param("boat", "BoAT", id="letter case"),
        pytest.param("boat", "𝐛𝐨𝐚𝐭", id="mathematical bold"),
        pytest.param("boat", "𝔟𝔬𝔞𝔱", id="mathematical fraktur"),
        pytest.param("boat", "ｂｏａｔ", id="full width"),
        pytest.param("boat", "ⓑⓞⓐⓣ", id="circled"),
        pytest.param("boat", "🅑🅞🅐🅣", id="in black discs"),
        pytest.param("boat", "🄱🄾🄰🅃", id="squared"),
        pytest.param("boat", "🅱🅾🅰🆃", id="in black squares"),
        pytest.param("boat", "ʙᴏᴀᴛ", id="small capitals"),
        pytest.param("boat", "bôàť", id="accents, composed"),
        pytest.param("boat", "bo\u0302a\u0300t\u0336", id="accents, combining"),
        pytest.param("boat", "воат", id="Cyrillic look-alikes"),
        pytest.param("boat", "ВОАТ", id="Cyrillic capitals"),
        pytest.param("boat", "βοατ", id="Greek look-alikes"),
        pytest.param("boat", "b\u200bo\u200da\u2060t\ufeff", id="zero width"),
        pytest.param("boat", "\u202eboat\u202c\u200f", id="bidi"),
        pytest.param("boat", "b\u00adoat", id="soft hyphen"),
        pytest.param("final", "ﬁnal", id="ligature"),
        pytest.param("قارب", "قـــارب", id="tatweel"),
        pytest.param("قارب", "قَارِبٌ", id="harakat"),
        pytest.param("کی", "كي", id="Arabic keyboard for Persian"),
        pytest.param("کی", "كى", id="alef maksura"),
        pytest.param("امان", "أمان", id="hamza"),
        pytest.param("لا", "ﻻ", id="Arabic ligature"),
        pytest.param("قارب", "ﻗﺎﺭﺏ", id="Arabic presentation forms"),
        pytest.param("price 1400", "price ١٤٠٠", id="Arabic digits"),
        pytest.param("price 1400", "price ۱۴۰۰", id="Persian digits"),
        pytest.param("price 1400", "price १४००", id="Devanagari digits"),
        pytest.param("lorry", "l0rry", id="digit inside a word"),
        pytest.param("lorry", "1orry", id="digit that begins a word"),
        pytest.param("passport", "p4ssp0rt", id="several digits inside a word"),
        pytest.param("passport", "pa55port", id="two digits in a row"),
        pytest.param("call 07700", "call 077OO", id="letters for digits"),
        pytest.param("boat", "b o a t", id="spaced out"),
        pytest.param("boat", "b.o-a_t", id="spaced out with punctuation"),
        pytest.param("go by boat now", "go by b o a t now", id="one word spaced out"),
        pytest.param("boaat", "boaaaaaaat", id="repeated letters"),
        pytest.param("boat now", "  boat \n\t\u00a0 now ", id="white space"),
        pytest.param("boat", "🅱\u200bо４t", id="several at once"),
    ],
)  # fmt: skip
def test_a_disguise_is_undone(plain: str, disguised: str) -> None:
    assert plain != disguised
    assert normalise(disguised) == normalise(plain)
    assert normalise(f"see {disguised} ok") == normalise(f"see {plain} ok")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("boat", "goat"),
        ("قارب", "قريب"),
        ("boat", ""),
        ("to", "too"),
        ("$", "5"),
        ("a b", "ab"),
        ("🚢", "🚚"),
        ("각", "가"),
    ],
)
def test_what_differs_stays_different(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)


@pytest.mark.parametrize("price", ["1400", "1500", "9999"])
def test_every_price_reads_alike(price: str) -> None:
    assert normalise(f"{price} each") == "0000 each"


@settings(max_examples=300, deadline=None)
@given(texts=st.lists(ANY_TEXT, max_size=8))
@example(texts=["b o a", "t", "0", "o", "", "\0", "ﻻ", "0o"])
@example(texts=[])
def test_a_batch_is_read_as_each_text_alone(texts: list[str]) -> None:
    reading = read(texts)
    assert len(reading) == len(texts)
    for i, text in enumerate(texts):
        alone = read([text])
        assert alone.starts[0] == 0
        np.testing.assert_array_equal(
            reading.codes[reading.starts[i] : reading.ends[i] + GAP], alone.codes[: alone.ends[0] + GAP]
        )
        assert reading.text(i) == normalise(text)


@settings(max_examples=200, deadline=None)
@given(texts=st.lists(ANY_TEXT, min_size=1, max_size=8))
def test_gaps_stand_between_texts_and_nowhere_else(texts: list[str]) -> None:
    reading = read(texts)
    gaps = {int(end) + i for end in reading.ends for i in range(GAP)}
    assert set(np.flatnonzero(reading.codes == PAD).tolist()) == gaps
    assert reading.starts.tolist() == [0, *(reading.ends[:-1] + GAP).tolist()]


@settings(max_examples=300, deadline=None)
@given(text=ANY_TEXT)
@example(text="")
@example(text="ﻻﻻ \ud800 ﬁ")
def test_align_leads_from_each_code_back_into_the_text(text: str) -> None:
    index, reading = align(text), read([text])
    assert len(index) == reading.ends[0]
    assert (np.diff(index) >= 0).all()
    assert index.min() >= 0
    assert index.max() <= max(len(text) - 1, 0)


def test_align_points_at_the_character_that_was_read() -> None:
    text = "🚢 B\u200boa\u0301t ﬁn"
    letters = {"b": "B", "o": "o", "a": "a", "t": "t", "f": "ﬁ", "i": "ﬁ", "n": "n"}
    codes, index = read([text]).codes, align(text)
    found = {chr(codes[i]): text[at] for i, at in enumerate(index.tolist()) if chr(codes[i]) in letters}
    assert found == letters


@pytest.mark.parametrize("unit", ["a", "b o ", "0o", "\ud800", "ﻻ", "\0", " ", "🚢", "\u0640", "1", "l0"])
def test_a_long_text_of_one_kind_is_read(unit: str) -> None:
    text = (unit * 10_000)[:10_000]
    assert len(align(text)) == read([text]).ends[0]
    assert read(["x y", text, "b o a t"]).text(2) == "boat"


@settings(max_examples=10, deadline=None)
@given(text=st.text(st.characters(codec=None), min_size=200, max_size=400))
def test_any_text_of_ten_thousand_characters_is_read(text: str) -> None:
    long = (text * 50)[:10_000]
    reading = read([long, "boat"])
    assert reading.text(0) == normalise(long)
    assert reading.text(1) == "boat"


def test_fillers_alone_read_as_nothing() -> None:
    assert normalise("\u200b\u0640\u0301 \0") == ""
