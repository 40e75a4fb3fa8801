"""TLS and SASL: the right credentials get in, others don't."""

import base64
import json
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]  # ships no types
from aiokafka.abc import AbstractTokenProvider  # type: ignore[import-untyped]  # as above
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # as above

from ordersaga_local.admin import create_topics
from ordersaga_local.kafka import LocalKafka, Sasl
from ordersaga_local.postgres import LocalPostgres, Tls
from ordersaga_local.tls import Certificates


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.made(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.made(tmp_path_factory.mktemp("theirs"))


@pytest.fixture(scope="module")
def kafka(certificates: Certificates) -> Iterator[LocalKafka]:
    with LocalKafka(Sasl(certificates, {"alice": "alice-secret"})) as secured:
        yield secured


@pytest.fixture(scope="module")
def postgres(certificates: Certificates) -> Iterator[LocalPostgres]:
    with LocalPostgres(tls=Tls(certificates, password="right")) as secured:
        yield secured


class _Token(AbstractTokenProvider):  # type: ignore[misc]  # its base has no types
    def __init__(self, lifetime: int) -> None:
        self._lifetime = lifetime

    async def token(self) -> str:
        now = int(time.time())
        claims = {"sub": "alice", "iat": now - 600, "exp": now + self._lifetime}
        return ".".join((_encoded({"alg": "none"}), _encoded(claims), ""))


def _encoded(part: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


async def _send(kafka: LocalKafka, trust: Path, **credentials: object) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka.sasl_bootstrap,
        security_protocol="SASL_SSL",
        ssl_context=ssl.create_default_context(cafile=str(trust)),
        request_timeout_ms=3000,  # a refused token shows as a connection that never answers
        **credentials,
    )
    try:
        await producer.start()
        await producer.send_and_wait("secured", b"hello")
    finally:
        await producer.stop()


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
async def test_kafka_takes_the_right_password_only(
    kafka: LocalKafka, certificates: Certificates, mechanism: str
) -> None:
    await create_topics(kafka.bootstrap, "secured", partitions=1)
    user = {"sasl_mechanism": mechanism, "sasl_plain_username": "alice"}
    await _send(kafka, certificates.authority, **user, sasl_plain_password="alice-secret")
    with pytest.raises(KafkaError):
        await _send(kafka, certificates.authority, **user, sasl_plain_password="wrong")


async def test_kafka_takes_a_valid_token_only(kafka: LocalKafka, certificates: Certificates) -> None:
    await create_topics(kafka.bootstrap, "secured", partitions=1)
    oauth = {"sasl_mechanism": "OAUTHBEARER"}
    await _send(kafka, certificates.authority, **oauth, sasl_oauth_token_provider=_Token(lifetime=600))
    with pytest.raises(KafkaError):
        await _send(kafka, certificates.authority, **oauth, sasl_oauth_token_provider=_Token(lifetime=-300))


async def test_kafka_is_not_trusted_by_another_authority(kafka: LocalKafka, stranger: Certificates) -> None:
    with pytest.raises(KafkaError):
        await _send(
            kafka,
            stranger.authority,
            sasl_mechanism="PLAIN",
            sasl_plain_username="alice",
            sasl_plain_password="alice-secret",
        )


async def test_postgres_takes_the_right_password_over_tls(postgres: LocalPostgres) -> None:
    connection = await asyncpg.connect(postgres.url())
    assert connection._transport.get_extra_info("cipher") is not None  # type: ignore[attr-defined]  # the stubs know the public names
    assert await connection.fetchval("SELECT 6 * 7") == 42
    await connection.close()


async def test_postgres_refuses_a_wrong_password(postgres: LocalPostgres) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(postgres.url().replace(":right@", ":wrong@"))


async def test_postgres_refuses_who_comes_without_tls(postgres: LocalPostgres) -> None:
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
        await asyncpg.connect(postgres.url().split("?", maxsplit=1)[0] + "?sslmode=disable")


async def test_postgres_is_not_trusted_by_another_authority(
    postgres: LocalPostgres, certificates: Certificates, stranger: Certificates
) -> None:
    url = postgres.url().replace(str(certificates.authority.parent.name), stranger.authority.parent.name)
    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncpg.connect(url)
