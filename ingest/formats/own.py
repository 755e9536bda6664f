"""Our own formats: the JSON of a `Post` and of a `Withdrawal`, see `ingest.post`."""

from __future__ import annotations

import msgspec

from ingest.formats.strict_json import MAX_BYTES, MAX_ID_CHARS, check_id, check_utf8, decode_json
from ingest.post import Post, Withdrawal

POST_DECODER = msgspec.json.Decoder(Post)
_decode = POST_DECODER.decode
WITHDRAWAL_DECODER = msgspec.json.Decoder(Withdrawal)


def decode(value: bytes) -> Post:
    """Read the JSON of a post.

    Raises:
        DecodeError: if `value` is not one.
    """
    try:
        post = _decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        post = decode_json(POST_DECODER, value)  # fails again, and says why
    # Written out rather than called: this is the one format that millions of posts a minute may come in.
    if len(value) > MAX_BYTES or not 0 < len(post.id) <= MAX_ID_CHARS or not post.id.isprintable():
        decode_json(POST_DECODER, value)
        check_id(post.id)
    if not value.isascii():
        check_utf8(value)  # the decoder skips unknown fields unread, and those pass through to the review topic
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
