"""Our own format: the JSON of a `Post`, see `ingest.post`."""

from __future__ import annotations

import msgspec

from ingest.formats.strict_json import check_id, check_utf8, decode_json
from ingest.post import Post

POST_DECODER = msgspec.json.Decoder(Post)


def decode(value: bytes) -> Post:
    """Read the JSON of a post.

    Raises:
        DecodeError: if `value` is not one.
    """
    post = decode_json(POST_DECODER, value)
    check_utf8(value)  # the decoder skips unknown fields unread, and those pass through to the review topic
    check_id(post.id)
    return post
