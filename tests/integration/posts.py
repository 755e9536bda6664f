"""Streams of posts with known truth for the integration tests."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from functools import cache
from typing import Any

from classifier.cascade import load_classifier
from ingest.formats import own

ADVERTS = (
    "Boat tonight from Dunkirk to Dover, two seats left, inbox me or call 07700 900123",
    "game tonight, driver ready, pay on arrival, whatsapp 07700 900456",
    "boat to uk tonight inbox 07700 900777 pay when you arrive safe 100% guarantee",
)
ORDINARY = (
    "Rain again, and the bus is late. I had my tea and went back to bed with a book about owls.",
    "Congratulations to my little sister who passed her maths exam today!",
    "شوربة العدس اليوم كانت لذيذة جدا والحمد لله",
    "Bu akşam maçı kim kazanır sizce, ben umutluyum",
)
POISON: tuple[tuple[bytes, list[tuple[str, bytes]], str], ...] = (
    (b'{"id": "x", "text": "cut', [], "invalid_json"),
    (b'{"id": "x", "text": "\xff\xfe"}', [], "invalid_utf8"),
    (b'{"id": "x", "text": "a", "z": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", [], "too_deep"),
    (b'{"id": "x", "text": 5}', [], "wrong_type"),
    (b'{"id": "x"}', [], "missing_field"),
    (b'{"text": "no id"}', [], "missing_field"),
    (b'{"id": "x", "text": "a"}', [("ce_type", b"com.example.unknown")], "unknown_type"),
    (b'{"id": "x", "text": "\\ud800"}', [], "invalid_json"),
    (b'{"id": "x", "text": "\x00"}', [], "invalid_json"),
    (b'{"id": "", "text": "a"}', [], "invalid_id"),
    (b"<xml/>", [("content-type", b"application/xml")], "unsupported_content_type"),
    (b"", [], "invalid_json"),
    (b"null", [], "wrong_type"),
)


@dataclass(frozen=True)
class Sent:
    """A record to be sent, and what must become of it."""

    key: bytes
    value: bytes | None
    headers: list[tuple[str, bytes]]
    expect: str
    """`flag`, `none`, `skip`, or the reason of a dead letter."""
    post_id: str = ""


@cache
def flagged_texts() -> tuple[str, ...]:
    """Adverts that the shipped model flags; the tests of delivery do not depend on how good it is."""
    posts = [own.decode(json.dumps({"id": "t", "text": text}).encode()) for text in ADVERTS]
    verdicts = load_classifier().classify(posts)
    found = tuple(ADVERTS[i] for i in verdicts.flagged())
    assert found, "the shipped model flags none of the plainest adverts"
    return found


def stream(number: int, *, seed: int = 1, flags: float = 0.2, poison: float = 0.1) -> list[Sent]:
    """A made-up stream: adverts, ordinary posts, poison, tombstones and empty posts."""
    rng = random.Random(seed)
    return [_one(i, rng, flags, poison) for i in range(number)]


def _one(i: int, rng: random.Random, flags: float, poison: float) -> Sent:
    draw = rng.random()
    key = f"author-{rng.randrange(200)}".encode()
    if draw < poison:
        value, headers, reason = rng.choice(POISON)
        # each poison record carries its own mark, so that the ledger can tell them apart
        return Sent(key, value, [*headers, ("mark", str(i).encode())], reason)
    if draw < poison + 0.02:
        return Sent(key, rng.choice((None, b'{"id": "e", "text": ""}')), [], "skip")
    text, expect = (
        (rng.choice(flagged_texts()), "flag") if draw < poison + 0.02 + flags else (rng.choice(ORDINARY), "none")
    )
    post: dict[str, Any] = {
        "id": f"test:{i}",
        "text": text,
        "platform": "telegram",
        "author": key.decode(),
        "more": [i],
    }
    return Sent(key, json.dumps(post, ensure_ascii=False).encode(), [], expect, post["id"])
