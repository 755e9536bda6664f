"""What the encoder reads: disguises come off, spelling stays, and every character leads back to where it was."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from classifier.clean import Cleaned, clean
from tests.models import ANY_TEXT


@pytest.mark.parametrize(
    ("plain", "disguised"),
    [
        pytest.param("boat to Dover", "𝗯𝗼𝗮𝘁 to 𝐷𝑜𝑣𝑒𝑟", id="mathematical letters"),
        pytest.param("boat", "ｂｏａｔ", id="full width"),
        pytest.param("boat", "ⓑⓞⓐⓣ", id="circled"),
        pytest.param("boat", "🅱🅾🅰🆃", id="in black squares"),
        pytest.param("boat", "ʙᴏᴀᴛ", id="small capitals"),
        pytest.param("boat", "b\u200bo\u200da\u2060t\ufeff", id="zero width"),
        pytest.param("boat", "b\u200coat", id="ZWNJ in Latin letters"),
        pytest.param("ازمیر", "ا\u200cز\u200cم\u200cیر", id="ZWNJ between single letters"),
        pytest.param("boat", "\u202eboat\u202c\u200f", id="bidi"),
        pytest.param("boat", "b\u0336o\u0336a\u0336t\u0336", id="struck through"),
        pytest.param("قارب", "قـــارب", id="tatweel"),
        pytest.param("قارب", "قَارِبٌ", id="vowel marks"),
        pytest.param("لا", "ﻻ", id="Arabic ligature"),
        pytest.param("قارب", "ﻗﺎﺭﺏ", id="Arabic presentation forms"),
        pytest.param("Boat", "Bоаt", id="Cyrillic inside a Latin word"),
        pytest.param("to the boat", "to the воат", id="nothing but look-alikes"),
        pytest.param("b o", "b o", id="two single letters are words"),
        pytest.param("go by boat now", "go by b o a t now", id="spaced out"),
        pytest.param("go by boat", "go by b.o.a.t", id="spaced out with dots"),
        pytest.param("to boat trip", "to  b o a t  trip", id="spaced out between wide gaps"),
        pytest.param("lorry to Italy", "l0rry to It4ly", id="digits inside words"),
        pytest.param("VISA", "V1SA", id="a digit between capitals"),
        pytest.param("çarşaf", "çarş4f", id="a digit after a marked letter"),
        pytest.param("cash boat", "ca$h bo@t", id="signs inside words"),
        pytest.param("price 1400", "price ١٤٠٠", id="Arabic digits"),
        pytest.param("price 1400", "price ۱۴۰۰", id="Persian digits"),
        pytest.param("price 1400", "price ১৪০০", id="Bengali digits"),
        pytest.param("boaat!!!", "boaaaaaat!!!!!!!", id="repetition"),
        pytest.param("boat now", "  boat \t\u00a0 now ", id="white space"),
    ],
)
def test_a_disguise_comes_off(plain: str, disguised: str) -> None:
    assert clean(disguised).text == plain


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Çeşme'den Sakız'a şişme botla", id="Turkish"),
        pytest.param("thuyền đi Anh, giá tốt", id="Vietnamese"),
        pytest.param("ئەم بەلەمە سبەی دەڕوات", id="Sorani"),
        pytest.param("می\u200cرویم خانه\u200cها", id="Persian with ZWNJ"),
        pytest.param("موږ سبا ځو، ښه کښتۍ", id="Pashto"),
        pytest.param("ጀልባው ነገ ማታ", id="Amharic"),
        pytest.param("নৌকা কাল রাতে", id="Bengali"),
        pytest.param("лодка завтра", id="Russian"),
        pytest.param("едем в Berlin", id="Russian with a Latin name"),
        pytest.param("ma3ak 7abibi sa3id", id="Arabizi"),
        pytest.param("mail me: bo@t.example.com", id="mail address"),
        pytest.param("t.me/b0atman @l0rry", id="handles"),
        pytest.param("10euros, 4x4, covid19, 1st, h1n1", id="numbers beside letters"),
        pytest.param("07700 900123 | 1000000", id="numbers"),
        pytest.param("🚢🇬🇧 €1400", id="emoji and currency"),
        pytest.param("two\nlines", id="lines"),
    ],
)
def test_ordinary_spelling_stays(text: str) -> None:
    assert clean(text).text == text


@settings(max_examples=300, deadline=None)
@given(text=ANY_TEXT)
@example(text="")
@example(text="ﻻﻻ \ud800 ﬁ")
@example(text="\u0301\u0301a\u0301\u0302\u0303")
@example(text="b o a t l0rry воат")
def test_every_character_leads_back_into_the_text(text: str) -> None:
    cleaned = clean(text)
    assert len(cleaned.origin) == len(cleaned.text)
    assert cleaned.origin == sorted(cleaned.origin)
    assert all(0 <= at < len(text) for at in cleaned.origin)
    cleaned.text.encode()  # a tokenizer takes no lone surrogates


@settings(max_examples=200, deadline=None)
@given(text=ANY_TEXT, start=st.integers(0, 60), length=st.integers(1, 20))
def test_span_and_locate_agree(text: str, start: int, length: int) -> None:
    cleaned = clean(text)
    first, last = cleaned.locate(start, start + length)
    if last > first:
        begin, end = cleaned.span(first, last)
        assert start <= begin < end <= start + length
        assert first >= cleaned.locate(begin, end)[0]


def test_a_span_points_at_the_disguised_words() -> None:
    text = "go by b.o.a.t at 𝗻𝗶𝗴𝗵𝘁"
    cleaned = clean(text)
    for plain, disguised in (("boat", "b.o.a.t"), ("night", "𝗻𝗶𝗴𝗵𝘁")):
        at = cleaned.text.index(plain)
        start, end = cleaned.span(at, at + len(plain))
        assert text[start:end] == disguised
        assert cleaned.locate(start, end) == (at, at + len(plain))


def test_what_vanished_is_nowhere() -> None:
    assert Cleaned("ab", [0, 2]).locate(1, 2) == (0, 0)


@pytest.mark.parametrize("unit", ["a", "b o ", "0o", "\ud800", "ﻻ", "\0", "🚢", "\u0640", "l0", "\u0301", "a4", ".a"])
def test_a_long_text_of_one_kind_is_cleaned(unit: str) -> None:
    text = (unit * 10_000)[:10_000]
    assert len(clean(text).text) <= 2 * len(text)
