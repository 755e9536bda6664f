"""The ledger: whatever is killed, every post ends in exactly one place, exactly once."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from typing import Any

import pytest
from kafka import KafkaProducer

from ingest.kafka_connection import KafkaConnection
from ingest.kafka_topics import create_topics
from serving.local_broker import ApacheKafka
from tests.integration.posts import Sent, stream
from tests.integration.workers import WorkerProcess, read_topic, wait_for

pytestmark = pytest.mark.kafka

POSTS = 10_000
KILLS = 6


def send(bootstrap: str, topic: str, records: list[Sent], per_second: float = float("inf")) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap, linger_ms=5)
    began = time.monotonic()
    for i, each in enumerate(records):
        producer.send(topic, key=each.key, value=each.value, headers=list(each.headers))
        if i % 100 == 0:
            time.sleep(max(0.0, began + i / per_second - time.monotonic()))
    producer.flush()
    producer.close()


def test_every_flag_and_every_dead_letter_is_there_once_after_kills_a_broker_restart_and_rebalances(
    own_kafka: ApacheKafka, topic_prefix: str
) -> None:
    bootstrap = own_kafka.bootstrap_servers
    create_topics(KafkaConnection(bootstrap), topic_prefix, partitions=4)
    records = stream(POSTS, seed=random.randrange(1 << 30))
    sender = threading.Thread(target=send, args=(bootstrap, f"{topic_prefix}posts", records, 600))
    sender.start()
    workers = {name: start(bootstrap, topic_prefix, name) for name in ("one", "two")}
    try:
        for round_ in range(KILLS):
            time.sleep(random.uniform(1.0, 2.5))
            name = random.choice(("one", "two"))
            workers[name].kill()
            if round_ == KILLS // 2:
                own_kafka.kill()
                time.sleep(1.0)
                own_kafka.start()
            time.sleep(random.uniform(0.0, 1.0))
            workers[name] = start(bootstrap, topic_prefix, name)
        extra = start(bootstrap, topic_prefix, "three")  # a rebalance that nobody died for
        time.sleep(4)
        assert extra.stop() == 0
        sender.join()
        wanted = Counter(each.expect for each in records)
        wait_for(lambda: settled(bootstrap, topic_prefix, wanted), "all flags and dead letters", 120)
    finally:
        codes = {name: each.stop() for name, each in workers.items()}
    assert codes == {"one": 0, "two": 0}
    check(bootstrap, topic_prefix, records)


def start(bootstrap: str, prefix: str, name: str) -> WorkerProcess:
    return WorkerProcess(bootstrap, prefix, name, batch_max_posts=300, session_timeout_s=6)


def settled(bootstrap: str, prefix: str, wanted: Counter[str]) -> bool:
    time.sleep(1)
    dead = sum(number for reason, number in wanted.items() if reason not in ("flag", "none", "skip"))
    return (
        len(read_topic(bootstrap, f"{prefix}review")) >= wanted["flag"]
        and len(read_topic(bootstrap, f"{prefix}dead-letters")) >= dead
    )


def check(bootstrap: str, prefix: str, records: list[Sent]) -> None:
    flags = Counter(json.loads(each.value)["post"]["id"] for each in read_topic(bootstrap, f"{prefix}review"))
    assert flags == Counter(each.post_id for each in records if each.expect == "flag")
    letters = read_topic(bootstrap, f"{prefix}dead-letters")
    poison = {mark(each.headers): each for each in records if mark(each.headers)}
    assert Counter(mark(each.headers) for each in letters) == Counter(poison.keys())
    for letter in letters:
        came = poison[mark(letter.headers)]
        assert (letter.key, letter.value) == (came.key, came.value)
        assert letter.headers[: len(came.headers)] == came.headers
        assert dict(letter.headers)["falsepassage.error.reason"] == came.expect.encode()
        assert int(dict(letter.headers)["falsepassage.error.timestamp"]) == letter.timestamp


def mark(headers: Any) -> bytes:
    return dict(headers).get("mark", b"")
