"""A dead letter: the record as it came, and what happened to it in headers beside its own."""

from __future__ import annotations

from typing import Any

from ingest.errors import DecodeError
from serving.sinks import Headers

PREFIX = "falsepassage.error."
CONTEXT = ("topic", "partition", "offset", "timestamp", "stage", "reason", "message", "attempts", "null_headers", "cut")
ATTEMPTS_HEADER = "falsepassage.attempts"
"""Carried by a replayed record: how often it has been a dead letter."""


def dead_letter_headers(record: Any, error: DecodeError, stage: str) -> list[tuple[str, bytes | None]]:
    """Return the record's own headers, untouched, followed by the context.

    The client cannot write a header without a value; such a header goes out empty and is named in `null_headers`.
    """
    own: list[tuple[str, bytes | None]] = list(record.headers)
    nulls = ",".join(str(i) for i, (_, value) in enumerate(own) if value is None)
    context = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "stage": stage,
        "reason": error.reason,
        "message": error.message[:500],
        "attempts": read_attempts(own) + 1,
    }
    if nulls:
        context["null_headers"] = nulls
    return [*own, *((PREFIX + name, str(value).encode(errors="replace")) for name, value in context.items())]


def read_attempts(headers: Headers) -> int:
    """Return how often a record has been a dead letter before; 0 if its header says nothing sensible."""
    for name, value in headers:
        if name == ATTEMPTS_HEADER and value is not None and value.isdigit() and len(value) < 10:
            return int(value)
    return 0


def split_headers(headers: Headers) -> tuple[list[tuple[str, bytes | None]], dict[str, str]]:
    """Part a dead letter's headers into the record's own and the context."""
    # The context comes last and begins with the topic: what looks like it before that is the record's own.
    begins = max((i for i, (name, _) in enumerate(headers) if name == PREFIX + CONTEXT[0]), default=len(headers))
    own: list[tuple[str, bytes | None]] = list(headers[:begins])
    context = {name.removeprefix(PREFIX): (value or b"").decode(errors="replace") for name, value in headers[begins:]}
    nulls = set(context.get("null_headers", "").split(","))
    own = [(name, None if str(i) in nulls else value) for i, (name, value) in enumerate(own)]
    return own, context
