"""How every Kafka client of the project connects: one frozen value, passed to all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """Where the brokers are and how to prove who one is.

    `security_protocol` is one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL. A client certificate and its key make it
    mutual TLS. `ca_file` left empty means the system's own authorities.
    """

    bootstrap_servers: str
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = ""
    sasl_username: str = ""
    sasl_password: str = ""
    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""
    key_password: str = ""
    check_hostname: bool = True

    def advice(self) -> str:
        """Say what to look at when no broker answers: the client cannot tell a wrong password from a dead broker."""
        look_at = [f"is a broker listening at {self.bootstrap_servers} (setting bootstrap_servers)"]
        if "SASL" in self.security_protocol:
            look_at.append(f"are sasl_username and sasl_password right for {self.sasl_mechanism or 'its mechanism'}")
        if "SSL" in self.security_protocol:
            look_at.append("do ca_file, certificate_file and key_file fit the broker's certificate")
        return ", and ".join(look_at) + "?"

    def options(self) -> dict[str, Any]:
        """Return the keyword arguments that kafka-python's clients take."""
        options: dict[str, Any] = {
            "bootstrap_servers": [server.strip() for server in self.bootstrap_servers.split(",")],
            "security_protocol": self.security_protocol,
            # a broker that comes back is found within a second or two, not within the half minute of the default
            "reconnect_backoff_ms": 50,
            "reconnect_backoff_max_ms": 1_000,
            "ssl_check_hostname": self.check_hostname,
        }
        named = {
            "sasl_mechanism": self.sasl_mechanism,
            "sasl_plain_username": self.sasl_username,
            "sasl_plain_password": self.sasl_password,
            "ssl_cafile": self.ca_file,
            "ssl_certfile": self.certificate_file,
            "ssl_keyfile": self.key_file,
            "ssl_password": self.key_password,
        }
        return options | {name: value for name, value in named.items() if value}
