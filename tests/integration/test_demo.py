"""`falsepassage demo`, as a user runs it: what it counts holds, and it leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from kafka import KafkaAdminClient

from serving.local_broker import ApacheKafka
from tests.integration.workers import wait_for

pytestmark = pytest.mark.kafka


@contextmanager
def demo(kafka: ApacheKafka, mark: str, *more: str) -> Iterator[subprocess.Popen[str]]:
    """The demo on the shared broker; `mark` is in the environment of all its processes."""
    command = [sys.executable, "-m", "serving.cli", "demo", "--plain", "--metrics-port", "0", *more]
    process = subprocess.Popen(
        [*command, "--broker", kafka.bootstrap_servers],
        env=os.environ | {"DEMO_TEST_MARK": mark}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def processes(mark: str) -> list[int]:
    """Ids of the processes that the demo with this mark has left, itself included."""
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            if f"DEMO_TEST_MARK={mark}".encode() in (directory / "environ").read_bytes().split(b"\0"):
                found.append(int(directory.name))
        except OSError:
            continue
    return found


def demo_topics(kafka: ApacheKafka) -> set[str]:
    with KafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers) as admin:
        return {name for name in admin.list_topics() if name.startswith("falsepassage-demo-")}


def numbers(output: str) -> dict[str, int]:
    found = re.findall(r"^  ([^:]+): +([0-9,]+)", output, re.MULTILINE)
    return {name: int(value.replace(",", "")) for name, value in found}


def wait_for_feeding(process: subprocess.Popen[str]) -> str:
    """Read on until the demo says that it feeds and has consumed something."""
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if "feeding: " in line and " 0 consumed" not in line:
            return seen
    raise AssertionError(seen)


def check(output: str, found: dict[str, int]) -> None:
    assert found["consumed"] == found["produced"] > 0, output
    assert found["consumed"] == found["scored"] + found["skipped"] + found["dead-lettered"], output
    assert found["flags found on the review topic"] == found["flagged"], output
    assert found["dead letters found on the dead-letters topic"] == found["dead-lettered"], output
    assert (
        f"consumed = scored + skipped + dead-lettered: {found['consumed']:,} = "
        f"{found['scored']:,} + {found['skipped']:,} + {found['dead-lettered']:,}"
    ) in output


def test_everything_that_was_fed_is_accounted_for(kafka: ApacheKafka, topic_prefix: str) -> None:
    with demo(kafka, topic_prefix, "--seconds", "5") as process:
        output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    found = numbers(output)
    check(output, found)
    assert 2_500 < found["produced"] <= 10_500
    assert found["dead-lettered"] >= 1
    assert found["flagged"] >= 1
    assert output.splitlines()[-1] == "All holds."
    assert processes(topic_prefix) == []
    assert demo_topics(kafka) == set()


def test_ctrl_c_prints_the_same_summary(kafka: ApacheKafka, topic_prefix: str) -> None:
    with demo(kafka, topic_prefix) as process:
        seen = wait_for_feeding(process)
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
    assert process.returncode == 0, seen + rest
    check(rest, numbers(rest))
    assert processes(topic_prefix) == []
    assert demo_topics(kafka) == set()


def test_a_second_ctrl_c_ends_it_at_once_and_leaves_nothing(kafka: ApacheKafka, topic_prefix: str) -> None:
    with demo(kafka, topic_prefix, "--rate", "20000") as process:
        wait_for_feeding(process)
        for _ in range(3):
            process.send_signal(signal.SIGINT)
            time.sleep(0.05)
        process.communicate(timeout=60)
    assert process.returncode != 0
    assert processes(topic_prefix) == []
    assert demo_topics(kafka) == set()


def test_a_worker_that_dies_is_told_and_nothing_is_left(kafka: ApacheKafka, topic_prefix: str) -> None:
    with demo(kafka, topic_prefix) as process:
        wait_for_feeding(process)
        for pid in set(processes(topic_prefix)) - {process.pid}:
            os.kill(pid, signal.SIGKILL)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "falsepassage: the worker ended by itself with exit code -9" in output
    assert processes(topic_prefix) == []
    assert demo_topics(kafka) == set()


def test_the_worker_ends_with_a_demo_that_is_killed(kafka: ApacheKafka, topic_prefix: str) -> None:
    with demo(kafka, topic_prefix) as process:
        wait_for_feeding(process)
        before = demo_topics(kafka)
        process.kill()
        process.communicate(timeout=10)
    wait_for(lambda: processes(topic_prefix) == [], "the worker's end", 10)
    with KafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers) as admin:
        admin.delete_topics(sorted(before))
