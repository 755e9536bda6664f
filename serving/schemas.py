"""Writes what is generated from the code: JSON Schemas, asyncapi.yaml, and the tables of settings, metrics and topics.

`python -m serving.schemas` writes them, with `--check` it only says which are not current.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from classifier.verdict import Verdict
from ingest.errors import REASONS
from ingest.formats import FORMATS
from ingest.post import POST_TYPE, WITHDRAWAL_TYPE, Post, Withdrawal
from ingest.topics import DEFAULT_PREFIX, TOPICS, TopicSpec
from serving.contracts import (
    AUDIT_TYPE,
    FLAG_TYPE,
    WITHDRAWN_TYPE,
    AuditItem,
    Decision,
    ReviewItem,
    WithdrawalItem,
)
from serving.metrics import LagCollector, WorkerMetrics
from serving.settings import ENV_PREFIX, SECRETS, Settings

DOCS = Path(__file__).parent.parent / "docs"
STRUCTS: tuple[type[msgspec.Struct], ...] = (
    Post,
    Withdrawal,
    Verdict,
    ReviewItem,
    WithdrawalItem,
    AuditItem,
    Decision,
)
MESSAGES: dict[str, tuple[str, ...]] = {
    "posts": ("Post", "Withdrawal"),
    "review": ("ReviewItem", "WithdrawalItem"),
    "audit": ("AuditItem",),
    "decisions": ("Decision",),
    "dead-letters": ("DeadLetter",),
}
TYPES = {
    "Post": POST_TYPE,
    "Withdrawal": WITHDRAWAL_TYPE,
    "ReviewItem": FLAG_TYPE,
    "WithdrawalItem": WITHDRAWN_TYPE,
    "AuditItem": AUDIT_TYPE,
}
_MADE = "<!-- Made by `make schemas` from the code: change it there. -->\n\n"


def generated() -> Iterator[tuple[Path, str]]:
    """Yield each generated file and what it should hold."""
    for struct in STRUCTS:
        schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(struct)}
        yield DOCS / "schemas" / f"{struct.__name__}.json", json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
    yield DOCS / "asyncapi.yaml", _yaml(asyncapi())
    yield DOCS / "settings.md", settings_page()
    yield DOCS / "metrics.md", metrics_page()
    yield DOCS / "topics.md", topics_page()


def asyncapi() -> dict[str, Any]:
    """Return the topics and messages as an AsyncAPI 3.0 document (https://www.asyncapi.com/docs/reference)."""
    _, components = msgspec.json.schema_components(STRUCTS, ref_template="#/components/schemas/{name}")
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "False Passage",
            "version": "1.0.0",
            "description": "Posts in, flags, audits and dead letters out, decisions back.",
            "license": {"name": "Apache-2.0"},
        },
        "channels": {spec.name: _channel(spec) for spec in TOPICS},
        "operations": {
            "readPosts": {"action": "receive", "channel": {"$ref": "#/channels/posts"}},
            "sendFlags": {"action": "send", "channel": {"$ref": "#/channels/review"}},
            "sendAudits": {"action": "send", "channel": {"$ref": "#/channels/audit"}},
            "sendDeadLetters": {"action": "send", "channel": {"$ref": "#/channels/dead-letters"}},
            "readDecisions": {"action": "receive", "channel": {"$ref": "#/channels/decisions"}},
        },
        "components": {"schemas": components},
    }


def _channel(spec: TopicSpec) -> dict[str, Any]:
    return {
        "address": spec.full_name(),
        "description": spec.purpose,
        "messages": {name: _message(name) for name in MESSAGES[spec.name]},
        "bindings": {"kafka": {"topic": spec.full_name(), "partitions": spec.partitions}},
    }


def _message(name: str) -> dict[str, Any]:
    if name == "DeadLetter":
        return {
            "name": name,
            "summary": "A record as it came; the context is in headers that begin with falsepassage.error.",
            "payload": {"description": "Whatever bytes came in."},
        }
    message: dict[str, Any] = {
        "name": name,
        "contentType": "application/json",
        "payload": {"$ref": f"#/components/schemas/{name}"},
    }
    if name in TYPES:
        message["headers"] = {"type": "object", "properties": {"ce_type": {"const": TYPES[name]}}}
    return message


def _yaml(document: dict[str, Any]) -> str:
    import yaml

    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=118)
    return "# Made by `make schemas` from the code: change it there.\n" + text


def settings_page() -> str:
    """Return the table of settings."""
    rows = []
    for field in msgspec.inspect.type_info(Settings).fields:  # type: ignore[attr-defined]
        meta = field.type.extra_json_schema if isinstance(field.type, msgspec.inspect.Metadata) else {}
        text = (meta or {}).get("description", "")
        default = "(the shipped model)" if field.name == "model" else str(field.default)
        secret = " Secret." if field.name in SECRETS else ""
        rows.append(f"| `{field.name}` | `{ENV_PREFIX}{field.name.upper()}` | {default or '–'} | {text}{secret} |")
    return (
        f"# Settings\n\n{_MADE}"
        "Later wins: defaults, then a TOML file (`--config` or `FALSEPASSAGE_CONFIG`), then environment variables,\n"
        "then flags. Any variable may end in `_FILE` and name a file that holds the value. `falsepassage settings`\n"
        "shows what is in force and where it came from.\n\n"
        "| setting | variable | default | what it is |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"
    )


def metrics_page() -> str:
    """Return the table of metrics."""
    registry = CollectorRegistry()
    WorkerMetrics(registry)
    registry.register(LagCollector(dict))
    by_partition = "topic, partition"
    labels = {"falsepassage_consumer_lag_posts": by_partition, "falsepassage_consumer_lag_seconds": by_partition}
    for collector in list(registry._collector_to_names):  # noqa: SLF001  # label names are asked nowhere else
        if isinstance(collector, MetricWrapperBase):
            labels[collector._name] = ", ".join(collector._labelnames)  # noqa: SLF001
    rows = []
    for metric in sorted(registry.collect(), key=lambda each: each.name):
        name = metric.name + ("_total" if metric.type == "counter" else "")
        rows.append(f"| `{name}` | {metric.type} | {labels.get(metric.name, '') or '–'} | {metric.documentation} |")
    reasons = "\n".join(f"| `{reason}` | {text} |" for reason, text in REASONS.items())
    return (
        f"# Metrics\n\n{_MADE}"
        "On `/metrics` of each worker. `/livez` answers while the process can; `/readyz` answers 503 and says what is\n"
        "missing while model or broker are. A number that is not known is absent, not zero.\n\n"
        "| metric | type | labels | what it counts |\n|---|---|---|---|\n" + "\n".join(rows) + "\n\n"
        "## Reasons of dead letters\n\n| reason | meaning |\n|---|---|\n" + reasons + "\n"
    )


def topics_page() -> str:
    """Return the table of topics and formats."""
    rows = [
        f"| `{spec.full_name()}` | {spec.key} | {spec.value} | {spec.partitions} | "
        f"{', '.join(f'{key}={value}' for key, value in spec.config.items())} | {spec.purpose} |"
        for spec in TOPICS
    ]
    formats = "\n".join(
        f"| `{name}` | `ingest/formats/{read.__module__.rpartition('.')[2]}.py` |" for name, read in FORMATS.items()
    )
    return (
        f"# Topics\n\n{_MADE}"
        f"`falsepassage topics create` makes those that are missing. Names begin with the setting `topic_prefix`\n"
        f"(`{DEFAULT_PREFIX}`). Values are UTF-8 JSON; their schemas are in [schemas](schemas) and\n"
        "[asyncapi.yaml](asyncapi.yaml).\n\n"
        "| topic | key | value | partitions | settings | purpose |\n|---|---|---|---|---|---|\n"
        + "\n".join(rows)
        + "\n\n"
        "## Formats of posts\n\nChosen by the header `ce_type`; a record without it is read as a plain post.\n\n"
        "| `ce_type` | read by |\n|---|---|\n" + formats + "\n"
    )


def main() -> int:
    """Write the files, or check them."""
    check = "--check" in sys.argv[1:]
    stale = [(path, text) for path, text in generated() if not path.exists() or path.read_text("utf-8") != text]
    for path, text in stale:
        if check:
            sys.stderr.write(f"{path.relative_to(DOCS.parent)} is not current; run `make schemas`\n")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
