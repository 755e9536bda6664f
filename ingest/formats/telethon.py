"""Telegram messages as Telethon dumps them: the JSON of `Message.to_dict()`, with the type's name in `_`.

Pages: "TL-schema", https://core.telegram.org/schema, the types `message` and `updateDeleteChannelMessages`, and
"Message", https://docs.telethon.dev/en/stable/modules/custom.html (Telethon's names for them).
"""

from __future__ import annotations

import msgspec
from msgspec import Raw

from ingest.errors import DecodeError
from ingest.formats.strict_json import decode_json
from ingest.formats.telegram_ids import CHANNEL_OFFSET, PLATFORM, Id, message_post_id, message_url
from ingest.formats.values import rfc3339, rfc3339_from_unix
from ingest.post import Event, Ignored, Post, Withdrawal

MESSAGE_UPDATES = ("UpdateNewChannelMessage", "UpdateEditChannelMessage", "UpdateNewMessage", "UpdateEditMessage")


class Peer(msgspec.Struct, frozen=True, gc=False):
    channel_id: Id | None = None
    chat_id: Id | None = None
    user_id: Id | None = None

    def bot_api_id(self) -> int:
        if self.channel_id is not None:
            return -(CHANNEL_OFFSET + self.channel_id)
        if self.chat_id is not None:
            return -self.chat_id
        if self.user_id is not None:
            return self.user_id
        raise DecodeError("missing_field", "a peer has none of `channel_id`, `chat_id`, `user_id`")


class ReplyHeader(msgspec.Struct, frozen=True, gc=False):
    reply_to_msg_id: Id | None = None
    reply_to_peer_id: Peer | None = None


class Message(msgspec.Struct, frozen=True, gc=False):
    id: Id
    peer_id: Peer
    message: str | None = None
    date: str | Id | None = None
    from_id: Peer | None = None
    reply_to: ReplyHeader | None = None


class MessageUpdate(msgspec.Struct, frozen=True, gc=False):
    message: Raw


class Deletion(msgspec.Struct, frozen=True, gc=False):
    channel_id: Id
    messages: tuple[Id, ...]


class Tagged(msgspec.Struct, frozen=True, gc=False):
    """Anything that Telethon dumps."""

    type: str = msgspec.field(name="_")


TAG_DECODER = msgspec.json.Decoder(Tagged)
UPDATE_DECODER = msgspec.json.Decoder(MessageUpdate)
MESSAGE_DECODER = msgspec.json.Decoder(Message)
DELETION_DECODER = msgspec.json.Decoder(Deletion)


def decode_object(value: bytes) -> Event:
    """Read one message, or one update about messages, that Telethon dumped.

    Raises:
        DecodeError: if `value` is neither, or a deletion of several messages.
    """
    kind = decode_json(TAG_DECODER, value).type
    if kind in MESSAGE_UPDATES:
        value = bytes(decode_json(UPDATE_DECODER, value).message)
        kind = decode_json(TAG_DECODER, value).type
    if kind == "Message":
        return _post(decode_json(MESSAGE_DECODER, value))
    if kind == "UpdateDeleteChannelMessages":
        return _withdrawal(decode_json(DELETION_DECODER, value))
    if kind == "UpdateDeleteMessages":  # names no chat, and numbers repeat from one account to the next
        return Ignored("deletion_without_chat")
    return Ignored("service_message" if kind == "MessageService" else "other_event")


def _post(message: Message) -> Post:
    chat_id = message.peer_id.bot_api_id()
    author_id = message.from_id.bot_api_id() if message.from_id else chat_id
    date, reply = message.date, message.reply_to
    parent_id = reply.reply_to_msg_id if reply else None
    parent_chat_id = reply.reply_to_peer_id.bot_api_id() if reply and reply.reply_to_peer_id else chat_id
    return Post(
        id=message_post_id(chat_id, message.id),
        text=message.message or "",
        platform=PLATFORM,
        author=str(author_id),
        created_at=rfc3339_from_unix(seconds=date) if isinstance(date, int) else rfc3339(date),
        url=message_url(chat_id, None, message.id),
        in_reply_to=message_post_id(parent_chat_id, parent_id) if parent_id is not None else None,
    )


def _withdrawal(deletion: Deletion) -> Withdrawal:
    if len(deletion.messages) != 1:
        raise DecodeError(
            "wrong_type", f"a deletion of {len(deletion.messages)} messages: send one record per id, each with one id"
        )
    chat_id = Peer(channel_id=deletion.channel_id).bot_api_id()
    return Withdrawal(id=message_post_id(chat_id, deletion.messages[0]), platform=PLATFORM)
