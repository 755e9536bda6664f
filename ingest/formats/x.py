"""X (Twitter): a post as the X API v2 gives it, and the deletions of its compliance streams.

Pages: "Data Dictionary", https://docs.x.com/x-api/fundamentals/data-dictionary (the objects), "Edit Posts",
https://docs.x.com/x-api/fundamentals/edit-posts and "Compliance Streams",
https://docs.x.com/x-api/compliance/streams/introduction (deletions).

A post's id is `x:<id>`. X gives an edited post a new number and lists all of them, oldest first: the id is the oldest,
so that an edit has the id of the original and is simply the post again. A retweet whose original is in
`includes.tweets` is that original again; without it, only the shortened text of the retweet can be read.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Raw

from ingest.errors import DecodeError
from ingest.formats.strict_json import check_utf8, decode_json
from ingest.formats.values import post_id, rfc3339, rfc3339_from_unix
from ingest.post import Event, Ignored, Post, Withdrawal

PLATFORM = "x"
POST_COMPLIANCE = frozenset(("drop", "tweet_edit", "undrop", "withheld"))


class Reference(msgspec.Struct, frozen=True, gc=False):
    type: str
    id: str


class Attachments(msgspec.Struct, frozen=True, gc=False):
    media_keys: tuple[str, ...] = ()


class Note(msgspec.Struct, frozen=True, gc=False):
    """The whole of a post that is longer than `text` can be."""

    text: str


class Tweet(msgspec.Struct, frozen=True, gc=False):
    id: str
    text: str
    author_id: str | None = None
    created_at: str | None = None
    lang: str | None = None
    note_tweet: Note | None = None
    attachments: Attachments | None = None
    referenced_tweets: tuple[Reference, ...] = ()
    edit_history_tweet_ids: tuple[str, ...] = ()

    def referenced(self, kind: str) -> str | None:
        return next((reference.id for reference in self.referenced_tweets if reference.type == kind), None)


class User(msgspec.Struct, frozen=True, gc=False):
    id: str
    username: str


class Media(msgspec.Struct, frozen=True, gc=False):
    media_key: str
    alt_text: str | None = None


class Includes(msgspec.Struct, frozen=True, gc=False):
    users: tuple[User, ...] = ()
    media: tuple[Media, ...] = ()
    tweets: tuple[Tweet, ...] = ()


class TweetRef(msgspec.Struct, frozen=True, gc=False):
    id: str


class StatusRef(msgspec.Struct, frozen=True, gc=False):
    id_str: str


class Deletion(msgspec.Struct, frozen=True, gc=False):
    """`tweet` and `event_at` in the streams of v2, `status` and `timestamp_ms` in the older ones."""

    tweet: TweetRef | None = None
    status: StatusRef | None = None
    event_at: str | None = None
    timestamp_ms: Annotated[str, msgspec.Meta(pattern="^[0-9]{1,18}$")] | None = None


FIELDS_DECODER = msgspec.json.Decoder(dict[str, Raw])
INCLUDES_DECODER = msgspec.json.Decoder(Includes)
TWEET_DECODER = msgspec.json.Decoder(Tweet)
DELETION_DECODER = msgspec.json.Decoder(Deletion)


def decode(value: bytes) -> Event:
    """Read one post, bare or as `{"data": …, "includes": …}`, or one compliance event, bare or in `data`.

    Raises:
        DecodeError: if `value` is neither.
    """
    fields = decode_json(FIELDS_DECODER, value)
    check_utf8(value)
    includes = Includes()
    if "data" in fields:
        if "includes" in fields:
            includes = decode_json(INCLUDES_DECODER, bytes(fields["includes"]))
        value = bytes(fields["data"])
        fields = decode_json(FIELDS_DECODER, value)
    if "delete" in fields:
        return _withdrawal(decode_json(DELETION_DECODER, bytes(fields["delete"])))
    if any(name in POST_COMPLIANCE or name.startswith("user_") for name in fields):
        return Ignored("compliance_event")
    return _post(decode_json(TWEET_DECODER, value), includes)


def _withdrawal(deletion: Deletion) -> Withdrawal:
    if deletion.tweet is not None:
        deleted = deletion.tweet.id
    elif deletion.status is not None:
        deleted = deletion.status.id_str
    else:
        raise DecodeError("missing_field", "Object missing required field `tweet` or `status` - at `$.delete`")
    withdrawn_at = rfc3339(deletion.event_at)
    if withdrawn_at is None and deletion.timestamp_ms is not None:
        withdrawn_at = rfc3339_from_unix(microseconds=int(deletion.timestamp_ms) * 1000)
    return Withdrawal(id=post_id(PLATFORM, deleted), platform=PLATFORM, withdrawn_at=withdrawn_at)


def _post(tweet: Tweet, includes: Includes) -> Post:
    original = tweet.referenced("retweeted")
    tweet = next((included for included in includes.tweets if included.id == original), tweet)
    username = next((user.username for user in includes.users if user.id == tweet.author_id), None)
    media_keys = frozenset(tweet.attachments.media_keys if tweet.attachments else ())
    parent = tweet.referenced("replied_to")
    return Post(
        id=post_id(PLATFORM, *(tweet.edit_history_tweet_ids or (tweet.id,))[:1]),
        text=_unescaped(tweet.note_tweet.text if tweet.note_tweet else tweet.text),
        platform=PLATFORM,
        author=username or tweet.author_id,
        created_at=rfc3339(tweet.created_at),
        url=f"https://x.com/{username or 'i/web'}/status/{tweet.id}",
        lang=tweet.lang,
        media_text=[m.alt_text for m in includes.media if m.alt_text and m.media_key in media_keys] or None,
        in_reply_to=post_id(PLATFORM, parent) if parent is not None else None,
    )


def _unescaped(text: str) -> str:
    """X escapes these three characters in a post's text, and no others."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
