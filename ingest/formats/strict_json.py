"""JSON into typed structs, with every failure told apart: the one place where msgspec's errors are translated."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from ingest.errors import DecodeError

MAX_BYTES = 1_048_576
"""Largest value read as a post, in bytes: Kafka's own default for a record. A longer one is not a post."""

MAX_ID_CHARS = 512

T = TypeVar("T")


def decode_json(decoder: msgspec.json.Decoder[T], value: bytes) -> T:
    """Decode `value`, or say why not.

    Raises:
        DecodeError: with the reason `too_large`, `invalid_utf8`, `invalid_json`, `too_deep`, `missing_field` or
            `wrong_type`.
    """
    if len(value) > MAX_BYTES:
        raise DecodeError("too_large", f"the value has {len(value):,} bytes; a post has at most {MAX_BYTES:,}")
    try:
        return decoder.decode(value)
    except msgspec.ValidationError as error:
        reason = "missing_field" if "missing required field" in str(error) else "wrong_type"
        raise DecodeError(reason, str(error)) from None
    except msgspec.DecodeError as error:
        raise DecodeError(_broken_json_reason(value), str(error)) from None
    except UnicodeDecodeError as error:
        raise DecodeError("invalid_utf8", f"byte {error.start} is not UTF-8") from None
    except RecursionError:
        raise DecodeError("too_deep", "the JSON is nested too deeply to be a post") from None


def check_utf8(value: bytes) -> None:
    """Make sure that all of `value` is UTF-8.

    Raises:
        DecodeError: `invalid_utf8`.
    """
    if value.isascii():
        return
    try:
        value.decode()
    except UnicodeDecodeError as error:
        raise DecodeError("invalid_utf8", f"byte {error.start} is not UTF-8") from None


def _broken_json_reason(value: bytes) -> str:
    try:
        value.decode()
    except UnicodeDecodeError:
        return "invalid_utf8"
    return "invalid_json"


def check_id(post_id: str) -> str:
    """Return `post_id` if it can serve as a Kafka key and a database key.

    Raises:
        DecodeError: `invalid_id`.
    """
    if not post_id or len(post_id) > MAX_ID_CHARS or not post_id.isprintable():
        raise DecodeError("invalid_id", f"the id must have 1 to {MAX_ID_CHARS} printable characters")
    return post_id
