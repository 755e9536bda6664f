"""What the encoder reads: a text with its disguises taken off, and otherwise as people write it.

`classifier.text` folds a text for machines that learnt nothing before. A pretrained tokenizer knows letter case,
accents, punctuation and the letters of each Arabic-script language, so here only what can be undone without loss is
undone: compatibility forms (mathematical, full-width, circled, small-capital letters), invisible characters, tatweel
and vowel marks, digits of any script, homoglyphs, letters spaced out (`b o a t`), digits put for letters (`l0rry`),
repetition.

Training and serving share `clean`. Each step takes and gives the characters together with where they came from.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from classifier.folding import fold_table

_ZWNJ = "\u200c"
_OVERLAYS = frozenset((*range(0x0334, 0x0339), *range(0x20D0, 0x20E5)))
"""Marks that strike a letter through or ring it."""
_VOWEL_MARKS = frozenset((*range(0x064B, 0x0653), 0x0670, *range(0x06D6, 0x06DD), *range(0x06DF, 0x06E5)))
_FILLERS = frozenset((0x0640, 0x115F, 0x1160, 0x3164, 0xFFA0, 0x034F, 0x180E))
_MOST_MARKS = 2
"""Vietnamese has two marks on a letter at most; more are decoration."""
_SMALL_CAPITALS = dict(zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnoprstuvwyz", strict=True))
_ENCLOSED = {first + i: chr(ord("a") + i) for first in (0x1F130, 0x1F150, 0x1F170) for i in range(26)}
_MIMIC = re.compile("[\u0370-\u03ff\u0400-\u052f\u0531-\u0587]")
"""Scripts whose letters pass for Latin ones: Greek, Cyrillic, Armenian."""
_ARABIC_LETTER = "[\u0620-\u06d3\u06d5\u0750-\u077f]"
_NEEDED_ZWNJ = re.compile(f"(?<={_ARABIC_LETTER}{{2}}){_ZWNJ}(?={_ARABIC_LETTER}{{2}})")
"""Persian and Kurdish spelling has it inside words; between single letters it is a disguise."""

_SPACED = re.compile(r"(?<!\w)[^\W\d_](?:(?P<gap>[ .\-_*|·/,+])[^\W\d_])(?:(?P=gap)[^\W\d_])+(?!\w)")
_WORD = re.compile(r"[^\W_]+")
_LATIN = "[A-Za-zÀ-ÖØ-öø-ɏḀ-ỿ]"
_LEET_WORD = re.compile(rf"(?<![\w@./+-]){_LATIN}+(?:[013457$@!€]{{1,3}}{_LATIN}+)+(?![\w@]|[.][a-z])")
_LEET = {"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "$": "s", "@": "a", "!": "i", "€": "e"}
_ARABIZI = re.compile(r"(?<![^\W_])[2356789]+[a-z]{2,}|[a-z][2689][a-z]|[a-z][379](?![^\W_])", re.IGNORECASE)
"""Arabic in Latin letters uses 2 3 5 6 7 8 9 as letters; in such a post they are no disguise."""
_AMBIGUOUS = frozenset("357")
_REPEATED = re.compile(r"[ \n]{2,}|(?P<letter>[^\W\d_])(?P=letter){2,}|(?P<sign>[\W_])(?P=sign){3,}")


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A cleaned text; `origin[i]` is the index, in code points, of what `text[i]` was in the text as it came."""

    text: str
    origin: list[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return where in the text as it came `text[start:end]` stood; `end > start`."""
        return self.origin[start], self.origin[end - 1] + 1

    def locate(self, start: int, end: int) -> tuple[int, int]:
        """Return where in `text` the characters `start:end` of the text as it came are now; empty if none is left."""
        inside = [i for i, at in enumerate(self.origin) if start <= at < end]
        return (inside[0], inside[-1] + 1) if inside else (0, 0)


def clean(text: str) -> Cleaned:
    """Take off the disguises of `text`; never fails on any string."""
    cleaned = _compose(_characters(text))
    cleaned = _undo_homoglyphs(cleaned)
    cleaned = _join_spaced_out(cleaned)
    cleaned = _undo_leet(cleaned)
    return _squeeze(cleaned)


def _collect(pairs: Iterable[tuple[str, int]]) -> Cleaned:
    """Build a `Cleaned` from strings and the index that all their characters come from."""
    parts, origin = [], []
    for part, at in pairs:
        parts.append(part)
        origin += [at] * len(part)
    return Cleaned("".join(parts), origin)


def _characters(text: str) -> Cleaned:
    """Read each character by itself."""
    if text.isascii() and text.isprintable():
        return Cleaned(text, list(range(len(text))))
    needed = {match.start() for match in _NEEDED_ZWNJ.finditer(text)} if _ZWNJ in text else ()
    return _collect((char if i in needed else _read_character(char), i) for i, char in enumerate(text))


@cache
def _read_character(char: str) -> str:
    """Return what a character is read as: nothing, itself, or others."""
    code = ord(char)
    if code in _FILLERS or code in _VOWEL_MARKS or code in _OVERLAYS:
        return ""
    if char in _SMALL_CAPITALS:
        return _SMALL_CAPITALS[char]
    if code in _ENCLOSED:
        return _ENCLOSED[code]
    category = unicodedata.category(char)
    if char.isspace() or category in ("Cs", "Zs", "Zl", "Zp"):
        return "\n" if char == "\n" else " "
    if category in ("Cf", "Cc") or 0xFE00 <= code <= 0xFE0F:
        return ""
    if category == "Nd":
        return str(unicodedata.digit(char))
    read = unicodedata.normalize("NFKC", char)
    if read == char:
        return char
    return "".join(_read_character(each) for each in read if each != char)


def _compose(cleaned: Cleaned) -> Cleaned:
    """Write letters and the marks after them as one character where Unicode has one, without heaps of marks."""
    text = cleaned.text
    if not any(map(unicodedata.combining, text)):
        return cleaned
    pairs: list[tuple[str, int]] = []
    i = 0
    while i < len(text):
        end = i + 1
        while end < len(text) and unicodedata.combining(text[end]):
            end += 1
        marks = text[i + 1 : end][:_MOST_MARKS]
        pairs.append((unicodedata.normalize("NFC", text[i] + marks) if marks else text[i], cleaned.origin[i]))
        i = end
    return _collect(pairs)


@cache
def _latin_twin(char: str) -> str | None:
    """Return the Latin letter that a Greek, Cyrillic or Armenian one looks like, if any."""
    folded = chr(fold_table()[ord(char)])
    if not ("a" <= folded <= "z"):
        return None
    return folded.upper() if char.isupper() else folded


def _undo_homoglyphs(cleaned: Cleaned) -> Cleaned:
    """Read look-alikes as Latin in words that mix scripts, and everywhere if there is nothing but look-alikes."""
    text = cleaned.text
    foreign = set(_MIMIC.findall(text))
    if not foreign or not any(char.isascii() and char.isalpha() for char in text):
        return cleaned
    everywhere = all(_latin_twin(char) for char in foreign if char.isalpha())
    chars = list(text)
    for word in _WORD.finditer(text):
        if everywhere or any(char.isascii() and char.isalpha() for char in word.group()):
            for i in range(*word.span()):
                if text[i] in foreign:
                    chars[i] = _latin_twin(text[i]) or text[i]
    return Cleaned("".join(chars), cleaned.origin)


def _join_spaced_out(cleaned: Cleaned) -> Cleaned:
    """Join three or more single letters that stand apart by one and the same separator."""
    dropped = {i for match in _SPACED.finditer(cleaned.text) for i in range(match.start() + 1, match.end(), 2)}
    return _without(cleaned, dropped)


def _without(cleaned: Cleaned, dropped: set[int]) -> Cleaned:
    if not dropped:
        return cleaned
    kept = [i for i in range(len(cleaned.text)) if i not in dropped]
    return Cleaned("".join(cleaned.text[i] for i in kept), [cleaned.origin[i] for i in kept])


def _undo_leet(cleaned: Cleaned) -> Cleaned:
    """Read digits and signs between the letters of a word as letters."""
    text = cleaned.text
    words = [match for match in _LEET_WORD.finditer(text) if sum(map(str.isalpha, match.group())) > 2]
    if not words:
        return cleaned
    letters = _LEET
    if _ARABIZI.search(text):
        letters = {sign: letter for sign, letter in _LEET.items() if sign not in _AMBIGUOUS}
    chars = list(text)
    for word in words:
        for i in range(*word.span()):
            letter = letters.get(text[i], text[i])
            chars[i] = letter.upper() if word.group().upper() == word.group() else letter
    return Cleaned("".join(chars), cleaned.origin)


def _squeeze(cleaned: Cleaned) -> Cleaned:
    """Shorten what is repeated: letters to two, signs to three, white space to one and none at either end."""
    text = cleaned.text
    dropped: set[int] = set()
    for match in _REPEATED.finditer(text):
        kept = 2 if match["letter"] else 3 if match["sign"] else 1
        dropped.update(range(match.start() + kept, match.end()))
    dropped.update(range(len(text.rstrip(" \n")), len(text)))
    dropped.update(range(len(text) - len(text.lstrip(" \n"))))
    return _without(cleaned, dropped)
