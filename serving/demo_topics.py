"""What the demo reads from the worker's output topics, as a user's own system would: committed records only."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any

import msgspec
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from ingest.kafka_connection import KafkaConnection
from serving.contracts import FLAG_TYPE, ReviewItem
from serving.demo_view import LAST_FLAGS
from serving.errors import ServingError

_POLL_MS = 200
_READ_TIMEOUT_S = 60.0
_DELETE_TIMEOUT_MS = 10_000
_BOOTSTRAP_MS = 5_000


class ReviewTail:
    """Follows the review topic in a thread and keeps the newest flags."""

    def __init__(self, connection: KafkaConnection, topic: str) -> None:
        try:
            self._consumer, _ = _open(connection, topic)
        except KafkaError as error:
            raise ServingError(f"reading {topic} failed: {error}") from error
        self._decoder = msgspec.json.Decoder(ReviewItem)
        self._stopping = threading.Event()
        self._newest: deque[ReviewItem] = deque(maxlen=LAST_FLAGS)
        self._thread = threading.Thread(target=self._run, name="review-tail", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def newest(self) -> list[ReviewItem]:
        """The newest flags, the newest first."""
        return list(self._newest)[::-1]

    def close(self) -> None:
        """Stop following."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(5.0)
        self._consumer.close(timeout_ms=2_000)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                found = self._consumer.poll(timeout_ms=_POLL_MS)
            except KafkaError:  # what breaks the broker breaks the worker too, and that one says so
                self._stopping.wait(0.5)
                continue
            records = [record for each in found.values() for record in each if _ce_type(record) == FLAG_TYPE]
            for record in sorted(records, key=lambda each: each.timestamp):
                self._newest.append(self._decoder.decode(record.value))


def count_types(connection: KafkaConnection, topic: str) -> Counter[str]:
    """Count the records of a topic by `ce_type`, from its beginning to its end of now.

    Raises:
        ServingError: if it cannot be read to its end in time.
    """
    try:
        consumer, partitions = _open(connection, topic)
        with closing(consumer):
            return Counter(_ce_type(record) for record in _read_all(consumer, partitions, topic))
    except KafkaError as error:
        raise ServingError(f"reading {topic} failed: {error}") from error


def delete_topics(connection: KafkaConnection, topics: Iterable[str], group: str) -> str:
    """Remove what the demo made on a broker that is not its own; say what could not be removed, if anything."""
    try:
        with closing(KafkaAdminClient(**connection.options(), bootstrap_timeout_ms=_BOOTSTRAP_MS)) as admin:
            admin.delete_topics(list(topics), timeout_ms=_DELETE_TIMEOUT_MS)
            admin.delete_groups([group])
    except KafkaError as error:
        return f"The topics {', '.join(topics)} or the group {group} could not be removed: {error}."
    return ""


def _open(connection: KafkaConnection, topic: str) -> tuple[Any, list[Any]]:
    """A consumer that stands at the beginning of every partition."""
    consumer = KafkaConsumer(
        **connection.options(), enable_auto_commit=False, isolation_level="read_committed", metrics_enabled=False
    )
    partitions = [TopicPartition(topic, each) for each in sorted(consumer.partitions_for_topic(topic) or ())]
    consumer.assign(partitions)
    consumer.seek_to_beginning()
    return consumer, partitions


def _read_all(consumer: Any, partitions: list[Any], topic: str) -> Iterator[Any]:
    ends = consumer.end_offsets(partitions)
    deadline = time.monotonic() + _READ_TIMEOUT_S
    while any(consumer.position(each) < ends[each] for each in partitions):
        if time.monotonic() > deadline:
            raise ServingError(f"{topic} could not be read to its end within {_READ_TIMEOUT_S:.0f} seconds")
        for records in consumer.poll(timeout_ms=_POLL_MS).values():
            yield from records


def _ce_type(record: Any) -> str:
    return next((value.decode() for name, value in record.headers if name == "ce_type"), "")
