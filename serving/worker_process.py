"""A worker as a process: its parts put together, its health page, and its end on SIGTERM."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
from types import FrameType

import msgspec
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from ingest.kafka_source import KafkaSource, SourceOptions
from ingest.topics import AUDIT, DEAD_LETTERS, POSTS, REVIEW
from serving.audit import AuditDraw
from serving.health import HealthServer
from serving.kafka_sink import KafkaSink
from serving.metrics import LagCollector, WorkerMetrics
from serving.model import load_model
from serving.processing import OutputTopics, Processor
from serving.settings import Settings
from serving.worker import Worker

log = logging.getLogger(__name__)

_BROKER_SILENT_S = 15.0


def run_worker(settings: Settings) -> None:
    """Run a worker until SIGTERM or SIGINT.

    Raises:
        ModelError, SourceError, SinkError, ServingError: what is wrong and what to do.
    """
    classifier = load_model(settings)
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    metrics = WorkerMetrics(registry)
    metrics.model_info.labels(classifier.version, classifier.sha256).set(1)
    topics = OutputTopics(settings.topic(REVIEW), settings.topic(AUDIT), settings.topic(DEAD_LETTERS))
    source: KafkaSource | None = None
    health = HealthServer(
        registry, {"broker": lambda: _broker_missing(source)}, settings.metrics_host, settings.metrics_port
    )
    # the port that was taken, so that two workers on one host that both asked for any port differ
    settings = msgspec.structs.replace(settings, metrics_port=health.port)
    sink = KafkaSink(
        settings.connection,
        f"{settings.topic_prefix}{settings.group_id}.{settings.instance}",
        settings.transaction_timeout_s,
        [topics.review, topics.audit, topics.dead_letters],
    )
    try:
        sink.start()
        source = KafkaSource(settings.connection, _source_options(settings))
        registry.register(LagCollector(source.lag))
        audit = AuditDraw(settings.audit_floor, settings.audit_ceiling, settings.audit_salt)
        worker = Worker(source, Processor(classifier, topics, audit), sink, metrics)
        _stop_on_signals(worker, settings.shutdown_timeout_s)
        log.info(
            "worker started",
            extra={
                "instance": settings.instance,
                "model": classifier.version,
                "operating_point": settings.operating_point,
                "topic": settings.topic(POSTS),
                "metrics": f"http://{health.host}:{health.port}/metrics",
            },
        )
        # Records and posts hold no cycles, and there are thousands alive at any time: look for cycles rarely.
        sys.setswitchinterval(0.001)
        gc.freeze()
        gc.set_threshold(100_000, 50, 100)
        worker.run()
        log.info("worker stopped")
    finally:
        if source is not None:
            source.close()
        sink.close()
        health.close()


def _source_options(settings: Settings) -> SourceOptions:
    return SourceOptions(
        topic=settings.topic(POSTS),
        group_id=settings.group_id,
        instance_id=settings.instance if settings.static_membership else None,
        max_records=settings.batch_max_posts,
        max_bytes=settings.batch_max_bytes,
        max_wait_s=settings.batch_max_wait_s,
        session_timeout_s=settings.session_timeout_s,
    )


def _broker_missing(source: KafkaSource | None) -> str | None:
    if source is None:
        return "not connected yet"
    if not source.is_assigned:
        return "the consumer group has not assigned its partitions yet"
    silent = source.seconds_since_answer()
    return f"no answer for {silent:.0f} seconds" if silent > _BROKER_SILENT_S else None


def _stop_on_signals(worker: Worker, timeout_s: float) -> None:
    """Finish the batch under way on SIGTERM and SIGINT; give up when that takes too long, or at the second signal."""

    def give_up() -> None:
        log.error("the batch could not be finished in time; it is left to the next worker")
        os._exit(1)

    def on_signal(number: int, _frame: FrameType | None) -> None:
        log.info("stopping after the batch under way", extra={"signal": signal.Signals(number).name})
        worker.stop()
        timer = threading.Timer(timeout_s, give_up)
        timer.daemon = True
        timer.start()
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
