"""Payload formats, chosen by the header `ce_type`: each turns a platform's own JSON into events.

A format is a function `bytes -> Event` in a module named after the platform. It raises `DecodeError` and
nothing else, for any bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ingest.formats import own
from ingest.post import POST_TYPE, Event

Format = Callable[[bytes], Event]

FORMATS: Mapping[str, Format] = {
    POST_TYPE: own.decode,
}
"""`ce_type` → the function that reads it."""
