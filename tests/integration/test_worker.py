"""A worker on a real Kafka: its end, its replacement, its readiness, and what it refuses."""

from __future__ import annotations

import hashlib
import json
import random
import time
import urllib.error
from collections import Counter

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.structs import ConsumerGroupMetadata

from ingest.kafka_connection import KafkaConnection
from ingest.kafka_topics import create_topics, describe_topics
from ingest.post import WITHDRAWAL_TYPE
from ingest.topics import TOPICS
from serving.dead_letters import read_dead_letters, replay
from serving.errors import FencedError
from serving.kafka_sink import KafkaSink
from serving.local_broker import ApacheKafka
from tests.integration.posts import Sent, flagged_texts, stream
from tests.integration.workers import read_topic, wait_for, worker

pytestmark = pytest.mark.kafka


def send(bootstrap: str, topic: str, records: list[Sent]) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap, linger_ms=5)
    for each in records:
        producer.send(topic, key=each.key, value=each.value, headers=list(each.headers))
    producer.flush()
    producer.close()


def advert(number: int) -> Sent:
    post = {"id": f"test:{number}", "text": flagged_texts()[0], "extra": {"kept": number}}
    return Sent(b"k", json.dumps(post).encode(), [], "flag", f"test:{number}")


def test_every_record_is_counted_once_as_scored_skipped_or_dead(kafka: ApacheKafka, topic_prefix: str) -> None:
    bootstrap = kafka.bootstrap_servers
    create_topics(KafkaConnection(bootstrap), topic_prefix, partitions=2)
    records = stream(2_000, seed=5)
    send(bootstrap, f"{topic_prefix}posts", records)
    wanted = Counter(each.expect for each in records)
    with worker(bootstrap, topic_prefix) as process:
        wait_for(lambda: process.metrics().get("falsepassage_posts_consumed_total") == len(records), "all posts")
        found = process.metrics()
        assert found["falsepassage_posts_scored_total"] == wanted["flag"] + wanted["none"]
        assert found["falsepassage_posts_flagged_total"] == wanted["flag"]
        assert found["falsepassage_posts_skipped_total"] == wanted["skip"]
        dead = len(records) - wanted["flag"] - wanted["none"] - wanted["skip"]
        assert found["falsepassage_dead_letters_total"] == dead
        assert found["falsepassage_post_latency_seconds_count"] == len(records)
        wait_for(lambda: "falsepassage_consumer_lag_posts" in process.metrics(), "the lag to be known")
        wait_for(lambda: process.metrics()["falsepassage_consumer_lag_posts"] == 0, "the lag to be none")
        assert json.loads(process.get("/readyz")) == {"status": "ready"}
        assert process.stop() == 0


def test_sigterm_commits_the_batch_under_way_and_leaves_the_group_at_once(
    kafka: ApacheKafka, topic_prefix: str
) -> None:
    bootstrap = kafka.bootstrap_servers
    create_topics(KafkaConnection(bootstrap), topic_prefix, partitions=2)
    send(bootstrap, f"{topic_prefix}posts", [advert(i) for i in range(3_000)])
    with worker(bootstrap, topic_prefix, "first", batch_max_posts=100, session_timeout_s=30) as first:
        wait_for(lambda: first.metrics().get("falsepassage_posts_consumed_total", 0) > 0, "the first batch")
        assert first.stop() == 0
    assert first.log[-1]["message"] == "worker stopped"
    began = time.monotonic()
    with worker(bootstrap, topic_prefix, "second", session_timeout_s=30) as second:
        wait_for(lambda: second.metrics().get("falsepassage_posts_consumed_total", 0) > 0, "the second worker", 20)
        # had the first not left, the second would have waited for its session of 30 seconds to expire
        assert time.monotonic() - began < 20
        wait_for(lambda: len(read_topic(bootstrap, f"{topic_prefix}review")) >= 3_000, "all flags")
        second.stop()
    flags = Counter(json.loads(each.value)["post"]["id"] for each in read_topic(bootstrap, f"{topic_prefix}review"))
    assert flags == Counter(f"test:{i}" for i in range(3_000))


def test_a_worker_whose_instance_id_is_taken_stops_and_says_what_to_do(kafka: ApacheKafka, topic_prefix: str) -> None:
    bootstrap = kafka.bootstrap_servers
    create_topics(KafkaConnection(bootstrap), topic_prefix, partitions=2)
    with worker(bootstrap, topic_prefix, "same") as stale, worker(bootstrap, topic_prefix, "same") as fresh:
        for round_ in range(40):
            send(bootstrap, f"{topic_prefix}posts", [advert(round_ * 10 + i) for i in range(10)])
            if stale.process.poll() is not None:
                break
            time.sleep(0.5)
        assert stale.stop() == 2
        assert any("FALSEPASSAGE_INSTANCE_ID" in entry["message"] for entry in stale.log)
        sent = (round_ + 1) * 10
        wait_for(lambda: len(read_topic(bootstrap, f"{topic_prefix}review")) >= sent, "the fresh worker to do it all")
        fresh.stop()
    flags = Counter(json.loads(each.value)["post"]["id"] for each in read_topic(bootstrap, f"{topic_prefix}review"))
    assert flags == Counter(f"test:{i}" for i in range(sent))


def test_a_stale_sink_is_fenced_and_leaves_nothing_behind(kafka: ApacheKafka, topic_prefix: str) -> None:
    connection = KafkaConnection(kafka.bootstrap_servers)
    create_topics(connection, topic_prefix, partitions=1)
    stale, fresh = KafkaSink(connection, f"{topic_prefix}x"), KafkaSink(connection, f"{topic_prefix}x")
    stale.start()
    fresh.start()
    with pytest.raises(FencedError, match="FALSEPASSAGE_INSTANCE_ID"):
        stale.write([], {}, ConsumerGroupMetadata(f"{topic_prefix}group", 1, "member"))
    stale.close()
    fresh.close()


def test_dead_letters_can_be_listed_and_replayed_untouched_with_their_attempts(
    kafka: ApacheKafka, topic_prefix: str
) -> None:
    connection = KafkaConnection(kafka.bootstrap_servers)
    create_topics(connection, topic_prefix, partitions=1)
    bad = [
        Sent(b"k1", b'{"id": "x"}', [("h", b"\x00\xff")], "missing_field"),
        Sent(b"k2", b"{broken", [], "invalid_json"),
    ]
    send(kafka.bootstrap_servers, f"{topic_prefix}posts", bad)
    topic = f"{topic_prefix}dead-letters"
    with worker(kafka.bootstrap_servers, topic_prefix) as process:
        wait_for(lambda: len(read_topic(kafka.bootstrap_servers, topic)) == 2, "two dead letters")
        (letter,) = read_dead_letters(connection, topic, reason="missing_field")
        assert (letter.key, letter.value, letter.headers) == (b"k1", b'{"id": "x"}', [("h", b"\x00\xff")])
        assert letter.context["attempts"] == "1"
        assert replay(connection, iter([letter]), f"{topic_prefix}posts") == 1
        wait_for(lambda: len(read_topic(kafka.bootstrap_servers, topic)) == 3, "the third dead letter")
        process.stop()
    again = [each for each in read_dead_letters(connection, topic) if each.key == b"k1"]
    assert sorted(each.context["attempts"] for each in again) == ["1", "2"]
    assert {each.value for each in again} == {b'{"id": "x"}'}


def test_a_deletion_is_carried_to_the_review_topic(kafka: ApacheKafka, topic_prefix: str) -> None:
    create_topics(KafkaConnection(kafka.bootstrap_servers), topic_prefix, partitions=1)
    gone = Sent(b"k", b'{"id": "test:9", "platform": "x"}', [("ce_type", WITHDRAWAL_TYPE.encode())], "skip")
    send(kafka.bootstrap_servers, f"{topic_prefix}posts", [advert(9), gone])
    with worker(kafka.bootstrap_servers, topic_prefix) as process:
        wait_for(lambda: len(read_topic(kafka.bootstrap_servers, f"{topic_prefix}review")) == 2, "flag and withdrawal")
        process.stop()
    flag, withdrawal = read_topic(kafka.bootstrap_servers, f"{topic_prefix}review")
    assert json.loads(flag.value)["post"]["extra"] == {"kept": 9}
    assert flag.key == withdrawal.key == b"test:9"
    assert json.loads(withdrawal.value) == {"withdrawal": {"id": "test:9", "platform": "x"}}


def test_readiness_fails_and_lag_is_unknown_while_the_broker_is_away(own_kafka: ApacheKafka, topic_prefix: str) -> None:
    create_topics(KafkaConnection(own_kafka.bootstrap_servers), topic_prefix, partitions=1)
    send(own_kafka.bootstrap_servers, f"{topic_prefix}posts", [advert(0)])
    with worker(own_kafka.bootstrap_servers, topic_prefix) as process:
        wait_for(lambda: "falsepassage_consumer_lag_posts" in process.metrics(), "the lag to be known")
        own_kafka.stop(keep_data=True)
        wait_for(lambda: not is_ready(process), "readiness to fail", 40)
        assert "falsepassage_consumer_lag_posts" not in process.metrics()
        assert json.loads(process.get("/livez")) == {"status": "alive"}
        own_kafka.start()
        wait_for(lambda: is_ready(process), "readiness to come back", 40)
        send(own_kafka.bootstrap_servers, f"{topic_prefix}posts", [advert(1)])
        wait_for(lambda: len(read_topic(own_kafka.bootstrap_servers, f"{topic_prefix}review")) == 2, "both flags")
        assert process.stop() == 0


def is_ready(process: object) -> bool:
    try:
        process.get("/readyz")  # type: ignore[attr-defined]
    except urllib.error.HTTPError as error:
        return error.code != 503
    return True


def test_topics_are_created_once_and_differences_are_told(kafka: ApacheKafka, topic_prefix: str) -> None:
    connection = KafkaConnection(kafka.bootstrap_servers)
    assert not any(state.exists for state in describe_topics(connection, topic_prefix))
    created = create_topics(connection, topic_prefix, partitions=2)
    assert [state.created for state in created] == [True] * len(TOPICS)
    assert all(state.replication == 1 and not state.differences for state in created)
    again = create_topics(connection, topic_prefix)
    assert not any(state.created for state in again)
    assert "2 partitions, declared 12" in again[0].differences


def test_a_poison_record_that_the_dead_letter_topic_does_not_take_whole_is_cut_and_does_not_stop_the_worker(
    kafka: ApacheKafka, topic_prefix: str
) -> None:
    with KafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers) as admin:
        admin.create_topics(
            {
                f"{topic_prefix}dead-letters": {
                    "num_partitions": 1,
                    "replication_factor": 1,
                    "configs": {"max.message.bytes": "300000"},
                }
            }
        )
    connection = KafkaConnection(kafka.bootstrap_servers)
    create_topics(connection, topic_prefix, partitions=1)
    noise = random.Random(1).randbytes(700_000)
    send(kafka.bootstrap_servers, f"{topic_prefix}posts", [Sent(b"k", noise, [], "invalid_json"), advert(1)])
    with worker(kafka.bootstrap_servers, topic_prefix) as process:
        wait_for(lambda: len(read_topic(kafka.bootstrap_servers, f"{topic_prefix}review")) == 1, "the flag after it")
        process.stop()
    (letter,) = read_dead_letters(connection, f"{topic_prefix}dead-letters")
    assert letter.value == noise[:65536]
    assert letter.context["cut"] == f"700000 bytes, sha256 {hashlib.sha256(noise).hexdigest()}"
