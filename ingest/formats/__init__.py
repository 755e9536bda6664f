"""Payload formats, chosen by the header `ce_type`: each turns a platform's own JSON into events.

A format is a function `bytes -> Event` in a module named after the platform. It raises `DecodeError` and
nothing else, for any bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ingest.formats import bluesky, mastodon, own, telegram, x
from ingest.post import POST_TYPE, WITHDRAWAL_TYPE, Event

Format = Callable[[bytes], Event]

FORMATS: Mapping[str, Format] = {
    POST_TYPE: own.decode,
    WITHDRAWAL_TYPE: own.decode_withdrawal,
    "com.falsepassage.bluesky.jetstream.v1": bluesky.decode,
    "com.falsepassage.mastodon.status.v1": mastodon.decode,
    "com.falsepassage.x.tweet.v2": x.decode,
    "com.falsepassage.telegram.message.v1": telegram.decode,
}
"""`ce_type` → the function that reads it."""
