"""Telegram: a message as the Bot API gives it, or as Telethon dumps it (see `telethon`).

Page: "Telegram Bot API", https://core.telegram.org/bots/api, the types `Update` and `Message`.

A post's id is `telegram:<chat id>/<message id>` with the chat id as the Bot API writes it (a channel's is −100… before
its number), so that both ways of reading one channel agree and a deletion, which knows no user name, finds its post. An
edited message has the id of the original and is simply the post again.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw

from ingest.errors import DecodeError
from ingest.formats import telethon
from ingest.formats.strict_json import check_utf8, decode_json
from ingest.formats.telegram_ids import PLATFORM, Id, message_post_id, message_url
from ingest.formats.values import rfc3339_from_unix
from ingest.post import Event, Ignored, Post

BOT_MESSAGES = ("channel_post", "edited_channel_post", "message", "edited_message")


class Named(msgspec.Struct, frozen=True, gc=False):
    """A chat or a user."""

    id: Id
    username: str | None = None


class RepliedTo(msgspec.Struct, frozen=True, gc=False):
    message_id: Id
    chat: Named


class BotMessage(msgspec.Struct, frozen=True, gc=False):
    message_id: Id
    chat: Named
    date: Id
    sender: Named | None = msgspec.field(name="from", default=None)
    sender_chat: Named | None = None
    text: str | None = None
    caption: str | None = None
    reply_to_message: RepliedTo | None = None


FIELDS_DECODER = msgspec.json.Decoder(dict[str, Raw])
BOT_DECODER = msgspec.json.Decoder(BotMessage)


def decode(value: bytes) -> Event:
    """Read one `Update` or `Message` of the Bot API, or one message or deletion that Telethon dumped.

    Raises:
        DecodeError: if `value` is none of them, or a deletion of several messages.
    """
    fields = decode_json(FIELDS_DECODER, value)
    check_utf8(value)
    if "_" in fields:
        return telethon.decode_object(value)
    if "message_id" in fields:
        return _from_bot(value)
    for name in BOT_MESSAGES:
        if name in fields:
            return _from_bot(bytes(fields[name]))
    if "update_id" in fields:
        return Ignored("other_event")
    raise DecodeError("missing_field", "Object missing required field `update_id`, `message_id` or `_`")


def _from_bot(value: bytes) -> Post:
    message = decode_json(BOT_DECODER, value)
    chat, replied_to = message.chat, message.reply_to_message
    author = message.sender_chat or message.sender or chat
    return Post(
        id=message_post_id(chat.id, message.message_id),
        text=message.text or message.caption or "",
        platform=PLATFORM,
        author=author.username or str(author.id),
        created_at=rfc3339_from_unix(seconds=message.date),
        url=message_url(chat.id, chat.username, message.message_id),
        in_reply_to=message_post_id(replied_to.chat.id, replied_to.message_id) if replied_to else None,
    )
