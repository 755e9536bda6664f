"""The worker's metrics, each declared once. The registry is passed in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from ingest.source import Lag, Partition

LATENCY_BUCKETS_S = (
    0.025,
    0.05,
    0.1,
    0.2,
    0.3,
    0.4,
    0.5,
    0.75,
    1.0,
    1.5,
    2.0,
    3.0,
    5.0,
    10.0,
    30.0,
    60.0,
    300.0,
    3600.0,
)
DURATION_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class WorkerMetrics:
    """What a worker counts. Names and labels are a contract: see docs/metrics.md."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, labels: Sequence[str] = ()) -> Counter:
            return Counter(f"falsepassage_{name}", text, labels, registry=registry)

        self.posts_consumed = counter(
            "posts_consumed_total", "Records read from the posts topic and committed.", ["platform"]
        )
        self.posts_scored = counter(
            "posts_scored_total", "Posts the classifier judged, by what it said.", ["label", "language", "stage"]
        )
        self.posts_flagged = counter("posts_flagged_total", "Posts sent to the review topic.", ["label", "language"])
        self.posts_audited = counter("posts_audited_total", "Unflagged posts drawn for the audit topic.", ["language"])
        self.posts_skipped = counter("posts_skipped_total", "Records with nothing to judge, by why.", ["reason"])
        self.posts_withdrawn = counter(
            "posts_withdrawn_total", "Deletions passed on to the review topic.", ["platform"]
        )
        self.dead_letters = counter(
            "dead_letters_total", "Records that could not be read, by why and where.", ["reason", "stage"]
        )
        self.transactions_aborted = counter(
            "transactions_aborted_total", "Transactions that failed, left nothing behind and were tried again."
        )
        self.batch_duration = Histogram(
            "falsepassage_batch_duration_seconds", "Time a batch spends in each stage.", ["stage"],
            buckets=DURATION_BUCKETS_S, registry=registry,
        )  # fmt: skip
        self.batch_posts = Histogram(
            "falsepassage_batch_posts", "Records in a batch.",
            buckets=(1, 10, 100, 500, 1_000, 2_500, 5_000, 10_000), registry=registry,
        )  # fmt: skip
        self.post_latency = BulkHistogram(
            "falsepassage_post_latency_seconds", "From a post's creation in Kafka to the commit of its verdict.",
            LATENCY_BUCKETS_S,
        )  # fmt: skip
        registry.register(self.post_latency)
        self.last_commit = Gauge(
            "falsepassage_last_commit_timestamp_seconds", "When the last batch was committed.", registry=registry
        )
        self.model_info = Gauge(
            "falsepassage_model_info", "The model in use; always 1.", ["version", "sha256"], registry=registry
        )
        declare_build_info(registry)


def declare_build_info(registry: CollectorRegistry) -> None:
    """Say which version of the program this is."""
    info = Gauge("falsepassage_build_info", "The program's version; always 1.", ["version"], registry=registry)
    info.labels(program_version()).set(1)


def program_version() -> str:
    """Return the installed version, `unknown` if it was not installed."""
    try:
        return version("falsepassage")
    except PackageNotFoundError:
        return "unknown"


class BulkHistogram(Collector):
    """A histogram that takes thousands of observations at once; prometheus_client's own takes them one by one."""

    def __init__(self, name: str, text: str, bounds: Sequence[float]) -> None:
        self._name, self._text = name, text
        self._bounds = np.array([*bounds, np.inf])
        self._counts = np.zeros(len(self._bounds), np.int64)
        self._sum = 0.0

    def observe_many(self, values: NDArray[np.float64]) -> None:
        """Count `values`, shape [n]."""
        found = np.searchsorted(self._bounds, values, side="left")
        self._counts += np.bincount(found, minlength=len(self._bounds))
        self._sum += float(values.sum())

    def collect(self) -> Iterator[Metric]:
        """Yield the histogram as Prometheus wants it: cumulative."""
        totals = np.cumsum(self._counts).tolist()
        names = [*map(str, self._bounds[:-1].tolist()), "+Inf"]
        yield HistogramMetricFamily(self._name, self._text, list(zip(names, totals, strict=True)), self._sum)


class LagCollector(Collector):
    """The lag, asked for at each scrape; a partition whose lag is not known has no sample."""

    def __init__(self, lag: Callable[[], Mapping[Partition, Lag]]) -> None:
        self._lag = lag

    def collect(self) -> Iterator[Metric]:
        """Yield posts and seconds behind, by topic and partition."""
        posts = GaugeMetricFamily(
            "falsepassage_consumer_lag_posts", "Records not yet committed.", labels=["topic", "partition"]
        )
        seconds = GaugeMetricFamily(
            "falsepassage_consumer_lag_seconds",
            "Age of the newest record that was read, 0 if there is none left.",
            labels=["topic", "partition"],
        )
        for (topic, partition), lag in sorted(self._lag().items()):
            posts.add_metric([topic, str(partition)], lag.posts)
            seconds.add_metric([topic, str(partition)], lag.seconds)
        yield posts
        yield seconds
