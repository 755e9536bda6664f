"""Disguises that smugglers use against filters, put on texts for training and evaluation.

A disguise looks at a text and gives edits; `apply` makes them and moves the marked evidence along. Some disguises
`classifier.clean` takes off again (there they cost nothing), the others the encoder has to learn.
"""

from __future__ import annotations

import random
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from classifier.encoder_input import fields_of
from classifier.training.corpus import LabelledPost, Span


class Edit(NamedTuple):
    """Put `new` in the place of `text[start:end]`."""

    start: int
    end: int
    new: str


Disguise = Callable[[str, random.Random], list[Edit]]


def apply(text: str, spans: Sequence[Span], edits: Sequence[Edit]) -> tuple[str, list[Span]]:
    """Make `edits`, in any order but without overlap; what is inserted at a border of a span stays outside it."""
    parts: list[str] = []
    befores: list[int] = [0]
    shifts: list[int] = [0]
    at = shift = 0
    ordered = sorted(edits)
    for edit in ordered:
        parts += (text[at : edit.start], edit.new)
        at = edit.end
        shift += len(edit.new) - (edit.end - edit.start)
        befores.append(edit.end)
        shifts.append(shift)
    parts.append(text[at:])

    def moved(position: int, *, end: bool) -> int:
        """Inside an edit, a start moves to the beginning of what is new there and an end to its end."""
        i = bisect_right(befores, position) - 1
        if i < len(ordered) and ordered[i].start < position < ordered[i].end:
            return ordered[i].start + shifts[i] + (len(ordered[i].new) if end else 0)
        if end and i and ordered[i - 1].start == ordered[i - 1].end == position:
            return position + shifts[i - 1]  # inserted right behind it
        return position + shifts[i]

    found = [Span(span.kind, span.field, moved(span.start, end=False), moved(span.end, end=True)) for span in spans]
    return "".join(parts), [span for span in found if span.end > span.start]


def disguise_post(post: LabelledPost, edit: Disguise, rng: random.Random) -> LabelledPost:
    """Put a disguise on every field of `post`."""
    fields = dict(fields_of(post.post))
    spans: list[Span] = []
    new: dict[str, str] = {}
    for name, text in fields.items():
        new[name], moved = apply(text, [span for span in post.spans if span.field == name], edit(text, rng))
        spans += moved
    media = [new[name] for name in fields if name != "text"] or None
    changed = msgspec.structs.replace(post.post, text=new["text"], media_text=media)
    return msgspec.structs.replace(post, post=changed, spans=tuple(spans))


# Words to draw from -------------------------------------------------------------------------------------------------

_EMOJI_WORDS = {
    "⛵": "boat boats dinghy قارب قوارب زورق قایق کشتی کښتۍ بەلەم بەلەمێک qeyik belem bot botu tekne varkë varka "
    "gommone thuyền xuồng bateau bateaux zodiac lancha barco bote doon jirgi ጀልባ নৌকা کشتیاں",
    "🚚": "lorry truck van شاحنة کامیون تریلی lori tır kamyon kamion kamioni camion camión lastik xe_tải",
    "🚗": "car taxi سيارة سیارة ماشین موټر ئۆتۆمبێل araba otomobîl makinë makina voiture coche carro taksi",
    "✈️": "flight plane fly طيارة طائرة پرواز هواپیما الوتکه فڕۆکە uçak uçuş balafir avion vol vuelo máy_bay",
    "💰": "money cash price فلوس مصاري پول پیسې پارە pere para lekë argent thune dinero tiền lacag kudi ገንዘብ টাকা",
    "💶": "euro euros eur يورو یورو یۆرۆ ewro avro",
    "🛂": "passport passports جواز پاسپورت پاسپۆرت pasaport pasaporte pasaportë passeport hộ_chiếu baasaboor paspọt",
    "📄": "visa visas papers فيزا تأشيرة ویزا ڤیزا vize vîze vizë papiers papeles giấy_tờ",
    "📞": "call phone اتصل تماس تلیفون telefon telefono téléphone appelle",
    "🇬🇧": "uk england britain بريطانيا انگلستان بریتانیا ingiltere îngilîstan angli anglisë angleterre inglaterra anh",
    "🇩🇪": "germany المانيا ألمانيا آلمان ئەڵمانیا almanya elmanya gjermani gjermania allemagne alemania đức",
    "🇮🇹": "italy إيطاليا ايطاليا ایتالیا italya îtalya itali italia italie",
    "✅": "guaranteed ضمان مضمون تضمینی گەرەنتی garanti garantî garanci garanti̇li garantie garantizado đảm_bảo",
    "🌊": "sea water بحر البحر دریا دەریا deniz derya deti det mer mar biển",
}
_EMOJI = {word.replace("_", " "): emoji for emoji, words in _EMOJI_WORDS.items() for word in words.split()}
_EMOJI_PATTERN = re.compile(
    r"(?<!\w)(?:" + "|".join(map(re.escape, sorted(_EMOJI, key=len, reverse=True))) + r")(?!\w)", re.IGNORECASE
)
_LEET = {"o": "0", "i": "1", "l": "1", "e": "3", "a": "4@", "s": "5$", "t": "7"}
_HOMOGLYPHS = {
    "a": "аα", "c": "с", "e": "е", "i": "і", "j": "ј", "o": "оο", "p": "рρ", "s": "ѕ", "x": "х", "y": "у", "k": "к",
    "h": "һ", "A": "АΑ", "B": "ВΒ", "C": "С", "E": "Е", "H": "Н", "I": "І", "K": "К", "M": "М", "O": "О", "P": "Р",
    "T": "Т", "X": "Х",
}  # fmt: skip
_DOTLESS = str.maketrans("بتثنجخذزشضظغفقي", "ٮٮٮںححدرسصطعڡٯى")
_CODE_POINTS = str.maketrans("يىكۀةیکہھەڕڵۆێ", "ییکههيكههەرلوی")
_ALPHABETS = (0x1D400, 0x1D41A), (0x1D434, 0x1D44E), (0x1D5D4, 0x1D5EE), (0x1D5A0, 0x1D5BA), (0x1D670, 0x1D68A)
"""Where the mathematical capitals and small letters begin: bold, italic, sans bold, sans, monospace."""
_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u200e\u00ad"
_DIGITS = ("٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹", "০১২৩৪৫৬৭৮৯", "０１２３４５６７８９", "𝟬𝟭𝟮𝟯𝟰𝟱𝟲𝟳𝟴𝟵")
_UNMARKED = {"ı": "i", "đ": "d", "ø": "o", "œ": "oe", "æ": "ae", "ɓ": "b", "ɗ": "d", "ƙ": "k", "ƴ": "y"}

_LETTER_WORD = re.compile(r"(?<![\w@./+])[^\W\d_]{3,}(?![\w@]|\.\w)")
_ARABIC_WORD = re.compile(r"[\u0620-\u064a\u066e-\u06d3\u06d5]{3,}")
_LATIN = re.compile(r"[A-Za-z]")


# Disguises ----------------------------------------------------------------------------------------------------------


def _some_words(
    text: str, rng: random.Random, share: float, pattern: re.Pattern[str] = _LETTER_WORD
) -> list[re.Match[str]]:
    """Draw a share of the words, at least one if there is any."""
    words = list(pattern.finditer(text))
    chosen = [word for word in words if rng.random() < share]
    return chosen or ([rng.choice(words)] if words else [])


def emoji_words(text: str, rng: random.Random) -> list[Edit]:
    """A picture in the place of the word: 🚚 for lorry."""
    return [
        Edit(*match.span(), _EMOJI[match.group().lower()])
        for match in _EMOJI_PATTERN.finditer(text)
        if match.group().lower() in _EMOJI and rng.random() < 0.8
    ]


def leetspeak(text: str, rng: random.Random) -> list[Edit]:
    """Digits and signs for letters: l0rry."""
    return [
        Edit(i, i + 1, rng.choice(_LEET[text[i].lower()]))
        for word in _some_words(text, rng, 0.4)
        for i in range(word.start() + 1, word.end() - 1)
        if text[i].lower() in _LEET and rng.random() < 0.6
    ]


def spacing(text: str, rng: random.Random) -> list[Edit]:
    """Letters apart: b o a t, b.o.a.t."""
    gap = rng.choice("  .-_*")
    return [
        Edit(i, i, gap)
        for word in _some_words(text, rng, 0.2)
        if word.group().isalpha()
        for i in range(word.start() + 1, word.end())
        if not unicodedata.combining(text[i])
    ]


def homoglyphs(text: str, rng: random.Random) -> list[Edit]:
    """Cyrillic and Greek letters that look Latin."""
    return [
        Edit(i, i + 1, rng.choice(_HOMOGLYPHS[text[i]]))
        for word in _some_words(text, rng, 0.6)
        for i in range(*word.span())
        if text[i] in _HOMOGLYPHS and rng.random() < 0.5
    ]


def tatweel(text: str, rng: random.Random) -> list[Edit]:
    """Arabic letters drawn out: قـــارب."""
    edits = []
    for word in _some_words(text, rng, 0.4, _ARABIC_WORD):
        at = rng.randrange(word.start() + 1, word.end())
        edits.append(Edit(at, at, "ـ" * rng.randint(1, 4)))
    return edits


def dotless(text: str, rng: random.Random) -> list[Edit]:
    """Arabic without its dots, as before the eighth century: ٯارٮ."""
    share = rng.choice((0.3, 1.0))
    return [
        Edit(*word.span(), word.group().translate(_DOTLESS)) for word in _some_words(text, rng, share, _ARABIC_WORD)
    ]


def arabic_code_points(text: str, rng: random.Random) -> list[Edit]:
    """Letters as another language's keyboard has them: ي for ی."""
    share = rng.choice((0.5, 1.0))
    return [
        Edit(*word.span(), word.group().translate(_CODE_POINTS)) for word in _some_words(text, rng, share, _ARABIC_WORD)
    ]


def zero_width(text: str, rng: random.Random) -> list[Edit]:
    """Invisible characters between the letters."""
    return [
        Edit(i, i, rng.choice(_INVISIBLE))
        for word in _some_words(text, rng, 0.5)
        for i in range(word.start() + 1, word.end())
        if rng.random() < 0.5
    ]


def mathematical(text: str, rng: random.Random) -> list[Edit]:
    """Letters meant for formulas: 𝗯𝗼𝗮𝘁."""
    capital, small = rng.choice(_ALPHABETS)
    share = rng.choice((0.3, 1.0))
    edits = []
    for word in _some_words(text, rng, share):
        for i in range(*word.span()):
            if "a" <= text[i] <= "z" and (small, text[i]) != (0x1D44E, "h"):  # italic h has no code point there
                edits.append(Edit(i, i + 1, chr(small + ord(text[i]) - ord("a"))))
            elif "A" <= text[i] <= "Z":
                edits.append(Edit(i, i + 1, chr(capital + ord(text[i]) - ord("A"))))
    return edits


def digit_scripts(text: str, rng: random.Random) -> list[Edit]:
    """Digits of another script."""
    digits = rng.choice(_DIGITS)
    return [Edit(i, i + 1, digits[int(char)]) for i, char in enumerate(text) if char.isascii() and char.isdigit()]


def repeated_letters(text: str, rng: random.Random) -> list[Edit]:
    """Letters held: boooat."""
    edits = []
    for word in _some_words(text, rng, 0.15):
        at = rng.randrange(word.start(), word.end())
        if not unicodedata.combining(text[at]):
            edits.append(Edit(at, at + 1, text[at] * rng.randint(2, 5)))
    return edits


def unmarked(text: str, rng: random.Random) -> list[Edit]:
    """Latin letters without their marks, as many type them: cok ucuz, di gjermani."""
    share = rng.choice((0.5, 1.0))
    edits = []
    for word in _some_words(text, rng, share):
        for i in range(*word.span()):
            base = _UNMARKED.get(text[i]) or unicodedata.normalize("NFD", text[i])[0]
            if base != text[i] and _LATIN.match(base):
                edits.append(Edit(i, i + 1, base))
    return edits


def letter_case(text: str, rng: random.Random) -> list[Edit]:
    """All small letters, or all capitals."""
    change = rng.choice((str.lower, str.lower, str.upper))
    return [
        Edit(i, i + 1, change(char)) for i, char in enumerate(text) if len(change(char)) == 1 and change(char) != char
    ]


DISGUISES: dict[str, Disguise] = {
    "emoji_words": emoji_words,
    "leetspeak": leetspeak,
    "spacing": spacing,
    "homoglyphs": homoglyphs,
    "tatweel": tatweel,
    "dotless": dotless,
    "arabic_code_points": arabic_code_points,
    "zero_width": zero_width,
    "mathematical": mathematical,
    "digit_scripts": digit_scripts,
    "repeated_letters": repeated_letters,
    "unmarked": unmarked,
    "letter_case": letter_case,
}


def disguise(post: LabelledPost, rng: random.Random, most: int = 2) -> LabelledPost:
    """Put one to `most` disguises on `post`, of those that change it."""
    wanted = rng.randint(1, most)
    for name in rng.sample(sorted(DISGUISES), len(DISGUISES)):
        changed = disguise_post(post, DISGUISES[name], rng)
        if changed.post != post.post:
            post = changed
            wanted -= 1
            if not wanted:
                break
    return post


# Contacts -----------------------------------------------------------------------------------------------------------

_PHONE = re.compile(r"(?<![\w.])(?:\+|00)?\d[\d \-()]{7,}\d(?!\w)")
_HANDLE = re.compile(r"(?<![\w.])@\w{3,}")
_LINK = re.compile(r"https?://\S+|(?<![\w@./])(?:t\.me|wa\.me|example\.(?:com|org|net))(?:/\S*)?")
_PREFIXES = ("+44 7", "07", "+964 7", "0750", "+98 9", "+93 7", "+90 5", "+355 6", "+84 9", "+33 6", "+49 15", "00", "")
_SYLLABLES = [
    "ba",
    "ka",
    "ro",
    "mi",
    "sa",
    "del",
    "nor",
    "ali",
    "han",
    "za",
    "ko",
    "ti",
    "ve",
    "lu",
    "ra",
    "no",
    "sha",
    "fe",
    "go",
    "in",
    "ar",
    "mo",
    "dy",
]


def _phone(rng: random.Random) -> str:
    digits = rng.choice(_PREFIXES)
    for _ in range(rng.randint(7, 9)):
        digits += ("", " ", "-")[rng.choices((0, 1, 2), (8, 2, 1))[0]] + str(rng.randrange(10))
    return digits.strip()


def _name(rng: random.Random) -> str:
    name = "".join(rng.choices(_SYLLABLES, k=rng.randint(2, 4)))
    return name + rng.choice(("", "", "_", ".", str(rng.randrange(1000)), "_" + str(rng.randrange(100))))


def vary_contacts(text: str, rng: random.Random) -> list[Edit]:
    """Other numbers, handles and links for those that data sets and the corpus mask or reserve, or none.

    Without this the model would learn that `07700 900` and `@example` mean one label or the other.
    """
    edits: list[Edit] = []

    def add(pattern: re.Pattern[str], new: Callable[[], str]) -> None:
        for match in pattern.finditer(text):
            if all(match.end() <= edit.start or match.start() >= edit.end for edit in edits):
                edits.append(Edit(*match.span(), new()))

    links = ("https://t.co/", "https://bit.ly/", "http://", "https://t.me/", "https://wa.me/")
    add(_LINK, lambda: rng.choice(links) + _name(rng).rstrip("_.") + rng.choice(("", ".com", "/a1", ".net/x")))
    add(_HANDLE, lambda: "@" + _name(rng).rstrip("."))
    add(_PHONE, lambda: _phone(rng))
    return edits


def drop_masks(text: str, rng: random.Random) -> list[Edit]:
    """Take masked handles and links of a data set out, most of them."""
    pattern = re.compile(r"(?:@handle|@user|https://example\.com|\bhttp\b)\s*")
    return [Edit(*match.span(), "") for match in pattern.finditer(text) if rng.random() < 0.7]
