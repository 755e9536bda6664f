"""Our own formats: the JSON of a `Post` and of a `Withdrawal`, see `ingest.post`."""

from __future__ import annotations

import msgspec

from ingest.formats.strict_json import check_id, check_utf8, decode_json
from ingest.post import Post, Withdrawal

POST_DECODER = msgspec.json.Decoder(Post)
WITHDRAWAL_DECODER = msgspec.json.Decoder(Withdrawal)


def decode(value: bytes) -> Post:
    """Read the JSON of a post.

    Raises:
        DecodeError: if `value` is not one.
    """
    post = decode_json(POST_DECODER, value)
    check_utf8(value)  # the decoder skips unknown fields unread, and those pass through to the review topic
    check_id(post.id)
    return post


def decode_withdrawal(value: bytes) -> Withdrawal:
    """Read the JSON of a withdrawal.

    Raises:
        DecodeError: if `value` is not one.
    """
    withdrawal = decode_json(WITHDRAWAL_DECODER, value)
    check_utf8(value)
    check_id(withdrawal.id)
    return withdrawal
