"""Workers as processes, and readers that see what a user would see."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from kafka import KafkaConsumer, TopicPartition


class WorkerProcess:
    """`falsepassage worker` as its own process."""

    def __init__(self, bootstrap: str, prefix: str, instance: str, **settings: object) -> None:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("FALSEPASSAGE_")}
        environ |= {
            "FALSEPASSAGE_BOOTSTRAP_SERVERS": bootstrap,
            "FALSEPASSAGE_TOPIC_PREFIX": prefix,
            "FALSEPASSAGE_INSTANCE_ID": instance,
            "FALSEPASSAGE_METRICS_PORT": "0",
            "FALSEPASSAGE_GROUP_ID": f"{prefix}group",
            **{f"FALSEPASSAGE_{name.upper()}": str(value) for name, value in settings.items()},
        }
        self._metrics_url = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "serving.cli", "worker"], env=environ, stderr=subprocess.PIPE, text=True
        )
        self.log: list[dict[str, Any]] = []
        self._started = threading.Event()
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()

    def wait_until_started(self) -> None:
        """Until it says so in its log, or has ended."""
        if not self._started.wait(60) or not self._metrics_url:
            raise AssertionError(f"the worker did not start: {self.log[-3:]}")

    def _read_log(self) -> None:
        """Take what it logs as it comes: a full pipe would stop it."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            entry = json.loads(line) if line.startswith("{") else {"message": line.strip()}
            self.log.append(entry)
            if entry["message"] == "worker started":
                self._metrics_url = entry["metrics"]
                self._started.set()
        self._started.set()

    def metrics(self) -> dict[str, float]:
        return parse_metrics(self.get("/metrics"))

    def get(self, path: str) -> str:
        url = self._metrics_url.replace("/metrics", path)
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.read().decode()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=10)
        self._reader.join(10)

    def stop(self, timeout_s: float = 40.0) -> int:
        """SIGTERM; returns the exit code. What it had logged is in `log`."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=timeout_s)
        self._reader.join(10)
        return self.process.returncode


def parse_metrics(text: str) -> dict[str, float]:
    """Sum each metric over its labels."""
    found: dict[str, float] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            found[name] = float(value)
            bare = name.partition("{")[0]
            if bare != name:
                found[bare] = found.get(bare, 0.0) + float(value)
    return found


@contextmanager
def worker(bootstrap: str, prefix: str, instance: str = "a", **settings: object) -> Iterator[WorkerProcess]:
    """A worker that has started; it is gone at the end, whatever happened."""
    process = WorkerProcess(bootstrap, prefix, instance, **settings)
    try:
        process.wait_until_started()
        yield process
    finally:
        if process.process.poll() is None:
            process.kill()


def read_topic(bootstrap: str, topic: str, **options: object) -> list[Any]:
    """All records that a reader of committed records sees in `topic` now."""
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", enable_auto_commit=False, **options
    )
    try:
        partitions = [TopicPartition(topic, each) for each in consumer.partitions_for_topic(topic) or ()]
        consumer.assign(partitions)
        ends = consumer.end_offsets(partitions)
        consumer.seek_to_beginning()
        records: list[Any] = []
        deadline = time.monotonic() + 60
        while any(consumer.position(each) < ends[each] for each in partitions):
            assert time.monotonic() < deadline, f"{topic} could not be read to its end"
            for found in consumer.poll(timeout_ms=200).values():
                records += found
        return records
    finally:
        consumer.close()


def wait_for(condition: Callable[[], bool], what: str, timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout_s:.0f} s for {what}"
        time.sleep(0.1)
