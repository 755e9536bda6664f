"""`falsepassage demo`: a broker, a feed, a worker and their figures in one terminal, and a count at the end."""

from __future__ import annotations

import contextlib
import dataclasses
import random
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import msgspec
from rich.console import Console
from rich.live import Live

from classifier.training.corpus import load_corpus
from ingest.kafka_connection import KafkaConnection
from ingest.kafka_topics import create_topics
from ingest.topics import DEAD_LETTERS, POSTS, REVIEW, TOPICS
from serving.contracts import FLAG_TYPE, WITHDRAWN_TYPE
from serving.demo_feed import Feed
from serving.demo_figures import Figures, Recent, Report
from serving.demo_signals import Interrupts
from serving.demo_stream import Kind, choose_texts, demo_stream
from serving.demo_topics import ReviewTail, count_types, delete_topics
from serving.demo_view import Scene, live_view, status_line, summary
from serving.demo_worker import DemoWorker
from serving.errors import ServingError
from serving.local_broker import LocalBrokerError, choose_local_broker
from serving.settings import Settings, load_settings

PARTITIONS = 4
_TICK_S = 0.5
_PLAIN_EVERY_S = 2.0
_STALLED_S = 30.0
_WORKER_ENDS_S = 40.0


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the command line says. `seconds` counts the feeding; None is until Ctrl-C."""

    seconds: float | None = None
    broker: str | None = None
    rate: int = 1_000
    metrics_port: int = 9464
    plain: bool = False


def run_demo(options: DemoOptions) -> bool:
    """Run the demo to its end and print the summary.

    Returns:
        Whether everything that was sent is accounted for.

    Raises:
        ServingError: if a part cannot be started or ends by itself; nothing is left running.
    """
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=options.plain)
    settings = load_settings({"bootstrap_servers": options.broker, "metrics_port": options.metrics_port})
    _check_port(settings.metrics_host, options.metrics_port)
    with Interrupts() as interrupts, ExitStack() as clearing:
        # Last in first out: signals are ignored as soon as the clearing begins, and only the clearing is left.
        connection = _connect(options.broker, settings, clearing, console)
        demo = Demo(options, _worker_settings(settings, connection), console, interrupts)
        clearing.callback(demo.close)
        demo.start()
        report = demo.run()
        for line in summary(report):
            console.print(line)
        return not report.problems()


class Demo:
    """A feed, a worker and a reader of the review topic on a broker that runs already."""

    def __init__(self, options: DemoOptions, settings: Settings, console: Console, interrupts: Interrupts) -> None:
        self._options, self._settings = options, settings
        self._console, self._interrupts = console, interrupts
        self._worker = DemoWorker(settings)
        self._feed: Feed | None = None
        self._tail: ReviewTail | None = None
        self._topics_made = False
        self._recent = Recent()
        self._began = self._ended = 0.0
        self._state = "feeding"
        self._show: Callable[[Scene], None] = lambda _scene: None

    def start(self) -> None:
        """Create the topics, start the worker, and connect the feed once the worker is ready."""
        settings = self._settings
        self._topics_made = True
        create_topics(settings.connection, settings.topic_prefix, partitions=PARTITIONS)
        self._console.print("Starting the worker …")
        self._worker.start()
        self._tail = ReviewTail(settings.connection, settings.topic(REVIEW))
        self._tail.start()
        stream = demo_stream(choose_texts(load_corpus()), seed=random.SystemRandom().getrandbits(32))
        self._feed = Feed(settings.connection, settings.topic(POSTS), PARTITIONS, stream, self._options.rate)
        self._console.print(f"Figures at {self._worker.metrics_url}, readiness at {self._worker.readyz_url}")

    def run(self) -> Report:
        """Feed until the time is over or Ctrl-C, let the worker finish, stop it and count."""
        assert self._feed is not None
        self._interrupts.gently()
        self._began = self._ended = time.monotonic()
        self._feed.start()
        with self._display():
            self._feed_until_told()
            self._feed.stop()
            self._drain(self._feed.produced)
        code = self._worker.stop(_WORKER_ENDS_S)
        return self._report(self._feed, code)

    def close(self) -> None:
        """Clear up: end what still runs, and remove the topics from a broker that goes on without us."""
        self._interrupts.ignore()
        with ExitStack() as each:  # whatever one of them raises, the others are done
            if self._topics_made and self._options.broker is not None:
                each.callback(self._delete_topics)
            if self._tail is not None:
                each.callback(self._tail.close)
            if self._feed is not None:
                each.callback(self._feed.close)
            each.callback(self._worker.kill)

    def _feed_until_told(self) -> None:
        assert self._feed is not None
        end = None if self._options.seconds is None else self._began + self._options.seconds
        while not self._feed.failure and (end is None or time.monotonic() < end):
            left = _TICK_S if end is None else min(_TICK_S, end - time.monotonic())
            if self._interrupts.asked.wait(max(left, 0.0)):
                return
            self._tick()

    def _drain(self, produced: int) -> None:
        """Wait until the worker has consumed all, or has consumed nothing more for long."""
        self._state = "finishing"
        progress_at, consumed = time.monotonic(), -1
        while True:
            self._tick()
            now, seen = time.monotonic(), self._recent.now.consumed
            if seen != consumed:
                progress_at, consumed, self._ended = now, seen, now
            if seen >= produced or now - progress_at > _STALLED_S:
                return
            time.sleep(_TICK_S / 5)

    def _tick(self) -> None:
        """Ask the worker for its figures and show them."""
        self._worker.check()
        text = self._worker.metrics()
        if text is not None:
            self._recent.add(time.monotonic(), Figures.from_metrics(text))
        assert self._feed is not None
        assert self._tail is not None
        self._show(
            Scene(
                self._state, time.monotonic() - self._began, self._feed.produced, self._recent, self._tail.newest(),
                self._worker.metrics_url, self._worker.readyz_url,
            )
        )  # fmt: skip

    @contextlib.contextmanager
    def _display(self) -> Iterator[None]:
        if self._options.plain or not self._console.is_terminal:
            self._show = _every(_PLAIN_EVERY_S, lambda scene: self._console.print(status_line(scene)))
            yield
            return
        with Live(console=self._console, auto_refresh=False, vertical_overflow="crop") as live:
            self._show = lambda scene: live.update(live_view(scene), refresh=True)
            yield

    def _report(self, feed: Feed, code: int | None) -> Report:
        settings = self._settings
        reviewed = count_types(settings.connection, settings.topic(REVIEW))
        dead = count_types(settings.connection, settings.topic(DEAD_LETTERS))
        return Report(
            produced=feed.produced,
            poison=feed.sent[Kind.POISON],
            figures=self._recent.now,
            flags_found=reviewed[FLAG_TYPE],
            withdrawals_found=reviewed[WITHDRAWN_TYPE],
            dead_letters_found=dead.total(),
            seconds=self._ended - self._began,
            worker_exit_code=code,
            failures=[feed.failure] if feed.failure else [],
        )

    def _delete_topics(self) -> None:
        settings = self._settings
        names = [settings.topic(spec) for spec in TOPICS]
        if left := delete_topics(settings.connection, names, settings.group_id):
            self._console.print(left)


def _connect(broker: str | None, settings: Settings, clearing: ExitStack, console: Console) -> KafkaConnection:
    """How to reach the user's broker, or one of our own that is started and will be ended by `clearing`."""
    if broker is not None:
        _check_answers(broker)
        return settings.connection
    try:
        local = choose_local_broker()
        if local.warning:
            console.print(local.warning)
        console.print(f"Starting {local.name} …")
        clearing.enter_context(local)
    except LocalBrokerError as error:
        raise ServingError(str(error)) from error
    return KafkaConnection(local.bootstrap_servers)


def _worker_settings(settings: Settings, connection: KafkaConnection) -> Settings:
    """The user's settings, but for the connection, and for names that no other run has."""
    name = f"falsepassage-demo-{secrets.token_hex(4)}"
    return msgspec.structs.replace(
        settings,
        **dataclasses.asdict(connection),
        topic_prefix=f"{name}.",
        group_id=name,
        instance_id=name,
        log_format="json",
        log_level="INFO",
    )


def _check_answers(brokers: str) -> None:
    """Tell at once what a Kafka client tells after half a minute.

    Raises:
        ServingError: if nothing listens at any of the addresses.
    """
    for each in brokers.split(","):
        host, _, port = each.strip().rpartition(":")
        with contextlib.suppress(OSError, ValueError), socket.create_connection((host, int(port)), timeout=5.0):
            return
    raise ServingError(f"nothing listens at {brokers}; say --broker HOST:PORT, or leave it out to have one started")


def _check_port(host: str, port: int) -> None:
    """Tell before anything is started.

    Raises:
        ServingError: if the port is taken.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ServingError(f"cannot listen on {host}:{port} ({error.strerror}); say --metrics-port 0") from error


def _every(seconds: float, show: Callable[[Scene], None]) -> Callable[[Scene], None]:
    """`show`, but no more often than once in so many seconds."""
    last = 0.0

    def perhaps(scene: Scene) -> None:
        nonlocal last
        if time.monotonic() - last >= seconds:
            last = time.monotonic()
            show(scene)

    return perhaps
