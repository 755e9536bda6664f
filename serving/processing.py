"""From records to outputs: everything a worker does with a batch but read and write it."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from classifier.verdict import Classifier, Verdict, Verdicts
from ingest.decode import decode
from ingest.errors import DecodeError
from ingest.formats import own
from ingest.post import POST_TYPE, Ignored, Post, Withdrawal
from ingest.source import Partition
from serving.audit import AuditDraw
from serving.contracts import AUDIT_TYPE, EVENT_SOURCE, FLAG_TYPE, WITHDRAWN_TYPE, WithdrawalItem, encode_item
from serving.dead_letter_records import dead_letter_headers
from serving.sinks import Output

UNKNOWN_PLATFORM = "unknown"


@dataclass(frozen=True, slots=True)
class OutputTopics:
    """Full names of the topics a worker writes to."""

    review: str
    audit: str
    dead_letters: str


@dataclass(slots=True)
class Result:
    """What became of a batch's records of one partition or of all: outputs, and what is to be counted."""

    outputs: list[Output] = field(default_factory=list)
    consumed: Counter[str] = field(default_factory=Counter)
    scored: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    audited: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    withdrawn: Counter[str] = field(default_factory=Counter)
    dead: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)


class Processor:
    """Decodes, classifies and sorts records; keeps no state between batches.

    Args:
        clock: seconds since the epoch, for `flagged_at`.
    """

    def __init__(
        self, classifier: Classifier, topics: OutputTopics, audit: AuditDraw, clock: Callable[[], float] = time.time
    ) -> None:
        self._classifier = classifier
        self._topics = topics
        self._audit = audit
        self._clock = clock

    def process(self, records: Sequence[Any]) -> Result:
        """Turn records into outputs. Every record ends scored, skipped or dead-lettered; none raises."""
        result = Result()
        began = time.perf_counter()
        posts, places = self._decode(records, result)
        decoded = time.perf_counter()
        verdicts = self._classifier.classify(posts)
        judged = time.perf_counter()
        self._sort(posts, [records[at] for at in places], verdicts, result)
        # In the order of the records they were made from: the word that a post is gone must follow its flag.
        result.outputs.sort(key=lambda output: (output.source, output.source_offset))
        encoded = verdicts.encode_seconds
        result.seconds = {"decode": decoded - began, "screen": judged - decoded - encoded, "encode": encoded}
        return result

    def _decode(self, records: Sequence[Any], result: Result) -> tuple[list[Post], list[int]]:
        """Return the posts to be judged and the place of each one's record; all others are counted in `result`."""
        posts: list[Post] = []
        places: list[int] = []
        platforms: list[str | None] = []
        read, take, keep, note = own.decode, posts.append, places.append, platforms.append
        for at, record in enumerate(records):
            value = record.value
            if value is None:
                note(None)
                result.skipped["tombstone"] += 1
                continue
            try:
                event = decode(value, record.headers) if record.headers else read(value)
            except DecodeError as error:
                note(None)
                self._dead_letter(record, error, result)
                continue
            if type(event) is Post:
                note(event.platform)
                if event.text or not event.is_empty:
                    take(event)
                    keep(at)
                else:
                    result.skipped["no_text"] += 1
            else:
                self._pass_by(event, record, result)
                note(getattr(event, "platform", None))
        for platform, number in Counter(platforms).items():
            result.consumed[_platform_label(platform)] += number
        return posts, places

    def _pass_by(self, event: Any, record: Any, result: Result) -> None:
        if isinstance(event, Ignored):
            result.skipped[event.reason] += 1
            return
        assert isinstance(event, Withdrawal)
        result.skipped["withdrawal"] += 1
        result.withdrawn[_platform_label(event.platform)] += 1
        value = msgspec.json.encode(WithdrawalItem(event))
        event_id = _event_id(WITHDRAWN_TYPE, event.id, b"")
        headers = _event_headers(WITHDRAWN_TYPE, event_id, self._now(), record)
        result.outputs.append(Output(self._topics.review, event.id.encode(), value, headers, *_source(record)))

    def _dead_letter(self, record: Any, error: DecodeError, result: Result) -> None:
        result.dead[error.reason] += 1
        result.outputs.append(
            Output(
                self._topics.dead_letters,
                record.key,
                record.value,
                dead_letter_headers(record, error, "decode"),
                *_source(record),
                timestamp_ms=record.timestamp if record.timestamp >= 0 else None,
            )
        )

    def _sort(self, posts: Sequence[Post], records: Sequence[Any], verdicts: Verdicts, result: Result) -> None:
        if not posts:
            return
        result.scored.update(verdicts.tally())
        flagged = verdicts.flagged()
        probabilities = self._audit.probabilities(verdicts.suspicion(), verdicts.thresholds)
        probabilities[flagged] = 0.0
        drawn = self._audit.draw([post.id for post in posts], probabilities)
        now = self._now() if flagged or drawn else ""
        for i in flagged:
            result.outputs.append(self._item(posts[i], records[i], verdicts[i], now, None))
        for i in drawn:
            verdict = verdicts[i]
            result.audited[verdict.language] += 1
            result.outputs.append(self._item(posts[i], records[i], verdict, now, float(probabilities[i])))

    def _item(self, post: Post, record: Any, verdict: Verdict, now: str, probability: float | None) -> Output:
        ce_type = FLAG_TYPE if probability is None else AUDIT_TYPE
        value = encode_item(_as_it_came(post, record), verdict, now, probability)
        event_id = _event_id(ce_type, post.id, record.value)
        return Output(
            self._topics.review if probability is None else self._topics.audit,
            post.id.encode(),
            value,
            _event_headers(ce_type, event_id, now, record),
            *_source(record),
        )

    def _now(self) -> str:
        return datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _source(record: Any) -> tuple[Partition, int]:
    return Partition(record.topic, record.partition), record.offset


def _as_it_came(post: Post, record: Any) -> Any:
    """The post's own JSON where it came in our format, so that fields we do not know pass through."""
    ce_type = None
    for name, value in record.headers:
        if name == "ce_type":
            ce_type = value  # the last one counts, as it does when it is decoded
    return msgspec.Raw(record.value) if ce_type in (None, POST_TYPE.encode()) else post


def _event_id(ce_type: str, post_id: str, content: bytes) -> str:
    """Derived from the post, so that a repeat is recognised, while an edit is an event of its own."""
    digest = hashlib.blake2b(digest_size=16)
    for part in (ce_type.encode(), post_id.encode(), content):
        digest.update(len(part).to_bytes(4, "big") + part)
    return digest.hexdigest()


def _event_headers(ce_type: str, event_id: str, now: str, record: Any) -> list[tuple[str, bytes | None]]:
    headers: list[tuple[str, bytes | None]] = [
        ("ce_specversion", b"1.0"),
        ("ce_id", event_id.encode()),
        ("ce_source", EVENT_SOURCE.encode()),
        ("ce_type", ce_type.encode()),
        ("ce_time", now.encode()),
        ("content-type", b"application/json"),
    ]
    headers += [(name, value) for name, value in record.headers if name == "traceparent" and value is not None]
    return headers


def _platform_label(platform: str | None) -> str:
    """A platform's name as a metric label: whoever writes posts must not be able to make endless series."""
    if not platform:
        return UNKNOWN_PLATFORM
    return platform if platform in _PLATFORMS else "other"


_PLATFORMS = frozenset(
    [
        "bluesky",
        "discord",
        "facebook",
        "forum",
        "instagram",
        "mastodon",
        "news",
        "reddit",
        "rss",
        "snapchat",
        "telegram",
        "threads",
        "tiktok",
        "viber",
        "vk",
        "web",
        "whatsapp",
        "x",
        "youtube",
    ]
)
"""Platforms that are counted by name; all others together."""
