"""What is written to the topics `review` and `audit`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from classifier.verdict import Verdict
from ingest.post import Post, Withdrawal

FLAG_TYPE = "com.falsepassage.flag.v1"
WITHDRAWN_TYPE = "com.falsepassage.flag.withdrawn.v1"
AUDIT_TYPE = "com.falsepassage.audit.v1"
EVENT_SOURCE = "/falsepassage/worker"


class ReviewItem(msgspec.Struct, frozen=True):
    """A flagged post with its verdict."""

    post: Post
    verdict: Verdict
    flagged_at: Annotated[str, msgspec.Meta(description="RFC 3339, UTC.")]


class WithdrawalItem(msgspec.Struct, frozen=True):
    """Word that a post was deleted on its platform: let go of it. Most were never flagged."""

    withdrawal: Withdrawal


class AuditItem(msgspec.Struct, frozen=True):
    """An unflagged post that was drawn to measure what is missed."""

    post: Post
    verdict: Verdict
    flagged_at: Annotated[str, msgspec.Meta(description="When it was drawn, RFC 3339, UTC.")]
    inclusion_probability: Annotated[float, msgspec.Meta(gt=0, le=1, description="Chance of having been drawn.")]


def encode_item(post: Any, verdict: Verdict, flagged_at: str, inclusion_probability: float | None = None) -> bytes:
    """Encode a `ReviewItem` or, with a probability, an `AuditItem`.

    Args:
        post: a `Post`, or the JSON of one as `msgspec.Raw`, so that fields we do not know pass through.
    """
    item = {"post": post, "verdict": verdict, "flagged_at": flagged_at}
    if inclusion_probability is not None:
        item["inclusion_probability"] = inclusion_probability
    return msgspec.json.encode(item)


class Decision(msgspec.Struct, frozen=True):
    """What a moderator decided."""

    id: Annotated[str, msgspec.Meta(description="Unique; a repeat of it is the same decision.")]
    post_id: str
    label: Literal["smuggling_advert", "false_promise", "neither"]
    action: Literal["confirm", "correct", "reject", "escalate"]
    moderator: Annotated[str, msgspec.Meta(description="A pseudonym.")]
    decided_at: Annotated[str, msgspec.Meta(description="RFC 3339, UTC.")]
    verdict: Annotated[Verdict, msgspec.Meta(description="The verdict it answers.")]
    queue: Literal["flagged", "audit", "golden"]
    inclusion_probability: Annotated[float, msgspec.Meta(gt=0, le=1)]
    round: Annotated[int, msgspec.Meta(ge=1, description="1 for the first reading, 2 for the second, and so on.")]
