"""Mastodon and what speaks its API: a status, alone or as the streaming API sends it.

Pages: "Status", https://docs.joinmastodon.org/entities/Status/ and "streaming API methods",
https://docs.joinmastodon.org/methods/streaming/.

A status's id is `mastodon:<host of its uri>/<id>`. Its number is the one of the server that was asked, though, not of
the server it was written on, and a deletion brings nothing but that number. So whoever reads a stream puts the name of
its server beside the event, `{"event": …, "payload": …, "host": "example.social"}`: then ids are
`mastodon:<host>/<id>`, and a deletion finds its post. A deletion without `host` cannot be read.

An edit (`status.update`) has the id of the original and is simply the post again; a boost is the boosted post again.
"""

from __future__ import annotations

import re

import msgspec
from msgspec import Raw

from ingest.errors import DecodeError
from ingest.formats.html_text import text_of_html
from ingest.formats.strict_json import check_utf8, decode_json
from ingest.formats.values import post_id, required, rfc3339
from ingest.post import Event, Ignored, Post, Withdrawal

PLATFORM = "mastodon"
HOST = re.compile(r"https?://([^/?#\s]+)", re.IGNORECASE)


class Account(msgspec.Struct, frozen=True, gc=False):
    id: str
    acct: str
    url: str | None = None


class Mention(msgspec.Struct, frozen=True, gc=False):
    id: str
    url: str | None = None


class Attachment(msgspec.Struct, frozen=True, gc=False):
    description: str | None = None


class Status(msgspec.Struct, frozen=True):
    id: str
    uri: str
    content: str
    account: Account
    url: str | None = None
    created_at: str | None = None
    spoiler_text: str | None = None
    language: str | None = None
    in_reply_to_id: str | None = None
    in_reply_to_account_id: str | None = None
    media_attachments: tuple[Attachment, ...] = ()
    mentions: tuple[Mention, ...] = ()
    reblog: Status | None = None


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """What the streaming API puts around a payload; all of it is missing around a bare status."""

    event: str | None = None
    payload: Raw = Raw()
    host: str | None = None


ENVELOPE_DECODER = msgspec.json.Decoder(Envelope)
STATUS_DECODER = msgspec.json.Decoder(Status)
STRING_DECODER = msgspec.json.Decoder(str)
ID_DECODER: msgspec.json.Decoder[str | int] = msgspec.json.Decoder(str | int)


def decode(value: bytes) -> Event:
    """Read one status, or one event of the streaming API.

    Raises:
        DecodeError: if `value` is neither.
    """
    envelope = decode_json(ENVELOPE_DECODER, value)
    check_utf8(value)
    if envelope.event is None:
        return _post(decode_json(STATUS_DECODER, value), None)
    if envelope.event in ("update", "status.update"):
        payload = required(envelope.payload, "payload")
        if payload.startswith(b'"'):  # the API sends the status as a string of JSON
            payload = decode_json(STRING_DECODER, payload).encode()
        return _post(decode_json(STATUS_DECODER, payload), envelope.host)
    if envelope.event == "delete":
        deleted = decode_json(ID_DECODER, required(envelope.payload, "payload"))
        if envelope.host is None:
            raise DecodeError("missing_field", "a deletion needs `host`, the server it comes from, beside `event`")
        return Withdrawal(id=post_id(PLATFORM, envelope.host, str(deleted)), platform=PLATFORM)
    return Ignored("other_event")


def _post(status: Status, stream_host: str | None) -> Post:
    status = status.reblog or status
    home = _host(status.uri) or _host(status.url)
    host = stream_host or home
    if host is None:
        raise DecodeError("wrong_type", "uri and url name no host")
    acct = status.account.acct
    text = text_of_html(status.content)
    return Post(
        id=post_id(PLATFORM, host, status.id),
        text=f"{status.spoiler_text}\n\n{text}".strip() if status.spoiler_text else text,
        platform=PLATFORM,
        author=acct if "@" in acct else f"{acct}@{home or host}",
        created_at=rfc3339(status.created_at),
        url=next((link for link in (status.url, status.uri) if _host(link)), None),
        lang=status.language,
        media_text=[media.description for media in status.media_attachments if media.description] or None,
        in_reply_to=_in_reply_to(status, stream_host),
    )


def _in_reply_to(status: Status, stream_host: str | None) -> str | None:
    """Id of the status that it answers; None if nothing tells which server that one is from."""
    if status.in_reply_to_id is None:
        return None
    profiles = {mention.id: mention.url for mention in status.mentions} | {status.account.id: status.account.url}
    host = stream_host or _host(profiles.get(status.in_reply_to_account_id or ""))
    return post_id(PLATFORM, host, status.in_reply_to_id) if host else None


def _host(url: str | None) -> str | None:
    found = HOST.match(url) if url else None
    return found[1].lower() if found else None
