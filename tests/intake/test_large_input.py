"""Large input takes its time and nobody else's: the event loop goes on turning."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from bus.test_parity import many_lines
from roles_harness import Shop, roles

BEAT = 0.02
MISSED = 0.2


@asynccontextmanager
async def heartbeat() -> AsyncIterator[list[float]]:
    """How long the loop stood still, each time that it did for longer than it may."""
    pauses: list[float] = []

    async def beat() -> None:
        last = time.monotonic()
        while True:
            await asyncio.sleep(BEAT)
            now = time.monotonic()
            if now - last - BEAT > MISSED:
                pauses.append(now - last)
            last = now

    task = asyncio.create_task(beat())
    try:
        yield pauses
    finally:
        task.cancel()


def cart(lines: int) -> dict[str, Any]:
    """Lines without references."""
    line = {"name": "Lantern", "quantity": 1, "unit_price": 100, "total_amount": 100}
    return {
        "payment": {"provider": "klarna", "authorization_token": "token-large"},
        "purchase_country": "GB",
        "purchase_currency": "GBP",
        "order_amount": 100 * lines,
        "order_lines": [line] * lines,
    }


async def test_a_thousand_lines_without_references_and_large_returns_leave_the_loop_turning(database: str) -> None:
    async with roles(database) as r:
        shop, part = Shop(), {"reference": "", "quantity": 1}
        async with heartbeat() as pauses:
            await r.take(shop.event("placed", "large", cart(1_000)))
            await r.until_idle()
            await r.take(shop.event("shipped", "large", {}))
            await r.until_idle()
            returns = [shop.event("returned", "large", {"order_lines": [part] * 200}, name=f"r{n}") for n in range(5)]
            await r.take(*returns)
            await r.until_idle()
        assert await r.outcome_types("large") == ["authorized", "captured", *["refunded"] * 5]
        assert pauses == []


async def test_records_as_large_as_they_may_be_leave_the_loop_turning(database: str) -> None:
    async with roles(database) as r:
        shop = Shop()
        wrong = [shop.event("placed", f"wrong-{n}", many_lines(quantity=-1)) for n in range(5)]
        right = [shop.event("placed", f"right-{n}", many_lines()) for n in range(5)]
        async with heartbeat() as pauses:
            await r.take(*wrong, *right)
        assert await r.dead_letter_codes() == ["invalid_event"] * 5
        assert await r.outcome_types("right-0") == ["rejected"]
        assert pauses == []
