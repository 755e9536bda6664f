"""Made-up payloads in the platforms' own formats, as a firehose would bring them, for the stream of the demo."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from html import escape
from typing import Any

import msgspec

Payload = Callable[[int, str, str, datetime], tuple[str, bytes]]
"""Number of the record, author, text and time → `ce_type` and value."""


def bluesky_post(number: int, author: str, text: str, now: datetime) -> tuple[str, bytes]:
    """A post."""
    record = {"$type": "app.bsky.feed.post", "text": text, "createdAt": now.isoformat()}
    return _bluesky(number, author, now, operation="create", collection="app.bsky.feed.post", record=record)


def bluesky_like(number: int, author: str, text: str, now: datetime) -> tuple[str, bytes]:  # noqa: ARG001
    """No post at all: to be skipped."""
    return _bluesky(number, author, now, operation="create", collection="app.bsky.feed.like", record={})


def bluesky_deletion(number: int, author: str, text: str, now: datetime) -> tuple[str, bytes]:  # noqa: ARG001
    """Word that a post is gone, which is passed on to the review topic."""
    return _bluesky(number, author, now, operation="delete", collection="app.bsky.feed.post")


def mastodon_status(number: int, author: str, text: str, now: datetime) -> tuple[str, bytes]:
    """A status; its text is HTML."""
    status = {
        "id": str(10**17 + number), "created_at": now.isoformat(), "content": f"<p>{escape(text)}</p>",
        "uri": f"https://example.social/users/{author}/statuses/{number}", "spoiler_text": "",
        "url": f"https://example.social/@{author}/{number}",
        "account": {"id": "1", "acct": author, "url": f"https://example.social/@{author}"},
        "media_attachments": [], "mentions": [],
    }  # fmt: skip
    return "com.falsepassage.mastodon.status.v1", msgspec.json.encode(status)


def x_post(number: int, author: str, text: str, now: datetime) -> tuple[str, bytes]:
    """A post of X."""
    tweet = {"id": str(10**18 + number), "text": text, "author_id": author, "created_at": now.isoformat()}
    return "com.falsepassage.x.tweet.v2", msgspec.json.encode(tweet)


def telegram_message(number: int, author: str, text: str, now: datetime) -> tuple[str, bytes]:
    """A post of a channel."""
    chat = {"id": -1001234567890, "title": author, "type": "channel"}
    message = {"message_id": number + 1, "chat": chat, "date": int(now.timestamp()), "text": text}
    return "com.falsepassage.telegram.message.v1", msgspec.json.encode({"update_id": number, "channel_post": message})


PAYLOADS: tuple[Payload, ...] = (
    bluesky_post, bluesky_like, bluesky_deletion, mastodon_status, x_post, telegram_message,
)  # fmt: skip


def _bluesky(number: int, author: str, now: datetime, **commit: Any) -> tuple[str, bytes]:
    event = {
        "did": f"did:plc:{author}", "time_us": int(now.timestamp() * 1_000_000), "kind": "commit",
        "commit": {"rkey": f"3k{number:x}", **commit},
    }  # fmt: skip
    return "com.falsepassage.bluesky.jetstream.v1", msgspec.json.encode(event)
