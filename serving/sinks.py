"""Where results go, whatever the transport."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ingest.source import Partition

Headers = Sequence[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class Output:
    """One record to be written. `source` and `source_offset` say which record it was made from."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    source: Partition
    source_offset: int
    timestamp_ms: int | None = None


class Sink(Protocol):
    """Writes outputs and the offsets they were made from: all of it or nothing."""

    def write(self, outputs: Sequence[Output], offsets: Mapping[Partition, int], group_metadata: Any) -> None:
        """Write and commit.

        Args:
            offsets: for each partition, the offset of the next record to be read.

        Raises:
            TransactionAbortedError: nothing was written; the same call may be made again.
            FencedError: another worker has taken over.
            SinkError: nothing can be written.
        """

    def close(self) -> None:
        """Let go of the connection."""


@dataclass
class ListSink:
    """Keeps what is written, for tests and for replays without a broker."""

    outputs: list[Output] = field(default_factory=list)
    offsets: dict[Partition, int] = field(default_factory=dict)

    def write(self, outputs: Sequence[Output], offsets: Mapping[Partition, int], _group_metadata: Any = None) -> None:
        """Keep `outputs` and `offsets`."""
        self.outputs += outputs
        self.offsets.update(offsets)

    def close(self) -> None:
        """Nothing to let go of."""
