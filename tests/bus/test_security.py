"""The TLS and SASL settings."""

import base64
import json
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ordersaga.bus.admin import KafkaUnavailable, ensure_topics
from ordersaga.bus.batch import ConsumerOptions
from ordersaga.bus.consumer import Consumer
from ordersaga.bus.kafka import KafkaSettings, client_options
from ordersaga.bus.producer import OutRecord, Producer
from ordersaga_local.kafka import LocalKafka, Sasl
from ordersaga_local.tls import Certificates

from .doubles import MemoryStore, until


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.made(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def secured(certificates: Certificates) -> Iterator[LocalKafka]:
    with LocalKafka(Sasl(certificates, {"alice": "alice-secret"})) as broker:
        yield broker


def write_token(path: Path, lifetime: int) -> None:
    def part(claims: dict[str, object]) -> str:
        return base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")

    now = int(time.time())
    path.write_text(f"{part({'alg': 'none'})}.{part({'sub': 'alice', 'iat': now - 600, 'exp': now + lifetime})}.\n")


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512", "OAUTHBEARER"])
async def test_all_clients_get_in(
    secured: LocalKafka, certificates: Certificates, tmp_path: Path, mechanism: str
) -> None:
    token = tmp_path / "token"
    write_token(token, 600)
    settings = KafkaSettings(
        secured.sasl_bootstrap,
        tls=True,
        tls_ca=certificates.authority,
        sasl_mechanism=mechanism,  # type: ignore[arg-type]  # each of the parameters is one
        sasl_username="alice",
        sasl_password="alice-secret",
        sasl_token_file=token if mechanism == "OAUTHBEARER" else None,
    )
    topic, store, producer = f"secured-{mechanism}", MemoryStore(), Producer(settings)
    assert await ensure_topics(settings, [topic], partitions=1) == [topic]
    assert await producer.send_all([OutRecord(topic, b"k", b"hello")]) == [None]
    consumer = Consumer(settings, [topic], topic, store.take, store.start, options=ConsumerOptions(10, 6.0))
    await consumer.start()
    await until(lambda: store.values == [b"hello"])
    await consumer.stop()
    await producer.close()


async def test_the_token_is_read_anew_at_each_connection(
    secured: LocalKafka, certificates: Certificates, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    settings = KafkaSettings(
        secured.sasl_bootstrap,
        tls=True,
        tls_ca=certificates.authority,
        sasl_mechanism="OAUTHBEARER",
        sasl_token_file=token,
    )
    provider = client_options(settings)["sasl_oauth_token_provider"]
    with pytest.raises(OSError, match="token"):
        await provider.token()
    write_token(token, 600)
    assert await provider.token() == token.read_text().strip()
    await ensure_topics(settings, ["renewed"], partitions=1)


async def test_a_stranger_is_not_trusted(secured: LocalKafka, tmp_path: Path) -> None:
    stranger = Certificates.made(tmp_path)
    settings = KafkaSettings(
        secured.sasl_bootstrap,
        tls=True,
        tls_ca=stranger.authority,
        sasl_mechanism="PLAIN",
        sasl_username="alice",
        sasl_password="alice-secret",
    )
    with pytest.raises(KafkaUnavailable) as refused:
        await ensure_topics(settings, ["x"])
    assert "alice-secret" not in str(refused.value)


def test_a_client_certificate_is_taken(certificates: Certificates, tmp_path: Path) -> None:
    context = client_options(KafkaSettings("b:1", tls=True, tls_ca=certificates.authority))["ssl_context"]
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    with pytest.raises(OSError, match="No such file"):
        client_options(KafkaSettings("b:1", tls=True, tls_cert=tmp_path / "none.pem", tls_key=tmp_path / "none.key"))


def test_settings_hide_the_password_and_miss_nothing() -> None:
    settings = KafkaSettings("a:1, b:2,", sasl_mechanism="PLAIN", sasl_username="u", sasl_password="hush")
    assert settings.brokers == ["a:1", "b:2"]
    assert "hush" not in repr(settings)
    assert client_options(settings)["security_protocol"] == "SASL_PLAINTEXT"
    with pytest.raises(ValueError, match="token file"):
        KafkaSettings("a:1", sasl_mechanism="OAUTHBEARER")
    with pytest.raises(ValueError, match="user name"):
        KafkaSettings("a:1", sasl_mechanism="SCRAM-SHA-256")
