"""How Telegram numbers and addresses messages, in the Bot API's way."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ingest.formats.values import post_id

PLATFORM = "telegram"
CHANNEL_OFFSET = 10**12
"""Channel n has the chat id −(10¹² + n)."""

Id = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
"""A whole number; the Bot API promises at most 52 significant bits."""


def message_post_id(chat_id: int, message_id: int) -> str:
    """Id of the post that is message `message_id` of the chat."""
    return post_id(PLATFORM, str(chat_id), str(message_id))


def message_url(chat_id: int, username: str | None, message_id: int) -> str | None:
    """Where the message can be seen, if it is of a channel or supergroup; that of a private one is for members."""
    if chat_id > -CHANNEL_OFFSET:
        return None
    return f"https://t.me/{username or f'c/{-chat_id - CHANNEL_OFFSET}'}/{message_id}"
