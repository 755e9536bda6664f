"""JSON lines into the posts topic."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from kafka import KafkaProducer
from kafka.errors import KafkaError, MessageSizeTooLargeError

from ingest.kafka_connection import KafkaConnection
from serving.errors import SinkError

_FLUSH_EVERY = 20_000


class _Author(msgspec.Struct):
    author: str | None = None


def produce_lines(lines: Iterable[bytes], connection: KafkaConnection, topic: str) -> int:
    """Send each line as it is; the key is the post's author, so that one author's posts keep their order.

    A line that is no post is sent all the same: to tell is the worker's work, and nothing is lost.

    Returns:
        How many lines were sent, all of them acknowledged.

    Raises:
        SinkError: if the broker cannot be reached or refuses a line.
    """
    decoder = msgspec.json.Decoder(_Author)
    failed: list[Exception] = []
    sent = 0
    try:
        producer = KafkaProducer(
            **connection.options(), linger_ms=20, batch_size=256 * 1024, compression_type="lz4", metrics_enabled=False
        )
        try:
            for line in lines:
                if line.strip():
                    _send(producer, topic, line, _key(decoder, line), failed)
                    sent += 1
                    if sent % _FLUSH_EVERY == 0:
                        producer.flush()  # the client keeps what is not sent yet in memory, without a bound
            producer.flush()
        finally:
            producer.close()
    except KafkaError as error:
        raise SinkError(f"sending to {topic} at {connection.bootstrap_servers} failed: {error}") from error
    if failed:
        raise SinkError(f"{len(failed):,} of {sent:,} lines were not accepted, the first because: {failed[0]}")
    return sent


def _send(producer: Any, topic: str, line: bytes, key: bytes | None, failed: list[Exception]) -> None:
    try:
        producer.send(topic, value=line, key=key).add_errback(failed.append)
    except MessageSizeTooLargeError as error:
        failed.append(error)


def _key(decoder: msgspec.json.Decoder[Any], line: bytes) -> bytes | None:
    try:
        author: str | None = decoder.decode(line).author
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return author.encode() if author else None
