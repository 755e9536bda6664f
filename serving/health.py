"""`/metrics`, `/livez` and `/readyz` of a process, on a small server of its own thread."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from serving.errors import ServingError

Check = Callable[[], str | None]
"""Returns what is missing, in words, or None if all is well."""


class HealthServer:
    """Serves the three pages until it is closed.

    `/livez` answers as long as the process can; `/readyz` answers 503 with the reasons while any check finds something
    missing.
    """

    def __init__(
        self, registry: CollectorRegistry, checks: Mapping[str, Check], host: str = "127.0.0.1", port: int = 0
    ) -> None:
        """Begin to listen; port 0 takes a free one.

        Raises:
            ServingError: if the port is taken.
        """
        handler = type("Handler", (_Handler,), {"registry": registry, "checks": checks})
        try:
            self._server = ThreadingHTTPServer((host, port), handler)
        except OSError as error:
            raise ServingError(
                f"cannot listen on {host}:{port} ({error.strerror}); set FALSEPASSAGE_METRICS_PORT to a free port"
            ) from error
        self._server.daemon_threads = True
        self.host, self.port = host, int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, args=(0.2,), name="health", daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    registry: CollectorRegistry
    checks: Mapping[str, Check]

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/metrics":
            encoder, content_type = choose_encoder(self.headers.get("Accept", ""))
            self._answer(200, encoder(self.registry), content_type)
        elif path == "/livez":
            self._answer(200, b'{"status": "alive"}', "application/json")
        elif path == "/readyz":
            missing = {name: found for name, check in self.checks.items() if (found := check()) is not None}
            body = {"status": "not ready", "missing": missing} if missing else {"status": "ready"}
            self._answer(503 if missing else 200, json.dumps(body).encode(), "application/json")
        else:
            self._answer(404, b'{"pages": ["/metrics", "/livez", "/readyz"]}', "application/json")

    def _answer(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: scrapes are no news."""
