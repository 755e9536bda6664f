"""Records as a consumer hands them out, for tests without a broker."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

ADVERT = "Boat tonight from Dunkirk to Dover, pay on arrival, 1400€ each, WhatsApp +44 7700 900 114"
"""The shipped model flags it by a wide margin."""
ORDINARY = "Rain again, and the bus is late. I went back to bed with a book about owls."


@dataclass(frozen=True)
class FakeRecord:
    """Has the fields of `ingest.source.Record`."""

    value: bytes | None
    key: bytes | None = b"author"
    headers: list[tuple[str, bytes | None]] = field(default_factory=list)
    offset: int = 0
    topic: str = "posts"
    partition: int = 0
    timestamp: int = 1_700_000_000_000


def post_json(post_id: str = "forum:1", text: str | None = ORDINARY, **fields: Any) -> bytes:
    """The JSON of a post, with any further fields."""
    return json.dumps({"id": post_id, "text": text, **fields}, ensure_ascii=False).encode()


def post_record(post_id: str = "forum:1", text: str | None = ORDINARY, offset: int = 0, **fields: Any) -> FakeRecord:
    """A record of a post without headers."""
    return FakeRecord(post_json(post_id, text, **fields), offset=offset)
