"""The worker: take a batch, judge it, write what came of it and the offsets in one transaction, take the next."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from ingest.source import Batch, Partition, Source
from serving.errors import OutputRefusedError, TransactionAbortedError
from serving.metrics import WorkerMetrics
from serving.processing import Processor, Result
from serving.sinks import Sink
from serving.taming import tamed

log = logging.getLogger(__name__)

_POLL_S = 0.2
_RETRY_S = (0.05, 0.1, 0.2, 0.5, 1.0)


class Worker:
    """Runs until it is stopped or something breaks that a retry does not mend.

    Args:
        source: where batches come from; it fetches the next one while this one is worked on.
        sink: where results go, all of a batch or nothing.
    """

    def __init__(self, source: Source, processor: Processor, sink: Sink, metrics: WorkerMetrics) -> None:
        self._source = source
        self._processor = processor
        self._sink = sink
        self._metrics = metrics
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Let `run` return after the batch under way. May be called from a signal handler or another thread."""
        self._stopping.set()

    def run(self) -> None:
        """Work until stopped; one batch is judged while the one before it is being committed.

        Raises:
            SourceError, SinkError: what broke, and what to do about it.
        """
        with ThreadPoolExecutor(1, thread_name_prefix="commit") as committer:
            committing: Future[None] | None = None
            while not self._stopping.is_set():
                batch = self._source.next_batch(_POLL_S)
                result = None if batch is None else self._processor.process(batch.records)
                if committing is not None:
                    committing.result()
                    committing = None
                if batch is not None and result is not None:
                    committing = committer.submit(self.finish, batch, result)
            if committing is not None:
                committing.result()

    def finish(self, batch: Batch, result: Result) -> None:
        """Commit what came of a batch, or of what is still ours of it, and count it."""
        kept = self._commit(batch, result)
        if kept == batch.slices.keys():
            self._count(batch, result)
        elif kept:
            # A rebalance took some of the partitions: what is counted is what was committed.
            records = [r for each in sorted(kept) for r in batch.records[slice(*batch.slices[each])]]
            self._count(Batch(records, {}, {}), self._processor.process(records))
        self._source.done(batch)

    def _commit(self, batch: Batch, result: Result) -> frozenset[Partition]:
        """Write the transaction, as often as it takes; return the partitions that it was written for."""
        attempt = 0
        cut = False
        began = time.perf_counter()
        while True:
            try:
                with self._source.claim(batch) as claim:
                    if not claim.partitions:
                        log.info("a batch was given up: its partitions are another worker's now")
                        return frozenset()
                    outputs = [output for output in result.outputs if output.source in claim.partitions]
                    offsets = {each: batch.records[batch.slices[each][1] - 1].offset + 1 for each in claim.partitions}
                    self._sink.write(outputs, offsets, claim.group_metadata)
            except OutputRefusedError:
                # One record must not stop the worker: what is too large is cut, and says so.
                if cut:
                    raise
                cut = True
                result.outputs = [tamed(output) for output in result.outputs]
            except TransactionAbortedError as error:
                self._metrics.transactions_aborted.inc()
                log.warning("a transaction failed and is tried again", extra={"error": str(error), "attempt": attempt})
                # Outside the claim, so that a rebalance can go on meanwhile: it is often what made the try fail.
                time.sleep(_RETRY_S[min(attempt, len(_RETRY_S) - 1)])
                attempt += 1
                if self._stopping.is_set() and attempt > 2 * len(_RETRY_S):
                    raise
            else:
                result.seconds["commit"] = time.perf_counter() - began
                return claim.partitions

    def _count(self, batch: Batch, result: Result) -> None:
        metrics = self._metrics
        for platform, number in result.consumed.items():
            metrics.posts_consumed.labels(platform).inc(number)
        for (label, language, stage), number in result.scored.items():
            metrics.posts_scored.labels(label, language, stage).inc(number)
            if label != "none":
                metrics.posts_flagged.labels(label, language).inc(number)
        for language, number in result.audited.items():
            metrics.posts_audited.labels(language).inc(number)
        for reason, number in result.skipped.items():
            metrics.posts_skipped.labels(reason).inc(number)
        for platform, number in result.withdrawn.items():
            metrics.posts_withdrawn.labels(platform).inc(number)
        for reason, number in result.dead.items():
            metrics.dead_letters.labels(reason, "decode").inc(number)
        for stage, seconds in result.seconds.items():
            metrics.batch_duration.labels(stage).observe(seconds)
        metrics.batch_posts.observe(len(batch.records))
        now = time.time()
        created = np.array([record.timestamp for record in batch.records], np.float64)
        metrics.post_latency.observe_many(np.maximum(now - created[created >= 0] / 1000, 0.0))
        metrics.last_commit.set(now)
