"""One failing kind of call stops only itself."""

import asyncio
from collections import Counter
from functools import partial

from ordersaga.domain import saga
from ordersaga.domain.model.outcomes import Call
from ordersaga.domain.model.results import Result, Unknown
from roles_harness import Roles, Shop, roles, until_async


async def captured(r: Roles, subject: str) -> bool:
    return await r.outcome_types(subject) == ["authorized", "captured"]


async def test_refunds_that_fail_stop_neither_new_orders_nor_shipments(database: str) -> None:
    calls: Counter[str] = Counter()

    async def answer(call: Call) -> Result | None:
        kind = saga.kind_of(call)
        calls[str(kind)] += 1
        return Unknown("http_500", status=500) if kind == "refunding" else None

    async with roles(database) as r:
        shop, names = Shop(), [str(number) for number in range(20)]
        await r.take(*(shop.placed(name) for name in names))
        await r.until_idle()
        await r.take(*(shop.shipped(name) for name in names))
        await r.until_idle()
        r.fake.on_call = answer
        await r.take(*(shop.event("returned", name, {}) for name in names))
        r.start_claiming()
        await asyncio.sleep(0.3)
        assert r.gates["default", "klarna"]["refunding"].breaker.is_open
        before = calls["refunding"]
        for number in range(20, 40):
            await r.take(shop.placed(str(number)))
            await r.take(shop.shipped(str(number)))
        for number in range(20, 40):
            await until_async(partial(captured, r, str(number)))
        assert not r.gates["default", "klarna"]["placing"].breaker.is_open
        assert (calls["placing"], calls["capturing"]) == (20, 20)
        assert calls["refunding"] - before <= 4
