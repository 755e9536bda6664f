"""Reading dead letters, and sending them back once what was wrong is mended."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from ingest.kafka_connection import KafkaConnection
from ingest.record_batches import read_quickly
from serving.dead_letter_records import ATTEMPTS_HEADER, split_headers
from serving.errors import DeadLetterError
from serving.sinks import Headers


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One dead letter: the record as it came, and why it is here. `partition` and `offset` are its own place."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: Headers
    context: Mapping[str, str]

    @property
    def reason(self) -> str:
        """The stable word for what was wrong."""
        return self.context.get("reason", "unknown")


def read_dead_letters(
    connection: KafkaConnection, topic: str, *, reason: str | None = None, partition: int | None = None,
    offset: int | None = None,
) -> Iterator[DeadLetter]:  # fmt: skip
    """Yield what is in the topic now, in order of partition and offset.

    Args:
        reason: only those with this reason.
        partition, offset: only the one at this place.

    Raises:
        DeadLetterError: if the topic cannot be read.
    """
    with _errors(f"reading {topic}"), contextlib.closing(_consumer(connection)) as consumer:
        numbers = consumer.partitions_for_topic(topic)
        if not numbers:
            raise DeadLetterError(f"there is no topic {topic}; `falsepassage topics create` makes it")
        for number in sorted(numbers):
            if partition is None or number == partition:
                for letter in _read_partition(consumer, TopicPartition(topic, number), offset):
                    if reason is None or letter.reason == reason:
                        yield letter


def replay(connection: KafkaConnection, letters: Iterator[DeadLetter], topic: str) -> int:
    """Send records back to the topic they came from, as they were, with the number of attempts in a header.

    One transaction holds them all: if it fails, none was sent. A letter that was cut is not sent: it is no longer
    what came in.

    Args:
        topic: where to, for a letter that does not say where it came from.

    Returns:
        How many were sent.

    Raises:
        DeadLetterError: if they could not be sent; then none was.
    """
    sent = 0
    with _errors("replaying"):
        producer = KafkaProducer(
            **connection.options(),
            transactional_id=f"falsepassage-replay-{uuid.uuid4()}",
            max_request_size=64 * 1024**2,
            transaction_timeout_ms=600_000,
        )
        try:
            producer.init_transactions()
            producer.begin_transaction()
            for letter in letters:
                if "cut" in letter.context:
                    continue  # only its beginning is here; the whole record is where its context says
                headers = [(name, value or b"") for name, value in letter.headers if name != ATTEMPTS_HEADER]
                headers.append((ATTEMPTS_HEADER, letter.context.get("attempts", "1").encode()))
                producer.send(
                    letter.context.get("topic") or topic,
                    key=letter.key,
                    value=letter.value,
                    headers=headers,
                    timestamp_ms=letter.timestamp,
                )
                sent += 1
            producer.commit_transaction()
        finally:
            producer.close(timeout=5)
    return sent


def _consumer(connection: KafkaConnection) -> Any:
    consumer = KafkaConsumer(
        **connection.options(), enable_auto_commit=False, isolation_level="read_committed", metrics_enabled=False
    )
    read_quickly(consumer)
    return consumer


def _read_partition(consumer: Any, partition: Any, offset: int | None) -> Iterator[DeadLetter]:
    consumer.assign([partition])
    end = consumer.end_offsets([partition])[partition]
    if offset is None:
        consumer.seek_to_beginning(partition)
    else:
        consumer.seek(partition, offset)
        end = min(end, offset + 1)
    while consumer.position(partition) < end:
        for records in consumer.poll(timeout_ms=500).values():
            for record in records:
                if record.offset < end:
                    own, context = split_headers(record.headers)
                    yield DeadLetter(
                        record.partition, record.offset, record.key, record.value, record.timestamp, own, context
                    )


@contextlib.contextmanager
def _errors(doing: str) -> Iterator[None]:
    try:
        yield
    except KafkaError as error:
        raise DeadLetterError(f"{doing} failed: {type(error).__name__}: {error}") from error
