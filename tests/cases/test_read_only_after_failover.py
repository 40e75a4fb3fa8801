"""A failover of Postgres after which the pooled connections lead to the old primary, which refuses writes."""

import asyncio
from collections import Counter

from e2e.play import life, playing
from ordersaga_local.parts import Kafka, Parts, Postgres
from ordersaga_local.postgres import LocalPostgres

from .files import case_of
from .servers import Proxy, fail_over, standby_of

CASE = case_of("read-only-after-failover")
ORDERS = 40


async def test_a_service_connected_to_the_demoted_server_finds_the_new_primary_by_itself(kafka: Kafka) -> None:
    proxy = Proxy()
    with LocalPostgres() as primary, standby_of(primary) as standby:
        async with proxy.listening():
            proxy.set_target(primary)
            async with playing(Parts(kafka, Postgres(proxy.url(), "Postgres behind a proxy")), None) as play:
                service = play.service()
                pid = service.pid
                publishing = asyncio.create_task(play.publish(life(map(str, range(ORDERS))), rate=ORDERS / 2))
                await play.ended(ORDERS // 2)
                await fail_over(proxy, primary, standby)
                before = len(play.books.finals)
                await publishing
                await play.ended(2 * ORDERS, 30)
                assert before < 2 * ORDERS, "the failover came after all work"
                assert "ReadOnlySQLTransaction" in service.text(), "no write met the old primary"
                assert await play.dead_letter_codes() == Counter(), CASE.why
                assert await play.lives_amiss(ORDERS) == [], CASE.why
                assert service.pid == pid
