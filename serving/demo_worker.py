"""The demo's worker: `falsepassage worker` as a process of its own, and its pages."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from serving.errors import ServingError
from serving.settings import ENV_PREFIX, Settings

_ROOT = Path(__file__).parent.parent
_KILL_AFTER_S = 5.0
_WATCHDOG = 'read -r _; kill -s KILL "$1"'
"""Ends the worker once the demo is gone, however it went: the kernel then closes the pipe that this reads from."""


class DemoWorker:
    """A worker process, from `start` to `stop` or `kill`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process: subprocess.Popen[str] | None = None
        self._watchdog: subprocess.Popen[bytes] | None = None
        self._log: deque[str] = deque(maxlen=20)
        self._reader: threading.Thread | None = None
        self.metrics_url = ""
        """Address of /metrics, known once it has started."""

    @property
    def readyz_url(self) -> str:
        """Address of /readyz."""
        return self.metrics_url.removesuffix("/metrics") + "/readyz"

    def start(self, timeout_s: float = 60.0) -> None:
        """Return when the worker says that it is ready: it has a model, a broker and its partitions.

        Raises:
            ServingError: if it ends or is not ready in time; the message holds its own last one.
        """
        # -P: not the modules of whatever directory the user is in. A session of its own: Ctrl-C in the terminal is
        # for the demo, which lets the worker finish first.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "serving.cli", "worker"],
            env=worker_environment(self._settings, os.environ),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True, encoding="utf-8", errors="replace", start_new_session=True,
        )  # fmt: skip
        self._watchdog = subprocess.Popen(  # noqa: S603
            ["/bin/sh", "-c", _WATCHDOG, "falsepassage-watchdog", str(self._process.pid)],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read_log, name="worker-log", daemon=True)
        self._reader.start()
        deadline = time.monotonic() + timeout_s
        while not self.is_ready():
            self.check()
            if time.monotonic() > deadline:
                raise ServingError(f"the worker is not ready after {timeout_s:.0f} seconds; {self._last_words()}")
            time.sleep(0.1)

    def check(self) -> None:
        """See that it runs.

        Raises:
            ServingError: with the worker's last words, if it ended by itself.
        """
        if self._process is not None and (code := self._process.poll()) is not None:
            if self._reader is not None:
                self._reader.join(1.0)
            raise ServingError(f"the worker ended by itself with exit code {code}; {self._last_words()}")

    def is_ready(self) -> bool:
        """Whether /readyz says so."""
        return bool(self.metrics_url) and _get(self.readyz_url)[0] == http.client.OK

    def metrics(self) -> str | None:
        """Return the text of /metrics, None if it does not answer just now."""
        status, text = _get(self.metrics_url)
        return text if status == http.client.OK else None

    def stop(self, timeout_s: float) -> int | None:
        """SIGTERM, and its exit code; None if it has not ended in time."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        """End it at once, if it is still there."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(_KILL_AFTER_S)
        if self._watchdog is not None:  # first, since the worker's number may be another process's from now on
            self._watchdog.kill()
            self._watchdog.communicate()
        if self._reader is not None:
            self._reader.join(1.0)

    def _read_log(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        with self._process.stderr as lines:
            for line in lines:
                entry = _entry(line)
                self._log.append(entry.get("message", line.strip()))
                self.metrics_url = entry.get("metrics", self.metrics_url)

    def _last_words(self) -> str:
        return f"its last words: {self._log[-1]}" if self._log else "it said nothing"


def worker_environment(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment that makes a worker run with just these settings, whatever the user's own say."""
    kept = {name: value for name, value in environ.items() if not name.startswith(ENV_PREFIX)}
    paths = [str(_ROOT), *filter(None, [kept.get("PYTHONPATH")])]
    given = {ENV_PREFIX + name.upper(): str(value) for name, value in msgspec.structs.asdict(settings).items()}
    return kept | {"PYTHONPATH": os.pathsep.join(paths)} | given


def _entry(line: str) -> dict[str, str]:
    try:
        return {name: str(value) for name, value in msgspec.json.decode(line, type=dict[str, object]).items()}
    except msgspec.DecodeError:
        return {}


def _get(url: str) -> tuple[int, str]:
    """Status and text of a page of our own; http.client, since urllib would ask a proxy. 0 if nothing answers."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=2.0)
    try:
        connection.request("GET", parts.path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()
