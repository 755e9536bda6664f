"""The pages of a process."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Gauge

from serving.errors import ServingError
from serving.health import HealthServer

MISSING: dict[str, str | None] = {}


@pytest.fixture
def server() -> Iterator[HealthServer]:
    MISSING.clear()
    registry = CollectorRegistry()
    Gauge("falsepassage_test", "Help.", registry=registry).set(3)
    checks = {name: (lambda name=name: MISSING.get(name)) for name in ("model", "broker")}
    server = HealthServer(registry, checks)
    yield server
    server.close()


def get(server: HealthServer, page: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=5)
    try:
        connection.request("GET", page)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_a_process_is_ready_when_nothing_is_missing(server: HealthServer) -> None:
    status, body = get(server, "/readyz")
    assert (status, json.loads(body)) == (200, {"status": "ready"})


def test_what_is_missing_is_named_and_only_readiness_fails(server: HealthServer) -> None:
    MISSING["broker"] = 'no answer from "kafka:9092"'
    status, body = get(server, "/readyz")
    assert status == 503
    assert json.loads(body) == {"status": "not ready", "missing": {"broker": 'no answer from "kafka:9092"'}}
    assert get(server, "/livez")[0] == 200
    MISSING.clear()
    assert get(server, "/readyz?verbose")[0] == 200


def test_metrics_are_served(server: HealthServer) -> None:
    status, body = get(server, "/metrics")
    assert status == 200
    assert b"falsepassage_test 3.0" in body


@pytest.mark.parametrize("page", ["/", "/metrics/", "/livez/x", "/../etc/passwd", "/%2e"])
def test_there_are_no_other_pages(server: HealthServer, page: str) -> None:
    assert get(server, page)[0] == 404


def test_a_port_that_is_taken_is_named_with_what_to_do(server: HealthServer) -> None:
    with pytest.raises(ServingError, match=f"{server.port}.*FALSEPASSAGE_METRICS_PORT"):
        HealthServer(CollectorRegistry(), {}, port=server.port)


def test_a_closed_server_answers_no_more(server: HealthServer) -> None:
    other = HealthServer(CollectorRegistry(), {})
    other.close()
    with pytest.raises(OSError, match="refused"):
        get(other, "/livez")
