"""Batches of records from Kafka, fetched ahead by a thread of its own.

One thread owns the consumer. It polls, groups what it got into bounded batches and hands them over through a queue of
one, so that the next batch is fetched while the model computes, and never more than that. While the queue is full it
keeps polling with all partitions paused: that is what keeps its membership alive.

Ownership decides what may be committed. Each partition has an epoch that goes up when it is revoked or lost; a batch
remembers the epochs it was read under, and `claim` hands out only what is unchanged, holding a lock that a
revocation waits for. So the work of a batch is never committed for a partition that another worker may have begun to
read.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import (
    AuthorizationError,
    CorruptRecordError,
    FencedInstanceIdError,
    KafkaError,
    SaslAuthenticationFailedError,
    UnsupportedCodecError,
)

from ingest.errors import SourceError
from ingest.kafka_connection import KafkaConnection
from ingest.record_batches import read_quickly
from ingest.source import Batch, Claim, Lag, Partition

log = logging.getLogger(__name__)

_POLL_MS = 200
_POLL_RECORDS = 1_000
"""Records unpacked between two looks at a batch's size: compressed ones may be much larger than what was fetched."""
_LAG_EVERY_S = 2.0
_LAG_VALID_S = 10.0
_FATAL = (SaslAuthenticationFailedError, AuthorizationError, FencedInstanceIdError)


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How to read. A batch ends at whichever bound it reaches first."""

    topic: str
    group_id: str
    instance_id: str | None = None
    """Set, it makes the membership static (KIP-345): a restart within the session time moves no partition."""
    max_records: int = 5_000
    max_bytes: int = 8 * 1024 * 1024
    max_wait_s: float = 0.25
    session_timeout_s: float = 8.0
    max_poll_interval_s: float = 300.0


class KafkaSource(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python has no types
    """Implements `ingest.source.Source`."""

    def __init__(self, connection: KafkaConnection, options: SourceOptions) -> None:
        self._connection = connection
        self._options = options
        self._queue: queue.Queue[Batch | BaseException] = queue.Queue(maxsize=1)
        self._stopping = threading.Event()
        self._committing = threading.Lock()  # held from claim to commit, which may take as long as a broker is away
        self._state = threading.Lock()  # guards what follows, and is only ever held for a moment
        self._epochs: dict[Partition, int] = {}
        self._owned: set[Partition] = set()
        self._unfinished: dict[Partition, int] = {}
        self._newest: dict[Partition, int] = {}
        self._behind: dict[Partition, int] = {}
        self._lag_at = self._lag_tried_at = 0.0
        self.rebalances = 0
        self._member = ""
        self._consumer: Any = None
        self._thread = threading.Thread(target=self._run, name="fetch", daemon=True)
        self._thread.start()

    # -- the worker's side

    def next_batch(self, timeout_s: float) -> Batch | None:
        """Return the next batch, or None if none came in time.

        Raises:
            SourceError: if the consumer cannot go on.
        """
        try:
            found = self._queue.get(timeout=timeout_s)
        except queue.Empty:
            return None
        if isinstance(found, BaseException):
            raise SourceError(_advice(found, self._connection)) from found
        return found

    @contextlib.contextmanager
    def claim(self, batch: Batch) -> Iterator[Claim]:
        """Hold on to what of `batch` is still owned; a rebalance waits until the context is left."""
        with self._committing:
            with self._state:
                owned = frozenset(
                    partition
                    for partition, epoch in batch.epochs.items()
                    if partition in self._owned and self._epochs.get(partition) == epoch
                )
            yield Claim(owned, self._consumer.group_metadata())

    def done(self, batch: Batch) -> None:
        """Say that `batch` was committed, or is another's to do."""
        with self._state:
            for partition, (start, end) in batch.slices.items():
                if self._epochs.get(partition) == batch.epochs[partition]:
                    self._unfinished[partition] = self._unfinished.get(partition, 0) - (end - start)

    def lag(self) -> Mapping[Partition, Lag]:
        """Return the lag of each partition where it is known; an answer that has grown old is no longer known."""
        with self._state:
            if time.monotonic() - self._lag_at > _LAG_VALID_S:
                return {}
            now_ms = time.time() * 1000
            lags = {}
            for partition in self._owned & self._behind.keys():
                posts = self._behind[partition] + max(self._unfinished.get(partition, 0), 0)
                newest = self._newest.get(partition)
                if posts and newest is None:
                    continue  # behind, and nothing read yet to tell how long
                age = max(now_ms - newest, 0) / 1000 if posts and newest is not None else 0.0
                lags[partition] = Lag(posts, age)
            return lags

    @property
    def is_assigned(self) -> bool:
        """Whether the group has given this member its partitions (which may be none, if others have them all)."""
        return self._consumer is not None and self.rebalances > 0

    def seconds_since_answer(self) -> float:
        """Return how long ago the broker last said where its topics end."""
        return time.monotonic() - self._lag_at

    def close(self) -> None:
        """Stop reading, leave the group and close the connection. What was not committed is read again by others."""
        self._stopping.set()
        while self._thread.is_alive():
            with contextlib.suppress(queue.Empty):
                self._queue.get_nowait()
            self._thread.join(timeout=0.05)

    # -- the fetching thread

    def _run(self) -> None:
        try:
            self._consumer = self._connect()
            while not self._stopping.is_set():
                batch = self._collect()
                if batch is not None:
                    self._hand_over(batch)
                self._measure_lag()
        except BaseException as error:
            self._put(error)
        finally:
            if self._consumer is not None:
                with contextlib.suppress(KafkaError):
                    self._consumer.close(autocommit=False, timeout_ms=5_000)

    def _connect(self) -> Any:
        options = self._options
        consumer = KafkaConsumer(
            **self._connection.options(),
            group_id=options.group_id,
            group_instance_id=options.instance_id,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            partition_assignment_strategy=(CooperativeStickyAssignor,),
            session_timeout_ms=int(options.session_timeout_s * 1000),
            heartbeat_interval_ms=int(options.session_timeout_s * 1000 / 4),
            max_poll_interval_ms=int(options.max_poll_interval_s * 1000),
            max_poll_records=options.max_records,
            fetch_max_wait_ms=_POLL_MS,
            max_partition_fetch_bytes=4 * 1024 * 1024,
            metrics_enabled=False,
        )
        read_quickly(consumer)
        consumer.subscribe([options.topic], listener=self)
        return consumer

    def _poll(self, timeout_ms: int, max_records: int) -> dict[Any, list[Any]]:
        """Poll once; a broker that is away is waited for, with the client's own back-off."""
        before = {each: self._epochs[each] for each in self._owned}
        try:
            found: dict[Any, list[Any]] = self._consumer.poll(timeout_ms=timeout_ms, max_records=max_records)
            self._notice_new_membership(before, found)
        except _FATAL:
            raise
        except KafkaError as error:
            if not getattr(error, "retriable", False):
                raise
            log.warning("fetching failed and is tried again", extra={"error": str(error)})
            self._stopping.wait(0.2)
            return {}
        return found

    def _notice_new_membership(self, before: Mapping[Partition, int], found: dict[Any, list[Any]]) -> None:
        """Begin anew on partitions kept through a loss of membership that no callback told of.

        A worker that was thrown out while it rejoined comes back under a new member id, and kafka-python tells of it
        only what was added. Others may have read what it kept, so it goes back to what is committed.
        """
        member = self._consumer.group_metadata().member_id
        if not member or member == self._member:
            return
        kept = [each for each, epoch in before.items() if each in self._owned and self._epochs[each] == epoch]
        if self._member and kept:
            for each in kept:
                found.pop(TopicPartition(*each), None)
            committed = {each: self._consumer.committed(TopicPartition(*each)) for each in kept}
            self.on_partitions_lost(kept)
            for each, offset in committed.items():
                if offset is None:
                    self._consumer.seek_to_beginning(TopicPartition(*each))
                else:
                    self._consumer.seek(TopicPartition(*each), offset)
            self.on_partitions_assigned(kept)
        self._member = member

    def _collect(self) -> Batch | None:
        parts: dict[Partition, tuple[int, list[Any]]] = {}
        number = size = 0
        deadline = None
        while not self._stopping.is_set():
            left_ms = _POLL_MS if deadline is None else int((deadline - time.monotonic()) * 1000)
            if left_ms <= 0:
                break
            found = self._poll(min(left_ms, _POLL_MS), min(_POLL_RECORDS, self._options.max_records - number))
            for partition, records in found.items():
                self._add(parts, Partition(*partition), records)
                number += len(records)
                size += sum([record.serialized_value_size + record.serialized_header_size for record in records])
            if not number:
                return None
            if number >= self._options.max_records or size >= self._options.max_bytes:
                break
            deadline = deadline or time.monotonic() + self._options.max_wait_s
        return self._batch(parts) if number else None

    def _add(self, parts: dict[Partition, tuple[int, list[Any]]], partition: Partition, records: list[Any]) -> None:
        """Add records to those of their partition; what was read under an earlier ownership is read again anyway."""
        epoch = self._epochs.get(partition, 0)
        before = parts.get(partition)
        if before is not None and before[0] == epoch:
            before[1].extend(records)
        else:
            parts[partition] = (epoch, records)

    def _batch(self, parts: Mapping[Partition, tuple[int, list[Any]]]) -> Batch:
        records: list[Any] = []
        slices = {}
        with self._state:
            for partition, (epoch, found) in parts.items():
                if partition not in self._owned or self._epochs[partition] != epoch:
                    continue  # revoked while the batch was being collected; its new owner reads these
                slices[partition] = (len(records), len(records) + len(found))
                records += found
                self._unfinished[partition] = self._unfinished.get(partition, 0) + len(found)
                self._newest[partition] = found[-1].timestamp
            epochs = {partition: self._epochs[partition] for partition in slices}
        return Batch(records, slices, epochs)

    def _hand_over(self, batch: Batch) -> None:
        """Wait until the worker takes `batch`, staying a member of the group meanwhile."""
        paused = False
        while not self._stopping.is_set():
            try:
                self._queue.put(batch, timeout=0.5)
                break
            except queue.Full:
                # Newly assigned partitions are not paused yet and might answer: then rewind, nothing is lost.
                self._consumer.pause(*self._consumer.assignment())
                paused = True
                for partition, records in self._poll(0, 1).items():
                    self._consumer.seek(partition, records[0].offset)
                self._measure_lag()
        if paused:
            self._consumer.resume(*self._consumer.paused())

    def _put(self, error: BaseException) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(queue.Full):
                self._queue.put(error, timeout=0.5)
                return

    def _measure_lag(self) -> None:
        """Ask the broker where the partitions end; without an answer the lag is unknown, never zero."""
        now = time.monotonic()
        if now - self._lag_tried_at < _LAG_EVERY_S:
            return
        self._lag_tried_at = now
        consumer = self._consumer
        try:
            assigned = list(consumer.assignment())
            if not assigned and self._options.topic not in consumer.topics():
                log.warning("the posts topic is not there; falsepassage topics create makes it")
                return
            ends = consumer.end_offsets(assigned, timeout_ms=1_000) if assigned else {}
            positions = {partition: consumer.position(partition, timeout_ms=500) for partition in assigned}
        except (KafkaError, AssertionError) as error:
            log.debug("the lag is not known", extra={"error": str(error)})
            return
        behind = {}
        for partition in assigned:
            position = positions[partition]
            if position is not None:
                end = max(ends[partition], consumer.highwater(partition) or 0)
                behind[Partition(*partition)] = max(end - position, 0)
        with self._state:
            self._behind = behind
            self._lag_at = time.monotonic()

    # -- called by the consumer inside poll()

    def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        """Begin a new ownership of `assigned`."""
        with self._state:
            self.rebalances += 1
            for each in assigned:
                partition = Partition(*each)
                self._owned.add(partition)
                self._epochs[partition] = self._epochs.get(partition, 0) + 1
                self._unfinished[partition] = 0
                self._newest.pop(partition, None)

    def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
        """End the ownership of `revoked`, after a commit that is under way."""
        with self._committing, self._state:
            self.rebalances += 1
            for each in revoked:
                self._owned.discard(Partition(*each))

    def on_partitions_lost(self, lost: Iterable[Any]) -> None:
        """End the ownership of `lost`: others may have begun to read them already."""
        self.on_partitions_revoked(lost)


def _advice(error: BaseException, connection: KafkaConnection) -> str:
    if isinstance(error, SaslAuthenticationFailedError):
        return (
            f"the broker does not accept the credentials ({error}); check the settings sasl_username and sasl_password"
        )
    if isinstance(error, AuthorizationError):
        return f"the broker forbids reading ({error}); give this user READ on the topic and on the group"
    if isinstance(error, FencedInstanceIdError):
        return "another worker has taken this instance_id; give each worker its own FALSEPASSAGE_INSTANCE_ID"
    if isinstance(error, CorruptRecordError | UnsupportedCodecError):
        return f"a record batch cannot be read: {error}; check the broker's disk, or move the group past it"
    return f"reading failed: {type(error).__name__}: {error}; {connection.advice()}"
