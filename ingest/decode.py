"""Bytes of a record → what it says, apart from any transport.

The CloudEvents Kafka binding in binary mode (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md)
puts the type of the event in the header `ce_type`; a record without that header is a plain post.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ingest.errors import DecodeError
from ingest.formats import FORMATS, own
from ingest.post import POST_TYPE, Event

Headers = Sequence[tuple[str, bytes | None]]


def decode(value: bytes, headers: Headers = ()) -> Event:
    """Read one record's value in the format that its headers name.

    Raises:
        DecodeError: whatever the bytes are, never anything else.
    """
    if not headers:
        return own.decode(value)
    ce_type, content_type = _header(headers, "ce_type"), _header(headers, "content-type")
    if content_type is not None and not _is_json(content_type):
        raise DecodeError("unsupported_content_type", f"content-type is {content_type[:80]!r}; send application/json")
    if ce_type is None or ce_type == POST_TYPE:
        return own.decode(value)
    known = FORMATS.get(ce_type)
    if known is None:
        raise DecodeError("unknown_type", f"ce_type {ce_type[:80]!r} is none of {', '.join(sorted(FORMATS))}")
    return known(value)


def _header(headers: Iterable[tuple[str, bytes | None]], name: str) -> str | None:
    """The last value of the header `name` (Kafka lets a later header of the same name win)."""
    found: bytes | None = None
    for key, raw in headers:
        if key == name:
            found = raw
    if found is None:
        return None
    try:
        return found.decode()
    except UnicodeDecodeError:
        raise DecodeError("invalid_utf8", f"the header {name} is not UTF-8") from None


def _is_json(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type in ("application/json", "text/json") or (
        media_type.endswith("+json") and media_type != "application/cloudevents+json"
    )
