"""The topics, declared once: names, partitions, retention and clean-up."""

from __future__ import annotations

from dataclasses import dataclass, field

DAY_MS = 24 * 60 * 60 * 1000
MIB = 1024 * 1024
DEFAULT_PREFIX = "falsepassage."


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic as it should be. `name` has no prefix; `key` and `value` say what a record holds."""

    name: str
    purpose: str
    key: str
    value: str
    partitions: int
    config: dict[str, str] = field(default_factory=dict)

    def full_name(self, prefix: str = DEFAULT_PREFIX) -> str:
        """The name on the broker."""
        return prefix + self.name


def _retained(days: int, **more: str) -> dict[str, str]:
    return {"cleanup.policy": "delete", "retention.ms": str(days * DAY_MS), **more}


POSTS = TopicSpec("posts", "posts to be read, in our own format or a platform's", "author", "Post", 12, _retained(3))
REVIEW = TopicSpec(
    "review", "flagged posts for moderators, and withdrawals", "post id", "ReviewItem", 6,
    _retained(30, **{"max.message.bytes": str(4 * MIB)}),
)  # fmt: skip
AUDIT = TopicSpec(
    "audit", "a sample of unflagged posts with known probability", "post id", "AuditItem", 3,
    _retained(30, **{"max.message.bytes": str(4 * MIB)}),
)  # fmt: skip
DECISIONS = TopicSpec("decisions", "what moderators decided", "post id", "Decision", 3, {"cleanup.policy": "compact"})
DEAD_LETTERS = TopicSpec(
    "dead-letters", "records that could not be read, untouched", "as it came", "as it came", 3,
    _retained(14, **{"max.message.bytes": str(16 * MIB)}),
)  # fmt: skip

TOPICS: tuple[TopicSpec, ...] = (POSTS, REVIEW, AUDIT, DECISIONS, DEAD_LETTERS)
