"""Brokers for the integration tests: Apache Kafka, the one that users run.

A test says `pytestmark = pytest.mark.kafka`, prefixes its topics with `topic_prefix`, and uses `kafka` unless it stops,
kills or reconfigures its broker.
"""

from __future__ import annotations

import re
import uuid
import warnings
from collections.abc import Iterator

import pytest

from serving.local_broker import ApacheKafka, LocalBrokerError

with warnings.catch_warnings():
    # kafka-python reads its schemas with functions of importlib.resources that Python 3.11 and 3.12 call deprecated;
    # it does so once, when it is imported.
    warnings.simplefilter("ignore", DeprecationWarning)
    import kafka as kafka_python  # noqa: F401


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Quick tests first, then those with a broker of their own, then those that share one: one broker at a time."""
    items.sort(key=_broker_order)


def _broker_order(item: pytest.Item) -> int:
    fixtures = getattr(item, "fixturenames", ())
    if "kafka" in fixtures:
        return 2
    return 1 if item.get_closest_marker("kafka") else 0


def _start(broker: ApacheKafka) -> ApacheKafka:
    try:
        return broker.start()
    except LocalBrokerError as exc:
        # Not skipped: a run without a broker has not tested delivery, and must not look as if it had.
        pytest.fail(f"The integration tests need a local Apache Kafka. {exc}", pytrace=False)


@pytest.fixture(scope="session")
def kafka() -> Iterator[ApacheKafka]:
    """An Apache Kafka that all tests share; it is never restarted."""
    with _start(ApacheKafka()) as broker:
        yield broker


@pytest.fixture
def own_kafka() -> Iterator[ApacheKafka]:
    """An Apache Kafka of this test alone, to be killed and restarted."""
    with _start(ApacheKafka()) as broker:
        yield broker


@pytest.fixture
def topic_prefix(request: pytest.FixtureRequest) -> str:
    """Begins the names of this test's topics, groups and transactional ids; no other test or run has it."""
    name = re.sub(r"[^A-Za-z0-9-]+", "-", request.node.name)[:60]
    return f"{name}-{uuid.uuid4().hex[:8]}."
