"""Normalisation: one reading of a text, whatever disguise it wears, shared by training and inference.

A batch of texts is one array of code points, so the work is a few passes of numpy over all of them and no Python a
post. What is undone: letter case, compatibility forms (mathematical, full-width, circled, squared, small-capital
letters), accents, Cyrillic and Greek look-alikes, zero-width and bidi characters, tatweel, harakat, the several code
points of one Arabic letter, digits of any script, digits put for letters (`l0rry`) and letters for digits (`077OO`),
letters spaced out (`b o a t`), repeated letters.

The result is for machines: it is folded more than a reader would like. `align` leads back to the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier.folding import DELETED, LIGATURE, SPACE, expansions, fold_table

PAD = 0
"""Stands between two texts, `GAP` times, so that no n-gram of up to `GAP + 1` characters spans both."""
GAP = 4
DIGIT = ord("0")
"""Every digit, once its work as a letter is done: a price is a price."""

_OPEN, _CLOSE = " ", " " + "\0" * GAP
_LEET = np.frombuffer(b"olzeasgtbg", np.uint8).astype(np.uint16)
"""The letter that each digit stands for inside a word. Arabizi uses digits as letters too, and is folded alike."""

_LETTER_O = ord("o")

Codes = NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Reading:
    """A batch of normalised texts.

    Shapes: `codes` [positions]; `starts` and `ends` [texts], such that `codes[starts[i]:ends[i]]` is text i, opened
    and closed by one space, and followed by `GAP` times `PAD`.
    """

    codes: Codes
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts)

    def text(self, i: int) -> str:
        """Text i as it was read, without the spaces that open and close it."""
        return "".join(map(chr, self.codes[self.starts[i] : self.ends[i]])).strip(" ")


def normalise(text: str) -> str:
    """Return `text` as the classifier reads it."""
    return read([text]).text(0)


def read(texts: Sequence[str]) -> Reading:
    """Normalise `texts`, all at once. Any strings are texts: never fails."""
    codes, _ = _read(texts, with_index=False)
    pads = np.flatnonzero(codes == PAD)
    ends = pads[::GAP]
    starts = np.concatenate(([0], pads[GAP - 1 :: GAP][:-1] + 1)) if len(texts) else ends
    return Reading(codes, starts, ends)


def align(text: str) -> NDArray[np.int64]:
    """Lead back from the reading of `text` to itself.

    Returns:
        For each code of `read([text])` up to its end, the index of the character of `text` it was read from, in code
        points; shape [codes]. The spaces that open and close the reading belong to the first and last character.
    """
    codes, index = _read([text], with_index=True)
    assert index is not None
    return np.clip(index[: len(codes) - GAP] - len(_OPEN), 0, max(len(text) - 1, 0))


def _read(texts: Sequence[str], *, with_index: bool) -> tuple[Codes, NDArray[np.int64] | None]:
    """Return the codes of all texts in a row and, if asked for, where in the joined texts each came from."""
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    joined = _OPEN + (_CLOSE + _OPEN).join(texts) + _CLOSE if len(texts) else ""
    raw = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
    ends = np.cumsum(lengths + (len(_OPEN) + len(_CLOSE)))

    codes = fold_table().take(raw, mode="clip")
    codes[(ends[:, None] - np.arange(1, GAP + 1)).ravel()] = PAD
    index = np.arange(len(codes)) if with_index else None
    codes, index = _expand(codes, index, raw)
    codes, index = _drop(codes == DELETED, codes, index)
    _read_digits(codes)
    codes, index = _drop(_repeated(codes), codes, index)
    return _drop(_spaced_out(codes), codes, index)


def _drop(
    gone: NDArray[np.bool_] | None, codes: Codes, index: NDArray[np.int64] | None
) -> tuple[Codes, NDArray[np.int64] | None]:
    if gone is None or not gone.any():
        return codes, index
    kept = ~gone
    return codes[kept], None if index is None else index[kept]


def _expand(
    codes: Codes, index: NDArray[np.int64] | None, raw: NDArray[np.uint32]
) -> tuple[Codes, NDArray[np.int64] | None]:
    """Write each ligature out as the letters it stands for."""
    where = np.flatnonzero(codes == LIGATURE)
    if not where.size:
        return codes, index
    table = expansions()
    letters = [table[int(code)] for code in raw[where]]
    counts = np.ones(len(codes), np.int64)
    counts[where] = [len(each) for each in letters]
    first = np.cumsum(counts) - counts
    codes = np.repeat(codes, counts)
    for position, each in zip(first[where], letters, strict=True):
        codes[position : position + len(each)] = each
    return codes, None if index is None else np.repeat(index, counts)


def _is_digit(codes: Codes) -> NDArray[np.bool_]:
    return (codes - np.uint16(DIGIT)) < 10


def _is_latin(codes: Codes) -> NDArray[np.bool_]:
    return (codes - np.uint16(ord("a"))) < 26


def _read_digits(codes: Codes) -> None:
    """Read the letter o inside numbers as a digit, digits inside words as letters, and all other digits as one."""
    digit = np.flatnonzero(_is_digit(codes))
    if not digit.size:
        return
    o_after = digit[codes[digit + 1] == _LETTER_O] + 1
    for _ in range(2):
        follows = codes[o_after + 1]
        alone = ~_is_latin(follows) | (follows == _LETTER_O)
        o_after = o_after[alone]
        codes[o_after] = DIGIT
        digit = np.union1d(digit, o_after)
        o_after = o_after[codes[o_after + 1] == _LETTER_O] + 1

    before, here, after, later = codes[digit - 1], codes[digit], codes[digit + 1], codes[digit + 2]
    word_before, word_after, word_later = _is_latin(before), _is_latin(after), _is_latin(later)
    in_word = word_after & (word_before | ((before == SPACE) & word_later))
    in_word |= word_before & _is_digit(after) & word_later
    in_word[1:] |= in_word[:-1] & (digit[1:] == digit[:-1] + 1) & word_after[1:]
    codes[digit] = np.where(in_word, _LEET[here - DIGIT], DIGIT)


def _repeated(codes: Codes) -> NDArray[np.bool_]:
    """True for the third and later of a letter repeated, and for the second and later of a space."""
    gone = np.zeros(len(codes), bool)
    same = np.flatnonzero(codes[1:] == codes[:-1]) + 1
    what = codes[same]
    third = codes[same - 2] == what
    gone[same] = (what == SPACE) | (third & (what != PAD) & (what != DIGIT))
    return gone


def _spaced_out(codes: Codes) -> NDArray[np.bool_] | None:
    """True for the spaces inside three or more single letters: `b o a t`."""
    space = codes == SPACE
    single = np.zeros(len(codes), bool)
    single[1:-1] = space[:-2] & space[2:]
    where = np.flatnonzero(single)
    letter = codes[where]
    where = where[(letter != SPACE) & (letter != PAD) & ~_is_digit(letter)]
    single[:] = False
    single[where] = True
    pairs = where[single[where + 2]]
    spaces = pairs[single[pairs - 2] | single[pairs + 4]] + 1
    if not spaces.size:
        return None
    single[:] = False
    single[spaces] = True
    return single
