"""Bluesky, as Jetstream streams it.

Pages: "Jetstream", https://bsky.network/docs/jetstream/ (the events) and the lexicon "app.bsky.feed.post",
https://github.com/bluesky-social/atproto/blob/main/lexicons/app/bsky/feed/post.json (the record of a post).

A post's id is `bluesky:<did>/<record key>`. An edit (`operation: update`) has the id of the original and is simply
the post again. The end of an account takes all its posts with it, which are not named: it is ignored here, with a
reason of its own.
"""

from __future__ import annotations

import re

import msgspec
from msgspec import Raw

from ingest.errors import DecodeError
from ingest.formats.bluesky_embeds import media_text_of
from ingest.formats.strict_json import check_utf8, decode_json
from ingest.formats.values import post_id, required, rfc3339, rfc3339_from_unix
from ingest.post import Event, Ignored, Post, Withdrawal

PLATFORM = "bluesky"
POST_COLLECTION = "app.bsky.feed.post"
POST_URI = re.compile(rf"at://([^/\s]+)/{re.escape(POST_COLLECTION)}/([^/\s]+)")
ACCOUNT_REASONS = {"deleted": "account_deleted", "takendown": "account_takendown"}


class Commit(msgspec.Struct, frozen=True, gc=False):
    operation: str
    collection: str
    rkey: str
    record: Raw = Raw()


class Account(msgspec.Struct, frozen=True, gc=False):
    status: str | None = None


class JetstreamEvent(msgspec.Struct, frozen=True, gc=False):
    kind: str
    did: str
    time_us: int = 0
    commit: Commit | None = None
    account: Account | None = None


class Ref(msgspec.Struct, frozen=True, gc=False):
    uri: str


class Reply(msgspec.Struct, frozen=True, gc=False):
    parent: Ref


class Record(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    text: str
    created_at: str | None = None
    langs: tuple[str, ...] = ()
    reply: Reply | None = None
    embed: Raw = Raw()


EVENT_DECODER = msgspec.json.Decoder(JetstreamEvent)
RECORD_DECODER = msgspec.json.Decoder(Record)


def decode(value: bytes) -> Event:
    """Read one Jetstream event.

    Raises:
        DecodeError: if `value` is not one.
    """
    event = decode_json(EVENT_DECODER, value)
    check_utf8(value)
    if event.kind == "commit":
        return _from_commit(event)
    if event.kind == "account" and event.account is not None:
        return Ignored(ACCOUNT_REASONS.get(event.account.status or "", "account"))
    return Ignored(event.kind if event.kind in ("account", "identity") else "other_event")


def _from_commit(event: JetstreamEvent) -> Event:
    commit = event.commit
    if commit is None:
        raise DecodeError("missing_field", "Object missing required field `commit`")
    if commit.collection != POST_COLLECTION:
        return Ignored("other_collection")
    identifier = post_id(PLATFORM, event.did, commit.rkey)
    seen_at = rfc3339_from_unix(microseconds=event.time_us) if event.time_us else None
    if commit.operation == "delete":
        return Withdrawal(id=identifier, platform=PLATFORM, withdrawn_at=seen_at)
    if commit.operation not in ("create", "update"):
        raise DecodeError("wrong_type", "commit.operation is none of create, update, delete")
    record = decode_json(RECORD_DECODER, required(commit.record, "record"))
    return Post(
        id=identifier,
        text=record.text,
        platform=PLATFORM,
        author=event.did,
        created_at=rfc3339(record.created_at) or seen_at,
        url=f"https://bsky.app/profile/{event.did}/post/{commit.rkey}",
        lang=record.langs[0] if record.langs else None,
        media_text=media_text_of(bytes(record.embed)) or None,
        in_reply_to=_id_from_uri(record.reply.parent.uri) if record.reply else None,
    )


def _id_from_uri(uri: str) -> str | None:
    found = POST_URI.fullmatch(uri)
    return post_id(PLATFORM, found[1], found[2]) if found else None
