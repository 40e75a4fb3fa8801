"""Kafka or Postgres is unavailable, at the start or later: the service waits, logs it, and resumes by itself. Both with TLS."""

import asyncio
from collections.abc import Iterator

import pytest

from ordersaga_local.kafka import LocalKafka, Sasl
from ordersaga_local.parts import Kafka, Parts, Postgres
from ordersaga_local.postgres import LocalPostgres, Tls
from ordersaga_local.tls import Certificates

from .play import life, playing, until


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.made(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def broker(certificates: Certificates) -> Iterator[LocalKafka]:
    with LocalKafka(Sasl(certificates, {"alice": "alice-secret"})) as local:
        yield local


@pytest.fixture(scope="module")
def server() -> Iterator[LocalPostgres]:
    """Durable, as it is killed."""
    with LocalPostgres(durable=True) as local:
        yield local


def _parts(broker: LocalKafka, server: LocalPostgres) -> Parts:
    return Parts(Kafka(broker.bootstrap, str(broker)), Postgres(server.url(), str(server)))


@pytest.mark.long
async def test_parts_that_are_away_at_the_start_are_waited_for(broker: LocalKafka, server: LocalPostgres) -> None:
    async with playing(_parts(broker, server), None) as play:
        await play.publish(life(map(str, range(50))))
        await asyncio.gather(asyncio.to_thread(broker.stop), asyncio.to_thread(server.stop))
        service = play.service()
        await until(lambda: "waiting for Postgres" in service.text(), 20, service.text)
        await asyncio.to_thread(server.start)
        await until(lambda: "waiting for Kafka" in service.text(), 20, service.text)
        await asyncio.to_thread(broker.start)
        await play.ended(100, 60)
        assert await play.lives_amiss(50) == []


@pytest.mark.long
async def test_parts_that_go_away_under_load_and_come_back_lose_and_double_nothing(
    broker: LocalKafka, server: LocalPostgres
) -> None:
    async with playing(_parts(broker, server), None) as play:
        play.sandbox.control("faults", "POST", {"action": "delay", "effect": True, "seconds": 0.1})
        service = play.service()
        await play.publish(life(map(str, range(300))))
        for events, part in ((50, server), (250, broker)):
            await play.ended(events)
            await asyncio.to_thread(part.kill)
            await asyncio.sleep(2)
            await asyncio.to_thread(part.start)
        await play.publish(life(map(str, range(300, 320))))
        await play.ended(640, 60)
        assert await play.lives_amiss(320) == []
        assert "store unavailable" in service.text()
        assert "Unable connect to node" in service.text()


async def test_kafka_and_postgres_are_reached_by_tls_with_credentials(
    broker: LocalKafka, certificates: Certificates
) -> None:
    settings = {
        "ORDERSAGA_KAFKA": broker.sasl_bootstrap,
        "ORDERSAGA_KAFKA_TLS_CA": str(certificates.authority),
        "ORDERSAGA_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
        "ORDERSAGA_KAFKA_SASL_USERNAME": "alice",
        "ORDERSAGA_KAFKA_SASL_PASSWORD": "alice-secret",
    }
    with LocalPostgres(tls=Tls(certificates)) as server:
        async with playing(_parts(broker, server), None, settings) as play:
            play.service()
            await play.publish(life(map(str, range(20))))
            await play.ended(40)
            assert await play.lives_amiss(20) == []
