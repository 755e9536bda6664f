"""Errors of the package `ingest`.

IngestError
├── DecodeError          one record cannot be read: it becomes a dead letter
├── SourceError          the source is broken: the worker stops and says what to do
└── TopicError           a topic cannot be created or described
"""

from __future__ import annotations


class IngestError(Exception):
    """Base of every error this package raises."""


class DecodeError(IngestError):
    """One record cannot be read as a post.

    `reason` is a short, stable word from `REASONS`, fit for a metric label; the message says what is wrong with
    this record and never quotes its text.
    """

    def __init__(self, reason: str, message: str) -> None:
        if reason not in REASONS:
            raise ValueError(f"unknown reason {reason!r}: add it to ingest.errors.REASONS")
        super().__init__(message)
        self.reason = reason
        self.message = message


class SourceError(IngestError):
    """Posts cannot be read from the source any more."""


class TopicError(IngestError):
    """A topic cannot be created or described."""


REASONS: dict[str, str] = {
    "invalid_utf8": "the value, a header or a key that must be text is not UTF-8",
    "invalid_json": "the value is not JSON: truncated, malformed, or with a lone surrogate or a control character",
    "too_deep": "the JSON is nested too deeply",
    "too_large": "the value is larger than a post may be",
    "wrong_type": "a field has another type than the format says",
    "missing_field": "a field that the format requires is not there",
    "invalid_id": "the id is empty, too long, or holds control characters",
    "unknown_type": "the header ce_type names a format that is not known",
    "unsupported_content_type": "the header content-type is not JSON",
}
"""Every reason why a record becomes a dead letter while it is decoded, and what it means."""
