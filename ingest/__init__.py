"""What a post is and how it arrives. Knows no model."""

from ingest.errors import DecodeError, IngestError, SourceError, TopicError
from ingest.post import POST_TYPE, WITHDRAWAL_TYPE, Event, Ignored, Post, Withdrawal

__all__ = [
    "POST_TYPE",
    "WITHDRAWAL_TYPE",
    "DecodeError",
    "Event",
    "Ignored",
    "IngestError",
    "Post",
    "SourceError",
    "TopicError",
    "Withdrawal",
]
