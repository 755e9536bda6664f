"""How quick a worker is, beside a bare kafka-python loop in the same run: `make bench`.

The bare loop polls with kafka-python's own settings, decodes with msgspec and does nothing else. The two take turns,
each over all posts with a new group, and the ratio is taken pair by pair: a rate alone says little.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

from kafka import KafkaProducer

from classifier.training.corpus import CORPUS
from classifier.training.ordinary import read_ordinary, read_own
from ingest.kafka_connection import KafkaConnection
from ingest.kafka_topics import create_topics
from serving.local_broker import ApacheKafka
from tests.integration.workers import WorkerProcess, parse_metrics

PARTITIONS = 4
POST_BYTES = 500

BARE_LOOP = """
import sys, time
from kafka import KafkaConsumer
from ingest.formats.own import POST_DECODER
bootstrap, topic, group, number = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
consumer = KafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False,
                         auto_offset_reset="earliest")
decode = POST_DECODER.decode
seen, began = 0, None
while seen < number:
    for records in consumer.poll(timeout_ms=500).values():
        if began is None:
            began, first = time.perf_counter(), len(records)
        for record in records:
            decode(record.value)
        seen += len(records)
print((seen - first) / (time.perf_counter() - began))
consumer.close(autocommit=False)
"""


def ordinary_texts(real: Path | None) -> list[str]:
    """The texts of real ordinary posts that nothing was trained on, or else our own."""
    if real is not None:
        return [post.text for post in read_ordinary(real, "measure")]
    return [post.text for post in read_own(CORPUS)]


def fill(bootstrap: str, topic: str, number: int, texts: list[str], *, as_they_are: bool) -> None:
    """Send ordinary posts, keyed by author: as they are, or joined until they have about 500 bytes."""
    producer = KafkaProducer(bootstrap_servers=bootstrap, linger_ms=50, batch_size=512 * 1024, metrics_enabled=False)
    for i in range(number):
        post = plain_post(i, texts) if as_they_are else make_post(i, texts)
        producer.send(topic, value=post, key=f"author-{i % 5000}".encode(), partition=i % PARTITIONS)
    producer.flush()
    producer.close()


def plain_post(i: int, texts: list[str]) -> bytes:
    """One ordinary post with a text as it is."""
    post = {"id": f"x:{i}", "text": texts[(i * 7919) % len(texts)], "platform": "x", "author": f"x:{i % 5000}"}
    return json.dumps(post, ensure_ascii=False).encode()


def make_post(i: int, texts: list[str]) -> bytes:
    """One ordinary post; short texts are joined until the record has about its 500 bytes."""
    post: dict[str, Any] = {
        "id": f"bluesky:did:plc:example{i % 5000}/3k{i:x}", "text": "", "platform": "bluesky",
        "author": f"did:plc:example{i % 5000}", "created_at": "2026-11-24T08:00:00Z", "lang": "en",
    }  # fmt: skip
    parts: list[str] = []
    size = len(json.dumps(post))
    for step in range(20):
        parts.append(texts[(i * 7 + step * 131) % len(texts)])
        size += len(parts[-1].encode()) + 1
        if size >= POST_BYTES - 60:
            break
    post["text"] = " ".join(parts)
    value = json.dumps(post, ensure_ascii=False).encode()
    while len(value) > POST_BYTES + 20:
        post["text"] = post["text"][:-10]
        value = json.dumps(post, ensure_ascii=False).encode()
    return value


def run_bare(bootstrap: str, topic: str, number: int) -> float:
    """Return the bare loop's posts a second."""
    command = [sys.executable, "-c", BARE_LOOP, bootstrap, topic, uuid.uuid4().hex, str(number)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def run_worker(bootstrap: str, prefix: str, number: int, point: str) -> dict[str, Any]:
    """Return a worker's posts a second, its stages, CPU seconds and peak memory."""
    process = WorkerProcess(bootstrap, prefix, uuid.uuid4().hex, group_id=uuid.uuid4().hex, operating_point=point)
    process.wait_until_started()
    first = began = None
    while True:
        found = process.metrics()
        seen = found.get("falsepassage_posts_consumed_total", 0)
        now = time.perf_counter()
        if began is None and seen:
            first, began = seen, now
            cpu = found["process_cpu_seconds_total"]
        if seen >= number:
            break
        time.sleep(0.05)
    assert began is not None
    assert first is not None
    labels = parse_metrics(process.get("/metrics"))
    status = Path(f"/proc/{process.process.pid}/status").read_text()
    peak_kb = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    process.stop()
    stages = {
        name.partition('stage="')[2].partition('"')[0]: value / number * 1e6
        for name, value in labels.items()
        if name.startswith("falsepassage_batch_duration_seconds_sum{")
    }
    return {
        "rate": (seen - first) / (now - began),
        "stages_us_per_post": {name: round(value, 2) for name, value in stages.items()},
        "cpu_s_per_million": (labels["process_cpu_seconds_total"] - cpu) / (seen - first) * 1e6,
        "peak_mb": peak_kb / 1024,
    }


def measure_latency(bootstrap: str, rate: float, seconds: float) -> dict[str, float]:
    """Offer posts at a fixed rate to one worker; return latency quantiles in seconds, from the worker's histogram."""
    prefix = f"latency-{uuid.uuid4().hex[:8]}."
    create_topics(KafkaConnection(bootstrap), prefix, partitions=PARTITIONS)
    texts = ordinary_texts(None)
    values = [make_post(i, texts) for i in range(5_000)]
    process = WorkerProcess(bootstrap, prefix, "latency", group_id=uuid.uuid4().hex)
    process.wait_until_started()
    time.sleep(4)
    producer = KafkaProducer(bootstrap_servers=bootstrap, linger_ms=5, batch_size=128 * 1024, metrics_enabled=False)
    began = time.perf_counter()
    sent = 0
    while (elapsed := time.perf_counter() - began) < seconds:
        due = int(elapsed * rate)
        for i in range(sent, due):
            producer.send(f"{prefix}posts", value=values[i % len(values)], key=b"a", partition=i % PARTITIONS)
        sent = max(sent, due)
        time.sleep(0.002)
    producer.flush()
    offered = sent / (time.perf_counter() - began)
    while process.metrics().get("falsepassage_posts_consumed_total", 0) < sent:
        time.sleep(0.1)
    text = process.get("/metrics")
    process.stop()
    producer.close()
    return {"offered_per_s": offered, "p50_s_at_most": quantile(text, 0.50), "p99_s_at_most": quantile(text, 0.99)}


def quantile(text: str, q: float) -> float:
    """The upper bound of the bucket that holds the quantile."""
    buckets = []
    for line in text.splitlines():
        if line.startswith("falsepassage_post_latency_seconds_bucket"):
            bound = line.partition('le="')[2].partition('"')[0]
            buckets.append((float(bound.replace("+Inf", "inf")), float(line.rpartition(" ")[2])))
    total = buckets[-1][1]
    return next(bound for bound, seen in buckets if seen >= q * total)


def main() -> None:
    """Run the pairs, print each and the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=300_000)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--latency-seconds", type=float, default=20)
    parser.add_argument("--operating-point", default="balanced", choices=["all", "balanced", "firehose"])
    parser.add_argument("--real", type=Path, help="JSON lines of real ordinary posts, sent as they are")
    options = parser.parse_args()
    with ApacheKafka() as broker:
        bootstrap, prefix = broker.bootstrap_servers, "bench."
        create_topics(KafkaConnection(bootstrap), prefix, partitions=PARTITIONS)
        texts = ordinary_texts(options.real)
        fill(bootstrap, f"{prefix}posts", options.posts, texts, as_they_are=options.real is not None)
        pairs = []
        for number in range(options.pairs):
            bare = run_bare(bootstrap, f"{prefix}posts", options.posts)
            found = run_worker(bootstrap, prefix, options.posts, options.operating_point)
            pairs.append((bare, found))
            print(f"pair {number + 1}: bare loop {bare:,.0f} posts/s; worker {json.dumps(found)}", flush=True)
        ratio = statistics.median(found["rate"] / bare for bare, found in pairs)
        rate = statistics.median(found["rate"] for _, found in pairs)
        print(f"median of {options.pairs} pairs: ratio {ratio:.2f}, worker {rate:,.0f} posts/s")
        if options.latency_seconds:
            offered = min(rate / 2, 15_000)
            print("latency", json.dumps(measure_latency(bootstrap, offered, options.latency_seconds)), flush=True)


if __name__ == "__main__":
    main()
