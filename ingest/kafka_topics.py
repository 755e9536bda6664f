"""Creating the topics, and saying where those that exist differ from what is declared."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from ingest.errors import TopicError
from ingest.kafka_connection import KafkaConnection
from ingest.topics import TOPICS, TopicSpec


@dataclass(frozen=True, slots=True)
class TopicState:
    """One topic as it is: `created` just now or there before, and in what it differs from its declaration."""

    name: str
    exists: bool
    created: bool
    partitions: int
    replication: int
    differences: tuple[str, ...]


@contextmanager
def _admin(connection: KafkaConnection) -> Iterator[KafkaAdminClient]:
    try:
        client = KafkaAdminClient(**connection.options(), bootstrap_timeout_ms=10_000)
    except KafkaError as error:
        raise TopicError(f"no broker answers ({error}): {connection.advice()}") from error
    try:
        yield client
    except KafkaError as error:
        raise TopicError(f"the broker refused: {error}") from error
    finally:
        client.close()


def create_topics(
    connection: KafkaConnection, prefix: str, *, partitions: int | None = None, replication: int | None = None
) -> list[TopicState]:
    """Create the topics that are missing; those that exist are left as they are.

    Args:
        partitions: for every topic, instead of what is declared.
        replication: replicas of each partition; by default three, or as many as there are brokers.

    Raises:
        TopicError: if the broker cannot be reached or refuses.
    """
    with _admin(connection) as admin:
        replicas = replication or min(3, len(admin.describe_cluster()["brokers"]))
        present = set(admin.list_topics())
        missing = [spec for spec in TOPICS if spec.full_name(prefix) not in present]
        for spec in missing:
            _create(admin, spec, prefix, partitions or spec.partitions, replicas)
        if missing:
            admin.wait_for_topics([spec.full_name(prefix) for spec in missing])
        created = {spec.name for spec in missing}
        return _describe(admin, prefix, created, partitions)


def describe_topics(connection: KafkaConnection, prefix: str) -> list[TopicState]:
    """Say of each topic whether it exists and in what it differs from its declaration.

    Raises:
        TopicError: if the broker cannot be reached.
    """
    with _admin(connection) as admin:
        return _describe(admin, prefix, set(), None)


def _create(admin: KafkaAdminClient, spec: TopicSpec, prefix: str, partitions: int, replicas: int) -> None:
    wanted = {"num_partitions": partitions, "replication_factor": replicas, "configs": dict(spec.config)}
    answer = admin.create_topics({spec.full_name(prefix): wanted}, raise_errors=False)
    for topic in answer["topics"]:
        error = for_code(topic["error_code"])
        if topic["error_code"] and error is not TopicAlreadyExistsError:
            raise TopicError(f"cannot create {topic['name']}: {topic.get('error_message') or error.__name__}")


def _describe(admin: KafkaAdminClient, prefix: str, created: set[str], partitions: int | None) -> list[TopicState]:
    names = [spec.full_name(prefix) for spec in TOPICS]
    present = set(admin.list_topics()) & set(names)
    described = {topic["name"]: topic for topic in admin.describe_topics(sorted(present))} if present else {}
    configs = _configs(admin, sorted(present))
    states = []
    for spec, name in zip(TOPICS, names, strict=True):
        topic = described.get(name)
        if topic is None:
            states.append(TopicState(name, exists=False, created=False, partitions=0, replication=0, differences=()))
            continue
        parts = topic["partitions"]
        replication = min((len(part["replica_nodes"]) for part in parts), default=0)
        differences = _differences(spec, len(parts), configs.get(name, {}), partitions)
        states.append(TopicState(name, True, spec.name in created, len(parts), replication, differences))
    return states


def _configs(admin: KafkaAdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    found: dict[str, Any] = admin.describe_configs(resources, config_filter="all")
    by_topic = found.get("topic", found)
    return {name: {key: entry["value"] for key, entry in by_topic.get(name, {}).items()} for name in names}


def _differences(spec: TopicSpec, partitions: int, config: dict[str, str], wanted: int | None) -> tuple[str, ...]:
    found = []
    declared = wanted or spec.partitions
    if partitions != declared:
        found.append(f"{partitions} partitions, declared {declared}")
    for key, value in spec.config.items():
        actual = config.get(key)
        if actual is not None and actual != value:
            found.append(f"{key}={actual}, declared {value}")
    return tuple(found)
