"""Why a post was flagged, for the person who reads it: evidence and one plain sentence.

The screen knows weights and no meanings. So it points at contacts and prices, which can be told by their form, and
names the words that weighed most; it does not guess at the other kinds of evidence.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from classifier.verdict import POSITIVE_LABELS, Evidence, EvidenceKind, Label
from ingest.post import Post

if TYPE_CHECKING:
    from classifier.screen import Screen

_CONTACT = r"""
    (?<![\w.])@\w{3,}                      # a handle
  | (?:https?://)?(?:t|wa)\.me/\S+          # a messenger's link
  | (?<![\w.+-])[\w.+-]+@[\w-]+\.\w+       # a mail address; from its beginning, or a long word takes for ever
  | \+?\d[\d ()./-]{7,}\d                  # a telephone number
"""
_PRICE = r"""
    [$€£₺]\s?\d[\d.,]*\s?k?
  | (?<![\d.,])\d[\d.,]*\s?k?\s?[$€£₺]
  | (?<![\d.,])\d[\d.,]*\s?(?:euros?|eur|usd|gbp|pounds?)\b
"""
_PATTERNS: tuple[tuple[EvidenceKind, re.Pattern[str]], ...] = (
    ("contact", re.compile(_CONTACT, re.VERBOSE)),
    ("price", re.compile(_PRICE, re.VERBOSE | re.IGNORECASE)),
)
_MOST_WORDS = 5
_MOST_EVIDENCE = 50
"""A post of nothing but prices must not make a review item that is too large for the broker."""


def explain(screen: Screen, post: Post, label: Label, score: float, threshold: float) -> tuple[list[Evidence], str]:
    """Return the evidence in a flagged post and the reason in words."""
    fields = [("text", post.text or ""), *((f"media_text/{i}", text) for i, text in enumerate(post.media_text or ()))]
    every = (found for name, text in fields for found in _find(name, text))
    evidence = list(itertools.islice(every, _MOST_EVIDENCE))
    words = heaviest_words(screen, "\n".join(text for _, text in fields), POSITIVE_LABELS.index(label))
    reason = f"{label} with probability {score:.2f}, threshold {threshold:.2f}; the words that weighed most: "
    return evidence, reason + ", ".join(words)


def heaviest_words(screen: Screen, text: str, label: int) -> list[str]:
    """Return the few words of `text` that moved its score most towards `label`, the heaviest first."""
    shares = screen.weigh_characters(text, label)
    weights: dict[str, float] = {}
    for word in re.finditer(r"\S+", text):
        weights[word.group()] = max(weights.get(word.group(), 0.0), float(shares[word.start() : word.end()].sum()))
    heaviest = sorted(weights, key=lambda word: -weights[word])[:_MOST_WORDS]
    return [word[:40] for word in heaviest if weights[word] > 0]


def _find(field: str, text: str) -> Iterator[Evidence]:
    taken = bytearray(len(text))
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            start, end = match.span()
            if not any(taken[start:end]):
                taken[start:end] = b"\1" * (end - start)
                yield Evidence(kind=kind, field=field, start=start, end=end, text=match.group())
