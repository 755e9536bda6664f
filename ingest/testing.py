"""A source without a broker, for tests and for replays of what is at hand."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ingest.source import Batch, Claim, Lag, Partition


def batch_of(records: Iterable[Any]) -> Batch:
    """Return one batch of `records`, each partition's together and in the order given."""
    parts: dict[Partition, list[Any]] = {}
    for record in records:
        parts.setdefault(Partition(record.topic, record.partition), []).append(record)
    together: list[Any] = []
    slices = {}
    for partition, found in parts.items():
        slices[partition] = (len(together), len(together) + len(found))
        together += found
    return Batch(together, slices, dict.fromkeys(parts, 0))


class ListSource:
    """Implements `ingest.source.Source` over batches that are given.

    Args:
        when_empty: called each time a batch is asked for and none is left; a test stops its worker here.
    """

    def __init__(self, batches: Iterable[Batch], when_empty: Callable[[], None] = lambda: None) -> None:
        self._batches = iter(batches)
        self.when_empty = when_empty
        self.lost: set[Partition] = set()
        """Partitions that another worker owns by now."""
        self.finished: list[Batch] = []

    def next_batch(self, timeout_s: float) -> Batch | None:  # noqa: ARG002  # it never waits
        """Return the next batch, or None if there is none left."""
        batch = next(self._batches, None)
        if batch is None:
            self.when_empty()
        return batch

    @contextlib.contextmanager
    def claim(self, batch: Batch) -> Iterator[Claim]:
        """Claim what of `batch` is not lost."""
        yield Claim(frozenset(batch.slices) - self.lost, None)

    def done(self, batch: Batch) -> None:
        """Remember `batch` as finished."""
        self.finished.append(batch)

    def lag(self) -> Mapping[Partition, Lag]:
        """Nothing is known of any lag."""
        return {}

    def close(self) -> None:
        """Nothing to let go of."""
