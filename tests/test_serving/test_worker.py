"""The worker's loop: what is written, counted and committed, and when."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from ingest.source import Batch, Partition
from ingest.testing import ListSource, batch_of
from serving import worker as worker_module
from serving.audit import AuditDraw
from serving.errors import FencedError, TransactionAbortedError
from serving.metrics import WorkerMetrics
from serving.processing import OutputTopics, Processor
from serving.sinks import ListSink, Output
from serving.worker import Worker
from tests.models import shipped
from tests.records import ADVERT, ORDINARY, FakeRecord, post_json

ZERO, ONE = Partition("posts", 0), Partition("posts", 1)


def record(i: int, partition: int = 0, text: str = ADVERT) -> FakeRecord:
    return FakeRecord(post_json(f"p{partition}:{i}", text, platform="x"), offset=i, partition=partition)


class Bench:
    """A worker over batches that are given; it stops when there are none left."""

    def __init__(self, *batches: Batch, sink: Any = None) -> None:
        self.registry = CollectorRegistry()
        self.sink = sink or ListSink()
        self.source = ListSource(batches)
        processor = Processor(shipped(), OutputTopics("review", "audit", "dead"), AuditDraw(0, 0, "s"))
        self.worker = Worker(self.source, processor, self.sink, WorkerMetrics(self.registry))
        self.source.when_empty = self.worker.stop

    def value(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"falsepassage_{name}", labels) or 0.0


class ScriptedSink(ListSink):
    """Calls one of `steps` before each try to write."""

    def __init__(self, *steps: Callable[[], None]) -> None:
        super().__init__()
        self.steps = iter(steps)
        self.tries: list[tuple[list[Output], dict[Partition, int]]] = []

    def write(self, outputs: Sequence[Output], offsets: Mapping[Partition, int], group_metadata: Any = None) -> None:
        self.tries.append((list(outputs), dict(offsets)))
        next(self.steps, lambda: None)()
        super().write(outputs, offsets, group_metadata)


def abort() -> None:
    raise TransactionAbortedError("try again")


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "_RETRY_S", (0.001,) * 5)


def test_outputs_and_the_offsets_after_them_are_written_together() -> None:
    sink = ScriptedSink()
    bench = Bench(batch_of([record(5), record(6, text=ORDINARY), record(9, 1)]), batch_of([record(7)]), sink=sink)
    bench.worker.run()
    assert [([o.key for o in outputs], offsets) for outputs, offsets in sink.tries] == [
        ([b"p0:5", b"p1:9"], {ZERO: 7, ONE: 10}),
        ([b"p0:7"], {ZERO: 8}),
    ]
    assert len(bench.source.finished) == 2
    assert bench.value("posts_consumed_total", platform="x") == 4
    assert bench.value("batch_posts_count") == 2
    assert bench.value("post_latency_seconds_count") == 4


def test_what_is_counted_is_what_became_of_the_records() -> None:
    records = [record(1), record(2, text=ORDINARY), FakeRecord(b"{", offset=3), FakeRecord(None, offset=4)]
    bench = Bench(batch_of(records))
    bench.worker.run()
    labels = {"language": "en", "label": "smuggling_advert"}
    assert bench.value("posts_flagged_total", **labels) == 1
    assert bench.value("posts_scored_total", stage="encoder", **labels) == 1
    assert bench.value("posts_scored_total", stage="screen", language="en", label="none") == 1
    assert bench.value("posts_flagged_total", language="en", label="none") == 0
    assert bench.value("dead_letters_total", reason="invalid_json", stage="decode") == 1
    assert bench.value("posts_skipped_total", reason="tombstone") == 1
    assert bench.value("batch_duration_seconds_count", stage="commit") == 1


def test_an_aborted_transaction_is_tried_again_with_the_same_outputs() -> None:
    sink = ScriptedSink(abort, abort)
    bench = Bench(batch_of([record(1), record(2, 1)]), sink=sink)
    bench.worker.run()
    assert len(sink.tries) == 3
    assert sink.tries[0] == sink.tries[1] == sink.tries[2]
    assert [output.key for output in sink.outputs] == [b"p0:1", b"p1:2"]
    assert bench.value("transactions_aborted_total") == 2
    assert bench.value("posts_consumed_total", platform="x") == 2


def test_another_error_ends_the_worker_and_nothing_is_counted() -> None:
    def fence() -> None:
        raise FencedError("another")

    bench = Bench(batch_of([record(1)]), batch_of([record(2)]), sink=ScriptedSink(fence))
    with pytest.raises(FencedError):
        bench.worker.run()
    assert bench.sink.outputs == []
    assert bench.source.finished == []
    assert bench.value("posts_consumed_total", platform="x") == 0


def test_partitions_lost_during_the_batch_are_neither_written_nor_counted() -> None:
    bench = Bench(batch_of([record(1), record(2), record(8, 1), record(9, 1)]))
    bench.source.lost = {ONE}
    bench.worker.run()
    assert [output.key for output in bench.sink.outputs] == [b"p0:1", b"p0:2"]
    assert bench.sink.offsets == {ZERO: 3}
    assert bench.value("posts_consumed_total", platform="x") == 2
    assert bench.value("posts_flagged_total", language="en", label="smuggling_advert") == 2
    assert bench.value("post_latency_seconds_count") == 2
    assert len(bench.source.finished) == 1


def test_partitions_lost_between_two_tries_are_not_written_by_the_second() -> None:
    bench = Bench(batch_of([record(1), record(8, 1)]))

    def lose_and_abort() -> None:
        bench.source.lost = {ZERO}
        abort()

    bench.sink = bench.worker._sink = ScriptedSink(lose_and_abort)
    bench.worker.run()
    assert [output.key for output in bench.sink.outputs] == [b"p1:8"]
    assert bench.sink.offsets == {ONE: 9}
    assert bench.value("posts_consumed_total", platform="x") == 1


def test_a_batch_whose_partitions_are_all_lost_is_given_up() -> None:
    bench = Bench(batch_of([record(1)]))
    bench.source.lost = {ZERO}
    bench.worker.run()
    assert (bench.sink.outputs, bench.sink.offsets) == ([], {})
    assert bench.value("posts_consumed_total", platform="x") == 0
    assert len(bench.source.finished) == 1


def test_stopping_finishes_the_batch_under_way_and_takes_no_other() -> None:
    entered, go = threading.Event(), threading.Event()

    def hold() -> None:
        entered.set()
        assert go.wait(10)

    bench = Bench(batch_of([record(1)]), sink=ScriptedSink(hold))
    bench.source.when_empty = lambda: None
    running = threading.Thread(target=bench.worker.run)
    running.start()
    assert entered.wait(10)
    bench.worker.stop()
    running.join(0.05)
    assert running.is_alive()
    go.set()
    running.join(10)
    assert not running.is_alive()
    assert bench.sink.offsets == {ZERO: 2}
    assert len(bench.source.finished) == 1


def test_a_worker_stopped_before_it_began_reads_nothing() -> None:
    bench = Bench(batch_of([record(1)]))
    bench.worker.stop()
    bench.worker.run()
    assert bench.sink.outputs == []


def test_a_stopped_worker_does_not_try_for_ever() -> None:
    bench = Bench(batch_of([record(1)]), sink=ScriptedSink(*[abort] * 1_000))
    with pytest.raises(TransactionAbortedError):
        bench.worker.run()
    assert bench.source.finished == []


def test_no_text_of_a_post_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    bench = Bench(batch_of([record(1), FakeRecord(post_json(text=ADVERT)[:-2])]), sink=ScriptedSink(abort))
    bench.worker.run()
    assert "tried again" in caplog.text
    assert "Dunkirk" not in caplog.text
