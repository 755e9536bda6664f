"""One frozen settings object: defaults, then a TOML file, then `FALSEPASSAGE_*`, then flags."""

from __future__ import annotations

import os
import socket
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from classifier.cascade import DEFAULT_OPERATING_POINT, SHIPPED_MODEL, OperatingPoint
from ingest.kafka_connection import KafkaConnection
from ingest.topics import DEFAULT_PREFIX, TopicSpec
from serving.errors import SettingsError

ENV_PREFIX = "FALSEPASSAGE_"
CONFIG_VARIABLE = "FALSEPASSAGE_CONFIG"
SECRETS = frozenset(("sasl_password", "key_password", "audit_salt"))

Positive = Annotated[int, msgspec.Meta(gt=0)]
Seconds = Annotated[float, msgspec.Meta(ge=0.001, le=86_400)]
Servers = Annotated[str, msgspec.Meta(pattern=r"^\s*[^,\s]+:\d{1,5}(\s*,\s*[^,\s]+:\d{1,5})*\s*$")]
Prefix = Annotated[str, msgspec.Meta(pattern=r"^[a-zA-Z0-9._-]{0,200}$")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


def _described(text: str) -> msgspec.Meta:
    return msgspec.Meta(description=text)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every setting, with its default; `docs/settings.md` is made from this."""

    bootstrap_servers: Annotated[Servers, _described("Kafka brokers, HOST:PORT separated by commas.")] = (
        "localhost:9092"
    )
    security_protocol: Annotated[
        Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"], _described("How to speak to the brokers.")
    ] = "PLAINTEXT"
    sasl_mechanism: Annotated[str, _described("SCRAM-SHA-512, SCRAM-SHA-256 or PLAIN.")] = ""
    sasl_username: Annotated[str, _described("User of the brokers.")] = ""
    sasl_password: Annotated[str, _described("Its password; better as FALSEPASSAGE_SASL_PASSWORD_FILE.")] = ""
    ca_file: Annotated[str, _described("PEM file of the authorities that vouch for the brokers.")] = ""
    certificate_file: Annotated[str, _described("PEM file of our own certificate, for mutual TLS.")] = ""
    key_file: Annotated[str, _described("PEM file of its key.")] = ""
    key_password: Annotated[str, _described("Password of that key.")] = ""
    check_hostname: Annotated[bool, _described("Whether the brokers' certificates must carry their names.")] = True

    topic_prefix: Annotated[Prefix, _described("What every topic's name begins with.")] = DEFAULT_PREFIX
    group_id: Annotated[Name, _described("Consumer group of the workers.")] = "falsepassage"
    instance_id: Annotated[
        str, _described("Name of this worker, different for each; by default host name and metrics port.")
    ] = ""
    static_membership: Annotated[
        bool, _described("Join under the instance id, so that a quick restart moves nothing.")
    ] = False

    batch_max_posts: Annotated[Positive, _described("Most records in a batch.")] = 5_000
    batch_max_bytes: Annotated[Positive, _described("Most bytes of values in a batch.")] = 8 * 1024 * 1024
    batch_max_wait_s: Annotated[Seconds, _described("Longest wait for a batch to fill.")] = 0.2
    session_timeout_s: Annotated[Seconds, _described("A worker not heard of for so long is replaced.")] = 8.0
    transaction_timeout_s: Annotated[Seconds, _described("An open transaction of a dead worker ends after this.")] = (
        10.0
    )
    shutdown_timeout_s: Annotated[Seconds, _described("How long SIGTERM waits for the batch under way.")] = 30.0

    model: Annotated[
        str, _described("Directory of the model, or a Hugging Face sequence classifier, by directory or name.")
    ] = str(SHIPPED_MODEL)
    operating_point: Annotated[
        OperatingPoint,
        _described(
            "How many posts go beyond the screen to the encoder: all, the likeliest 3 % or the likeliest 0.5 %."
        ),
    ] = DEFAULT_OPERATING_POINT
    encoder_threads: Annotated[
        int, msgspec.Meta(ge=0), _described("Threads of the encoder; 0 takes one for each core.")
    ] = 0

    audit_floor: Annotated[Share, _described("Least chance of an unflagged post to be audited.")] = 0.00001
    audit_ceiling: Annotated[Share, _described("Chance of one just under its threshold.")] = 0.05
    audit_salt: Annotated[str, _described("Secret that the draw for the audit depends on.")] = "falsepassage"

    metrics_host: Annotated[str, _described("Address of /metrics, /livez and /readyz.")] = "127.0.0.1"
    metrics_port: Annotated[int, msgspec.Meta(ge=0, le=65535), _described("Its port; 0 takes a free one.")] = 9464
    log_format: Annotated[Literal["json", "text"], _described("Form of the log lines.")] = "json"
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], _described("Least level that is logged.")] = (
        "INFO"
    )

    @property
    def connection(self) -> KafkaConnection:
        """How Kafka clients connect."""
        return KafkaConnection(**{name: getattr(self, name) for name in KafkaConnection.__dataclass_fields__})

    @property
    def instance(self) -> str:
        """The worker's name: stable for one instance, different for two on one host."""
        return self.instance_id or f"{socket.gethostname()}-{self.metrics_port}"

    def topic(self, spec: TopicSpec) -> str:
        """The full name of a topic."""
        return spec.full_name(self.topic_prefix)


class Origin(msgspec.Struct, frozen=True):
    """A setting in force and where it came from."""

    name: str
    value: str
    origin: str


def load_settings(
    flags: Mapping[str, Any] | None = None, environ: Mapping[str, str] = os.environ, file: Path | None = None
) -> Settings:
    """Read the settings in force.

    Args:
        flags: settings given on the command line; None means not given.
        file: a TOML file; by default the one that `FALSEPASSAGE_CONFIG` names.

    Raises:
        SettingsError: naming the setting, where it came from and what is wrong with it.
    """
    return _convert(_gather(flags or {}, environ, file))


def explain_settings(
    flags: Mapping[str, Any] | None = None, environ: Mapping[str, str] = os.environ, file: Path | None = None
) -> list[Origin]:
    """Say of each setting what it is and where it came from, with secrets masked.

    Raises:
        SettingsError: as `load_settings`.
    """
    gathered = _gather(flags or {}, environ, file)
    settings = _convert(gathered)
    rows = []
    for name in Settings.__struct_fields__:
        value = str(getattr(settings, name))
        shown = "********" if name in SECRETS and value else value
        rows.append(Origin(name, shown, gathered[name][1] if name in gathered else "default"))
    return rows


def _gather(flags: Mapping[str, Any], environ: Mapping[str, str], file: Path | None) -> dict[str, tuple[Any, str]]:
    gathered: dict[str, tuple[Any, str]] = {}
    path = file or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    if path is not None:
        gathered |= {name: (value, str(path)) for name, value in _read_toml(path).items()}
    gathered |= _read_environment(environ)
    gathered |= {name: (value, f"--{name.replace('_', '-')}") for name, value in flags.items() if value is not None}
    return gathered


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        found = tomllib.loads(path.read_text())
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not TOML: {error}") from error
    unknown = sorted(set(found) - set(Settings.__struct_fields__))
    if unknown:
        raise SettingsError(f"{path}: unknown setting {unknown[0]!r}; `falsepassage settings` lists them all")
    return found


def _read_environment(environ: Mapping[str, str]) -> dict[str, tuple[Any, str]]:
    found: dict[str, tuple[Any, str]] = {}
    for name in Settings.__struct_fields__:
        variable = ENV_PREFIX + name.upper()
        if variable in environ:
            found[name] = (environ[variable], variable)
        elif f"{variable}_FILE" in environ:
            path = Path(environ[f"{variable}_FILE"])
            try:
                found[name] = (path.read_text().strip(), f"{variable}_FILE")
            except OSError as error:
                raise SettingsError(f"{variable}_FILE: {path}: {error.strerror}") from error
            except UnicodeDecodeError as error:
                raise SettingsError(f"{variable}_FILE: {path}: not UTF-8 text") from error
    return found


def _convert(gathered: Mapping[str, tuple[Any, str]]) -> Settings:
    try:
        return msgspec.convert({name: value for name, (value, _) in gathered.items()}, Settings, strict=False)
    except msgspec.ValidationError as error:
        text = str(error)
        name = text.rpartition("$.")[2].rstrip("`")
        origin = gathered[name][1] if name in gathered else "?"
        raise SettingsError(f"{origin}: {name}: {text.partition(' - at')[0]}") from error
