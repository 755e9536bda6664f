"""Values that every format builds alike: ids and times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec

from ingest.errors import DecodeError
from ingest.formats.strict_json import check_id

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
AWARE_DATETIME = Annotated[datetime, msgspec.Meta(tz=True)]


def post_id(platform: str, *parts: str) -> str:
    """The id of a post: `platform:part/part`.

    Raises:
        DecodeError: `invalid_id`, if a part is empty or the whole cannot serve as an id.
    """
    if not all(parts):
        raise DecodeError("invalid_id", f"a part of the {platform} id is empty")
    return check_id(f"{platform}:{'/'.join(parts)}")


def rfc3339(text: str | None) -> str | None:
    """`text` if it is an RFC 3339 time, None if not.

    A client may write any date into its post; one that cannot be read is no reason to leave the post unread.
    The separator becomes `T`: Python's `str(datetime)`, found in dumped messages, puts a space there.
    """
    if text is None:
        return None
    try:
        msgspec.convert(text, AWARE_DATETIME)
    except msgspec.ValidationError:
        return None
    return f"{text[:10]}T{text[11:]}"


def rfc3339_from_unix(*, seconds: int = 0, microseconds: int = 0) -> str | None:
    """RFC 3339 in UTC of a Unix time, None beyond the years 1 to 9999."""
    try:
        moment = EPOCH + timedelta(seconds=seconds, microseconds=microseconds)
    except OverflowError:
        return None
    return moment.isoformat().replace("+00:00", "Z")


def required(raw: msgspec.Raw, name: str) -> bytes:
    """The JSON of the field `name`, which a struct keeps unread until another field says what it holds.

    Raises:
        DecodeError: `missing_field`, if it is not there.
    """
    value = bytes(raw)
    if not value:
        raise DecodeError("missing_field", f"Object missing required field `{name}`")
    return value
