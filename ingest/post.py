"""What a post is: the contract of the topic `posts`."""

from __future__ import annotations

from typing import Annotated

import msgspec

POST_TYPE = "com.falsepassage.post.v1"
"""`ce_type` of our own format; a record without that header is read as one."""

WITHDRAWAL_TYPE = "com.falsepassage.post.withdrawn.v1"
"""`ce_type` of our own word for a post that was deleted."""


class Post(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A social-media post, as the classifier reads it.

    Fields that are not named here pass through untouched: a flag carries the JSON that came in.
    `text` may be empty where `media_text` is not; an explicit null counts as empty.
    """

    id: Annotated[
        str, msgspec.Meta(description="Unique per platform and prefixed by it, e.g. `bluesky:did:plc:…/3k…`.")
    ]
    text: Annotated[str | None, msgspec.Meta(description="What the author wrote. Required; may be empty.")]
    platform: Annotated[str | None, msgspec.Meta(description="Where it was posted, e.g. `telegram`.")] = None
    author: Annotated[str | None, msgspec.Meta(description="The account, as the platform names it.")] = None
    created_at: Annotated[str | None, msgspec.Meta(description="When it was posted, RFC 3339.")] = None
    url: Annotated[str | None, msgspec.Meta(description="Where people can see it.")] = None
    lang: Annotated[str | None, msgspec.Meta(description="BCP 47 tag that the platform or author gave.")] = None
    media_text: Annotated[
        list[str] | None, msgspec.Meta(description="What was read in its pictures or heard in its videos.")
    ] = None
    in_reply_to: Annotated[str | None, msgspec.Meta(description="Id of the post it answers.")] = None

    @property
    def is_empty(self) -> bool:
        """True if there is nothing to classify."""
        return not self.text and not any(self.media_text or ())


class Withdrawal(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A platform says that a post is gone: whoever keeps it must let it go."""

    id: Annotated[str, msgspec.Meta(description="Id of the post that was deleted.")]
    platform: Annotated[str | None, msgspec.Meta(description="Where it had been posted.")] = None
    withdrawn_at: Annotated[str | None, msgspec.Meta(description="When it was deleted, RFC 3339, if known.")] = None


class Ignored(msgspec.Struct, frozen=True, gc=False):
    """A platform event that carries no post (a like, a follow, a service message); counted by `reason`."""

    reason: str


Event = Post | Withdrawal | Ignored
"""What one record says."""
