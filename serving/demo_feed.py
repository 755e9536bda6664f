"""Feeds the demo's stream into the posts topic at a steady rate, in a thread of its own."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

from ingest.kafka_connection import KafkaConnection
from serving.demo_stream import DemoRecord, Kind
from serving.errors import SinkError

_PAUSE_S = 0.01
_FLUSH_S = 30.0
_CLOSE_S = 5.0


class Feed:
    """Sends records until it is stopped.

    Args:
        rate: records a second; fewer if the broker is slower.
    """

    def __init__(
        self, connection: KafkaConnection, topic: str, partitions: int, stream: Iterator[DemoRecord], rate: int
    ) -> None:
        self._connection, self._topic, self._partitions = connection, topic, partitions
        self._stream, self._rate = stream, rate
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
        self._producer: Any = None
        self._refused: list[BaseException] = []
        self.sent: Counter[Kind] = Counter(dict.fromkeys(Kind, 0))
        """Records handed to the producer, by kind."""
        self.failure = ""
        """Why it ended by itself or which records the broker did not take, in a sentence; empty if all is well."""

    def start(self) -> None:
        """Connect and begin.

        Raises:
            SinkError: if the broker cannot be reached.
        """
        try:
            self._producer = KafkaProducer(
                **self._connection.options(), linger_ms=5, batch_size=128 * 1024, compression_type="lz4",
                enable_idempotence=True, max_block_ms=10_000, metrics_enabled=False,
            )  # fmt: skip
        except KafkaError as error:
            raise SinkError(f"no broker answers at {self._connection.bootstrap_servers} ({error})") from error
        self._thread.start()

    def stop(self) -> None:
        """End the feed; what was sent is acknowledged when this returns, or `failure` says that it is not."""
        self._stopping.set()
        self._thread.join(_FLUSH_S)
        try:
            self._producer.flush(timeout=_FLUSH_S)
        except KafkaError as error:
            self.failure = f"Not every post was acknowledged by the broker: {error}."
        if self._refused:
            self.failure = f"{len(self._refused):,} posts were refused by the broker, the first because: "
            self.failure += str(self._refused[0])

    def close(self) -> None:
        """Let go of the broker, whatever is still unsent."""
        self._stopping.set()
        if self._producer is not None:
            self._producer.close(timeout=_CLOSE_S)

    @property
    def produced(self) -> int:
        """Records sent and not refused."""
        return self.sent.total() - len(self._refused)

    def _run(self) -> None:
        try:
            self._send_steadily()
        except KafkaError as error:
            self.failure = f"The feed ended: {type(error).__name__}: {error}."

    def _send_steadily(self) -> None:
        began, sent = time.monotonic(), 0
        while not self._stopping.wait(_PAUSE_S):
            due = int((time.monotonic() - began) * self._rate)
            if due - sent > self._rate:  # a second late: go on from here, do not make up for it in one burst
                began += (due - sent) / self._rate
                continue
            for _ in range(due - sent):
                self._send(next(self._stream))
            sent = due

    def _send(self, record: DemoRecord) -> None:
        self._producer.send(
            self._topic,
            key=record.key,
            value=record.value,
            headers=list(record.headers),
            partition=record.author % self._partitions,
        ).add_errback(self._refused.append)
        self.sent[record.kind] += 1
