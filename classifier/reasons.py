"""Why a post was flagged, for the person who reads it: evidence and one plain sentence.

The encoder points at its evidence itself. A model without tags knows weights and no meanings: there, contacts and
prices are told by their form, and the words that weighed most are named; the other kinds are not guessed at.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from classifier.encoder_input import fields_of
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
_MOST_QUOTES = 3
_MOST_EVIDENCE = 50
"""A post of nothing but prices must not make a review item that is too large for the broker."""


def explain_by_evidence(
    evidence: list[Evidence], label: Label, score: float, threshold: float
) -> tuple[list[Evidence], str]:
    """Return the evidence that the encoder pointed at, in bounds, and the reason in words."""
    evidence = evidence[:_MOST_EVIDENCE]
    quoted: dict[str, list[str]] = {}
    for each in evidence:
        words = " ".join(each.text.split())[:60]
        if words not in quoted.setdefault(each.kind, []):
            quoted[each.kind].append(words)
    shown = "; ".join(f"{kind} {', '.join(words[:_MOST_QUOTES])}" for kind, words in quoted.items())
    return evidence, f"{_verdict(label, score, threshold)}; {shown or 'by the post as a whole'}"


def explain_by_words(
    screen: Screen, post: Post, label: Label, score: float, threshold: float
) -> tuple[list[Evidence], str]:
    """Return what can be told by its form in a flagged post, and the reason in words."""
    evidence = find_by_form(post)
    words = heaviest_words(screen, "\n".join(text for _, text in fields_of(post)), POSITIVE_LABELS.index(label))
    return evidence, f"{_verdict(label, score, threshold)}; the words that weighed most: {', '.join(words)}"


def find_by_form(post: Post) -> list[Evidence]:
    """Return the contacts and prices of a post."""
    every = (found for name, text in fields_of(post) for found in _find(name, text))
    return list(itertools.islice(every, _MOST_EVIDENCE))


def _verdict(label: Label, score: float, threshold: float) -> str:
    return f"{label} with probability {score:.2f}, threshold {threshold:.2f}"


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
