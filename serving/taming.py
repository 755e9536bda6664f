"""What to do with an output that its topic refuses, so that one odd record does not stop a worker for good."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace

import msgspec

from serving.dead_letter_records import PREFIX
from serving.sinks import Output

LARGE = 192 * 1024
"""Outputs from this size on, in bytes, are cut: far below what any topic allows."""
CUT_TO = 64 * 1024
_AHEAD_MS = 60_000


def tamed(output: Output) -> Output:
    """Return `output` as any topic takes it: large parts cut, a timestamp from the future left out.

    A dead letter says in its header `cut` what it was cut from, and in its context which timestamp it had; a review
    item says `"cut": true` in its post. The record itself stays where it came from, as long as its topic keeps it.
    """
    is_letter = any(name == f"{PREFIX}topic" for name, _ in output.headers)
    if output.timestamp_ms is not None and output.timestamp_ms > time.time() * 1000 + _AHEAD_MS:
        output = replace(output, timestamp_ms=None)
    headers = [(name, None if value is None else value[:CUT_TO]) for name, value in output.headers]
    size = len(output.value or b"") + len(output.key or b"") + sum(len(value or b"") for _, value in output.headers)
    if size < LARGE:
        return output
    if is_letter:
        value = output.value or b""
        cut = f"{len(value)} bytes, sha256 {hashlib.sha256(value).hexdigest()}"
        headers = [*_few(headers), (f"{PREFIX}cut", cut.encode())]
        return replace(output, key=(output.key or b"")[:CUT_TO] or None, value=value[:CUT_TO], headers=headers)
    return replace(output, value=_cut_item(output.value or b"{}"))


def _few(headers: list[tuple[str, bytes | None]]) -> list[tuple[str, bytes | None]]:
    """The context, and of the record's own headers as many as are not too much."""
    kept: list[tuple[str, bytes | None]] = []
    size = 0
    for name, value in headers:
        size += len(name) + len(value or b"")
        if size < CUT_TO or name.startswith(PREFIX):
            kept.append((name, value))
    return kept


def _cut_item(value: bytes) -> bytes:
    """A review or audit item with only the fields of its post that we know, and their beginning."""
    item = msgspec.json.decode(value)
    post = item["post"]
    known = ("id", "platform", "author", "created_at", "url", "lang", "in_reply_to")
    small: dict[str, object] = {name: str(post[name])[:2_000] for name in known if post.get(name) is not None}
    small["text"] = (post.get("text") or "")[:10_000]
    if post.get("media_text"):
        small["media_text"] = [text[:2_000] for text in post["media_text"][:5]]
    return msgspec.json.encode({**item, "post": {**small, "cut": True}})
