"""Results into Kafka: one transaction holds a batch's outputs and the offsets they were made from.

The consumer's membership goes along with the offsets, so the broker refuses a worker that has been replaced (KIP-447).
Whatever fails before the commit leaves nothing behind, and the caller may try again; a producer that cannot even abort
is replaced by a new one with the same transactional id, whose start aborts what the old one left open.

Order: begin → send → flush → offsets → commit. `flush` comes before the offsets so that a send that failed is seen
while the transaction can still be aborted.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from kafka.errors import (
    AuthorizationError,
    InvalidTimestampError,
    InvalidTopicError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    PolicyViolationError,
    ProducerFencedError,
    RecordListTooLargeError,
    SaslAuthenticationFailedError,
)
from kafka.structs import OffsetAndMetadata

from ingest.kafka_connection import KafkaConnection
from ingest.source import Partition
from serving.errors import FencedError, OutputRefusedError, SinkError, TransactionAbortedError
from serving.sinks import Output

_MAX_REQUEST_BYTES = 64 * 1024 * 1024
"""The topic's own max.message.bytes is the limit that counts; the producer's must not be lower."""


class KafkaSink:
    """Implements `serving.sinks.Sink`.

    Args:
        transactional_id: stable for one instance, different for two that run at the same time.
        transaction_timeout_s: how long an open transaction of a worker that died may hold back readers of committed
            records.
        topics: those that will be written to; the start fails if one is not there.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        transactional_id: str,
        transaction_timeout_s: float = 10.0,
        topics: Sequence[str] = (),
    ) -> None:
        self._connection = connection
        self._transactional_id = transactional_id
        self._topics = topics
        self._transaction_timeout_s = transaction_timeout_s
        self._producer: Any = None
        self._started = False
        self._in_doubt = False
        self._began = 0.0

    def start(self) -> None:
        """Connect, take the transactional id and abort what an earlier holder of it left open.

        Raises:
            SinkError: if the broker cannot be reached or refuses.
        """
        try:
            self._producer = KafkaProducer(
                **self._connection.options(),
                transactional_id=self._transactional_id,
                transaction_timeout_ms=int(self._transaction_timeout_s * 1000),
                max_block_ms=10_000,
                bootstrap_timeout_ms=10_000,
                max_request_size=_MAX_REQUEST_BYTES,
                compression_type="lz4",
                metrics_enabled=False,
            )
            self._producer.init_transactions()
            for topic in self._topics:
                self._producer.partitions_for(topic)
        except KafkaError as error:
            self._discard()
            raise self._translate(error, "starting a transactional producer") from error
        self._started = True

    def write(self, outputs: Sequence[Output], offsets: Mapping[Partition, int], group_metadata: Any) -> None:
        """See `serving.sinks.Sink.write`."""
        if self._producer is None:
            self._restart()
        if group_metadata.generation_id < 0 or not group_metadata.member_id:
            # The broker checks no membership where none is claimed, so such a commit would not be fenced.
            raise TransactionAbortedError("this worker fell out of its group and waits to be let in again")
        if self._in_doubt:
            settled = self._was_committed(offsets, group_metadata.group_id)
            self._in_doubt = False
            if settled:
                return
        producer = self._producer
        committing = False
        self._began = time.monotonic()
        try:
            producer.begin_transaction()
            sent = [self._send(output) for output in outputs]
            if sent:
                producer.flush(timeout=self._transaction_timeout_s)
                _raise_failed(sent)
            committed = {TopicPartition(*each): OffsetAndMetadata(offset) for each, offset in offsets.items()}
            manager = producer._transaction_manager  # noqa: SLF001  # see _await
            self._await(manager.send_offsets_to_transaction(committed, group_metadata))
            committing = True
            self._await(manager.begin_commit())
        except KafkaError as error:
            self._in_doubt = committing
            # Never used again: kafka-python carries offsets of a failed transaction into the next one of the same
            # producer. The next one's start aborts what this one left open.
            self._discard()
            raise self._translate(error, "the transaction") from error

    def close(self) -> None:
        """Close the producer; an open transaction ends as aborted."""
        self._discard(timeout_s=5.0)

    def _await(self, result: Any) -> None:
        """Wait for a step of the transaction, at most as long as the transaction may take.

        kafka-python's own methods wait without a bound, and a request that is lost with its connection is not always
        sent again: a broker that restarts at the wrong moment would leave the worker waiting for ever.
        """
        self._producer._sender.wakeup()  # noqa: SLF001
        if not result.wait(timeout_ms=int(self._transaction_timeout_s * 1000)):
            raise KafkaTimeoutError("the broker did not answer in time")

    def _send(self, output: Output) -> Any:
        headers = [(name, value if value is not None else b"") for name, value in output.headers]
        return self._producer.send(
            output.topic, key=output.key, value=output.value, headers=headers, timestamp_ms=output.timestamp_ms
        )

    def _was_committed(self, offsets: Mapping[Partition, int], group_id: str) -> bool:
        """Whether a commit whose answer was lost took effect after all: then its offsets are the group's.

        Only asked once the transaction is settled, by an abort or by a new producer's start.
        """
        try:
            admin = KafkaAdminClient(**self._connection.options())
            try:
                found = admin.list_group_offsets(group_id)[group_id]
            finally:
                admin.close()
        except KafkaError as error:
            raise TransactionAbortedError(f"cannot tell whether the last commit took effect: {error}") from error
        return all(each in found and found[each].offset >= offset for each, offset in offsets.items())

    def _restart(self) -> None:
        try:
            self.start()
        except SinkError as error:
            if isinstance(error, FencedError) or not isinstance(error, TransactionAbortedError):
                raise
            raise TransactionAbortedError(str(error)) from error

    def _discard(self, timeout_s: float = 0.0) -> None:
        producer, self._producer = self._producer, None
        if producer is None:
            return
        if not timeout_s and producer._sender is not None:  # noqa: SLF001
            # close() flushes first, and fails before it has ended its thread if there is something it cannot send
            producer._sender.force_close()  # noqa: SLF001
            producer._sender.join(2.0)  # noqa: SLF001
        with contextlib.suppress(KafkaError):
            producer.close(timeout=timeout_s)

    def _translate(self, error: KafkaError, doing: str) -> SinkError:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ProducerFencedError):
                if time.monotonic() - self._began >= self._transaction_timeout_s:
                    return TransactionAbortedError(
                        "the transaction outlived transaction_timeout_s; the broker ended it"
                    )
                return FencedError(
                    f"another worker uses the transactional id {self._transactional_id}; this one stops. If both "
                    "should run, give each its own FALSEPASSAGE_INSTANCE_ID"
                )
            if isinstance(cause, SaslAuthenticationFailedError):
                return SinkError(
                    f"the broker does not accept the credentials ({cause}); check sasl_username and sasl_password"
                )
            if isinstance(cause, AuthorizationError):
                return SinkError(
                    f"{doing} is forbidden ({cause}); give this user WRITE on the output topics and on the "
                    f"transactional id {self._transactional_id}"
                )
            if isinstance(cause, MessageSizeTooLargeError | RecordListTooLargeError):
                return OutputRefusedError(
                    f"a record is larger than its topic allows ({cause}); raise the topic's max.message.bytes"
                )
            if isinstance(cause, InvalidTimestampError):
                return OutputRefusedError(
                    f"a topic does not take a record's timestamp ({cause}); raise its message.timestamp.after.max.ms"
                )
            if isinstance(cause, InvalidTopicError | PolicyViolationError):
                return SinkError(f"{doing} is against the broker's rules: {cause}; check topic_prefix")
            cause = (
                cause.args[1] if len(cause.args) > 1 and isinstance(cause.args[1], BaseException) else cause.__cause__
            )
        if not self._started:
            return SinkError(
                f"{doing} failed: {error}; {self._connection.advice()} And are the topics there "
                "(falsepassage topics create)?"
            )
        return TransactionAbortedError(f"{doing} failed: {type(error).__name__}: {error}")


def _raise_failed(sent: Sequence[Any]) -> None:
    for future in sent:
        if future.failed():
            raise future.exception
