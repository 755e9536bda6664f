"""Every client speaks TLS with a certificate and SCRAM, and says what is wrong when it may not."""

from __future__ import annotations

import datetime
import ipaddress
import json
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from kafka import KafkaAdminClient
from kafka.admin import ScramMechanism, UserScramCredentialUpsertion

from ingest.kafka_connection import KafkaConnection
from ingest.kafka_topics import create_topics
from ingest.topics import POSTS
from serving.dead_letters import read_dead_letters
from serving.local_broker import ApacheKafka
from serving.produce import produce_lines
from tests.integration.posts import flagged_texts
from tests.integration.workers import WorkerProcess, read_topic, wait_for

pytestmark = pytest.mark.kafka

Key = ec.EllipticCurvePrivateKey


def make_certificate(name: str, issuer: tuple[x509.Certificate, Key] | None = None) -> tuple[x509.Certificate, Key]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
    )
    return builder.sign(issuer[1] if issuer else key, hashes.SHA256()), key


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def key_pem(key: Key) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def test_worker_and_tools_work_over_mutual_tls_with_scram_and_a_wrong_password_is_named(
    tmp_path: Path, topic_prefix: str
) -> None:
    authority = make_certificate("authority")
    broker_pair, client_pair = make_certificate("broker", authority), make_certificate("client", authority)
    files = {
        "ca.pem": pem(authority[0]),
        "broker.pem": key_pem(broker_pair[1]) + pem(broker_pair[0]),
        "client.pem": pem(client_pair[0]),
        "client.key": key_pem(client_pair[1]),
        "password": "s3cret\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    properties = {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(tmp_path / "broker.pem"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(tmp_path / "ca.pem"),
        "listener.name.safe.ssl.client.auth": "required",
        "listener.name.safe.sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.safe.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
    }
    with ApacheKafka(listeners={"SAFE": "SASL_SSL"}, properties=properties) as broker:
        with KafkaAdminClient(bootstrap_servers=broker.bootstrap_servers) as admin:
            admin.alter_user_scram_credentials(
                [UserScramCredentialUpsertion("ann", ScramMechanism.SCRAM_SHA_512, password="s3cret")]
            )
        connection = KafkaConnection(
            broker.address("SAFE"),
            security_protocol="SASL_SSL",
            sasl_mechanism="SCRAM-SHA-512",
            sasl_username="ann",
            sasl_password="s3cret",
            ca_file=str(tmp_path / "ca.pem"),
            certificate_file=str(tmp_path / "client.pem"),
            key_file=str(tmp_path / "client.key"),
        )
        create_topics(connection, topic_prefix, partitions=1)
        lines = [json.dumps({"id": "t:1", "text": flagged_texts()[0]}).encode(), b"{broken"]
        assert produce_lines(lines, connection, POSTS.full_name(topic_prefix)) == 2
        settings = {
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_username": "ann",
            "sasl_password_file": tmp_path / "password",
            "ca_file": connection.ca_file,
            "certificate_file": connection.certificate_file,
            "key_file": connection.key_file,
        }
        process = WorkerProcess(connection.bootstrap_servers, topic_prefix, "safe", **settings)
        try:
            process.wait_until_started()
            wait_for(lambda: len(read_topic(broker.bootstrap_servers, f"{topic_prefix}review")) == 1, "the flag")
            assert process.stop() == 0
        finally:
            if process.process.poll() is None:
                process.kill()
        (letter,) = read_dead_letters(connection, f"{topic_prefix}dead-letters")
        assert letter.value == b"{broken"

        wrong = settings | {"sasl_password": "wrong"}
        del wrong["sasl_password_file"]
        refused = WorkerProcess(connection.bootstrap_servers, topic_prefix, "safe", **wrong)
        assert refused.process.wait(90) == 2
        refused.stop()
        assert any("sasl_password" in entry["message"] for entry in refused.log), refused.log
        assert replace(connection, sasl_password="").options().get("sasl_plain_password") is None
