"""Where batches of records come from, whatever the transport."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol


class Partition(NamedTuple):
    """One partition of one topic."""

    topic: str
    partition: int


class Record(Protocol):
    """A record as it came; Kafka's own has these fields and more."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> list[tuple[str, bytes | None]]: ...


@dataclass(frozen=True, slots=True)
class Batch:
    """Records to be worked on together.

    `slices` holds, for each partition, its records' place in `records` (half-open); `epochs` says which ownership of
    the partition they were read under.
    """

    records: Sequence[Any]
    slices: Mapping[Partition, tuple[int, int]]
    epochs: Mapping[Partition, int]


@dataclass(frozen=True, slots=True)
class Claim:
    """What of a batch may be committed now: the partitions still owned, and the proof of membership for the broker."""

    partitions: frozenset[Partition]
    group_metadata: Any


@dataclass(frozen=True, slots=True)
class Lag:
    """How far behind one partition is; `seconds` is the age of the newest record that was read, 0 if all was read."""

    posts: int
    seconds: float


class Source(Protocol):
    """Yields batches, each of them until it is done with."""

    def next_batch(self, timeout_s: float) -> Batch | None:
        """Return the next batch, or None if none came in time.

        Raises:
            SourceError: if no more can be read.
        """

    def claim(self, batch: Batch) -> AbstractContextManager[Claim]:
        """Hold on to what of `batch` is still owned while it is committed."""

    def done(self, batch: Batch) -> None:
        """Say that `batch` was committed, or is another's to do."""

    def lag(self) -> Mapping[Partition, Lag]:
        """Return the lag of the partitions where it is known."""

    def close(self) -> None:
        """Stop reading and leave the group."""
