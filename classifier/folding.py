"""Which character is read as which: the table behind `classifier.text`.

Unicode's own compatibility decomposition (UAX #15) does most of it; what smugglers' disguises and sloppy keyboards need
beyond that is listed here. The look-alikes are the common part of UTS #39's confusables for Latin.
"""

from __future__ import annotations

import unicodedata
from functools import cache

import numpy as np
from numpy.typing import NDArray

DELETED = 1
"""A code that no character folds to but those that vanish."""
LIGATURE = 2
"""A code that stands for the several letters in `expansions`."""
SPACE = 0x20
CURRENCY = ord("$")
ARROW = ord(">")
TABLE_SIZE = 0x20000
"""Code points from here on (rare ideographs, tags, private use) are read as one."""

_KEPT_PUNCTUATION = frozenset("@+%")
_PRIVATE, _PRIVATE_SIZE = 0xE000, 0x1900
"""Symbols and letters beyond 16 bits land in the private-use area, modulo its size."""

_ACCENTS = (
    (0x0300, 0x036F), (0x0483, 0x0489), (0x0610, 0x061A), (0x064B, 0x065F), (0x0670, 0x0670), (0x06D6, 0x06DC),
    (0x06DF, 0x06E4), (0x06E7, 0x06E8), (0x06EA, 0x06ED), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF),
    (0xFE00, 0xFE0F), (0xFE20, 0xFE2F),
)  # fmt: skip
"""Marks that vanish. Vowel signs of Indic scripts are letters to us and stay."""

_SKIN_TONES = range(0x1F3FB, 0x1F400)
_FILLERS = frozenset((0x0640, 0x115F, 0x1160, 0x3164, 0xFFA0, 0x034F, 0x180E))  # tatweel and invisible letters

_LOOK_ALIKES = {
    # Cyrillic
    "а": "a", "ӑ": "a", "в": "b", "с": "c", "ԁ": "d", "е": "e", "ё": "e", "є": "e", "ҽ": "e", "г": "r", "ԍ": "g",
    "һ": "h", "н": "h", "і": "i", "ї": "i", "ӏ": "l", "ј": "j", "к": "k", "қ": "k", "м": "m", "п": "n", "о": "o",
    "р": "p", "ԛ": "q", "ѕ": "s", "т": "t", "у": "y", "ү": "y", "ѵ": "v", "ԝ": "w", "х": "x", "ҳ": "x", "з": "3",
    # Greek
    "α": "a", "β": "b", "ϲ": "c", "ε": "e", "η": "n", "ι": "i", "κ": "k", "ν": "v", "ο": "o", "ρ": "p", "σ": "o",
    "τ": "t", "υ": "u", "χ": "x", "γ": "y", "ω": "w", "μ": "u", "ς": "c",
    # Armenian
    "ո": "n", "օ": "o", "ս": "u", "հ": "h", "ց": "g", "ք": "p",
    # Latin that does not decompose
    "ı": "i", "ł": "l", "ø": "o", "đ": "d", "ħ": "h", "ß": "s", "æ": "a", "œ": "o", "þ": "p", "ƒ": "f", "ŋ": "n",
    "ɑ": "a", "ɡ": "g", "ɩ": "i", "ʋ": "v", "ƙ": "k", "ɓ": "b", "ɗ": "d", "ƴ": "y", "ə": "e", "ɛ": "e", "ɔ": "o",
    # small capitals
    "ᴀ": "a", "ʙ": "b", "ᴄ": "c", "ᴅ": "d", "ᴇ": "e", "ꜰ": "f", "ɢ": "g", "ʜ": "h", "ɪ": "i", "ᴊ": "j", "ᴋ": "k",
    "ʟ": "l", "ᴍ": "m", "ɴ": "n", "ᴏ": "o", "ᴘ": "p", "ʀ": "r", "ꜱ": "s", "ᴛ": "t", "ᴜ": "u", "ᴠ": "v", "ᴡ": "w",
    "ʏ": "y", "ᴢ": "z",
}  # fmt: skip

_ARABIC = {
    # one letter, several code points: keyboards for Arabic, Persian, Kurdish, Urdu and Pashto differ
    "ي": "ی", "ى": "ی", "ې": "ی", "ێ": "ی", "ۍ": "ی", "ے": "ی", "ٸ": "ی",
    "ك": "ک", "ڪ": "ک", "ګ": "گ",
    "ة": "ه", "ە": "ه", "ہ": "ه", "ھ": "ه", "ۀ": "ه", "ۂ": "ه", "ۃ": "ه", "ۓ": "ی",
    "آ": "ا", "أ": "ا", "إ": "ا", "ٱ": "ا", "ٲ": "ا",
    "ۆ": "و", "ۇ": "و", "ۋ": "و", "ۊ": "و", "ٶ": "و",
    "ڕ": "ر", "ڵ": "ل", "ڤ": "ف", "ڡ": "ف", "ٯ": "ق", "ں": "ن", "ٮ": "ب",
}  # fmt: skip

_LIGATURES = frozenset((*range(0x0132, 0x0134), *range(0xFB00, 0xFB07), *range(0xFEF5, 0xFEFD)))

_FOLDED = {ord(k): ord(v) for k, v in (_LOOK_ALIKES | _ARABIC).items()}


@cache
def fold_table() -> NDArray[np.uint16]:
    """Return the code that each code point below `TABLE_SIZE` is read as, shape [TABLE_SIZE].

    Built in a tenth of a second, once, when it is first asked for.
    """
    return np.fromiter(map(_fold, range(TABLE_SIZE)), np.uint16, TABLE_SIZE)


@cache
def expansions() -> dict[int, tuple[int, ...]]:
    """Return the letters of each ligature that stands for several (`ﻻ`, `ﬁ`), folded."""
    found = {}
    for code in _LIGATURES:
        parts = tuple(_fold_single(ord(part)) for part in unicodedata.normalize("NFKD", chr(code)))
        found[code] = tuple(part for part in parts if part not in (DELETED, SPACE))
    return found


def _fold(code: int) -> int:
    return LIGATURE if code in _LIGATURES else _fold_single(code)


def _fold_single(code: int) -> int:
    if code < 0x80:
        return _fold_ascii(code)
    if 0xD800 <= code < 0xE000:
        return SPACE  # a lone surrogate
    if code in _FOLDED:
        return _FOLDED[code]
    if code in _FILLERS or code in _SKIN_TONES or any(low <= code <= high for low, high in _ACCENTS):
        return DELETED
    squared = _squared_letter(code)
    if squared:
        return squared
    if 0xAC00 <= code < 0xD7A4:
        return code  # Hangul decomposes into letters that a syllable must not be reduced to
    base = unicodedata.normalize("NFKD", chr(code))[0].lower()[0]
    return _fold_base(ord(base))


def _fold_ascii(code: int) -> int:
    char = chr(code).lower()
    if char.isalnum() or char in _KEPT_PUNCTUATION or char == "$":
        return ord(char)
    if char.isspace() or char.isprintable():
        return SPACE
    return DELETED


def _squared_letter(code: int) -> int | None:
    """Letters in squares and discs, which have no decomposition in Unicode."""
    for first in (0x1F130, 0x1F150, 0x1F170):
        if first <= code < first + 26:
            return ord("a") + code - first
    return None


def _fold_base(code: int) -> int:
    if code < 0x80:
        return _fold_ascii(code)
    code = _FOLDED.get(code, code)
    category = unicodedata.category(chr(code))
    if category == "Nd":
        return ord("0") + unicodedata.digit(chr(code))
    if category in ("Cc", "Cf"):
        return SPACE if chr(code).isspace() else DELETED
    if category == "Sc":
        return CURRENCY
    if 0x2190 <= code < 0x2200 or 0x2794 <= code < 0x27C0 or 0x2B00 <= code < 0x2B12:
        return ARROW
    if category[0] in "ZP" or category in ("Sk", "Sm"):
        return SPACE
    if category == "So" or code > 0xFFFF:
        return _PRIVATE + code % _PRIVATE_SIZE
    return code
