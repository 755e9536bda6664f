"""Metrics: what they hold, and that ours are what prometheus_client's would be."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from ingest.source import Lag, Partition
from serving.metrics import LATENCY_BUCKETS_S, BulkHistogram, LagCollector, WorkerMetrics

VALUES = st.lists(st.lists(st.floats(0, 1e5) | st.sampled_from(LATENCY_BUCKETS_S), max_size=20), max_size=4)


@settings(max_examples=100, deadline=None)
@given(batches=VALUES)
def test_many_observations_at_once_count_as_one_by_one(batches: list[list[float]]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    bulk = BulkHistogram("h_seconds", "Help.", LATENCY_BUCKETS_S)
    ours.register(bulk)
    single = Histogram("h_seconds", "Help.", buckets=LATENCY_BUCKETS_S, registry=theirs)
    for values in batches:
        bulk.observe_many(np.array(values, np.float64))
        for value in values:
            single.observe(value)
    for le in [*(str(float(bound)) for bound in LATENCY_BUCKETS_S), "+Inf"]:
        expected = theirs.get_sample_value("h_seconds_bucket", {"le": le})
        assert expected is not None
        assert ours.get_sample_value("h_seconds_bucket", {"le": le}) == expected
    assert ours.get_sample_value("h_seconds_count") == theirs.get_sample_value("h_seconds_count")
    ours_sum, theirs_sum = (registry.get_sample_value("h_seconds_sum") or 0.0 for registry in (ours, theirs))
    assert np.isclose(ours_sum, theirs_sum)


def test_a_lag_that_is_not_known_has_no_sample() -> None:
    known: dict[Partition, Lag] = {}

    def lag() -> Mapping[Partition, Lag]:
        return known

    registry = CollectorRegistry()
    registry.register(LagCollector(lag))
    labels = {"topic": "posts", "partition": "3"}
    assert registry.get_sample_value("falsepassage_consumer_lag_posts", labels) is None
    assert b"falsepassage_consumer_lag_posts{" not in generate_latest(registry)
    known[Partition("posts", 3)] = Lag(0, 0.0)
    assert registry.get_sample_value("falsepassage_consumer_lag_posts", labels) == 0
    known[Partition("posts", 3)] = Lag(7, 1.5)
    assert registry.get_sample_value("falsepassage_consumer_lag_posts", labels) == 7
    assert registry.get_sample_value("falsepassage_consumer_lag_seconds", labels) == 1.5
    assert registry.get_sample_value("falsepassage_consumer_lag_posts", {**labels, "partition": "4"}) is None


def test_the_metrics_and_labels_are_those_of_the_contract() -> None:
    metrics = WorkerMetrics(CollectorRegistry())
    found = {metric._name + ("_total" if metric._type == "counter" else ""): metric._labelnames
             for metric in vars(metrics).values() if hasattr(metric, "_labelnames")}  # fmt: skip
    contract = {
        "posts_consumed_total": ("platform",),
        "posts_scored_total": ("label", "language", "stage"),
        "posts_flagged_total": ("label", "language"),
        "posts_skipped_total": ("reason",),
        "dead_letters_total": ("reason", "stage"),
        "batch_duration_seconds": ("stage",),
        "model_info": ("version", "sha256"),
    }
    assert {name: found[f"falsepassage_{name}"] for name in contract} == contract


def test_the_versions_can_be_read() -> None:
    registry = CollectorRegistry()
    WorkerMetrics(registry)
    assert b"falsepassage_build_info{version=" in generate_latest(registry)
    assert b"falsepassage_post_latency_seconds_bucket" in generate_latest(registry)
