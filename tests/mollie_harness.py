"""Mollie in memory, for the roles of a process."""

import time
from typing import Any

from domain.mollie_books import OrderThere
from domain.mollie_life import to_pay
from domain.shop import line
from domain.whole_mollie import WholeMollie
from ordersaga.bus.records import Record
from ordersaga.domain.model.outcomes import Call, Read
from ordersaga.domain.model.results import Result
from ordersaga.providers.mollie.terms import MollieTerms
from roles_harness import FakeProvider, Roles, Shop

MOLLIE = {"account": "mollie", "rules": {"payment_poll": 3_000.0}}
"""Options of roles whose merchant has an account with Mollie; it isn't read by itself."""


class FakeMollie(FakeProvider):
    """`on_call` as for Klarna."""

    def __init__(self) -> None:
        super().__init__()
        self.terms = MollieTerms()
        self.mollie = WholeMollie()

    def answer(self, call: Call) -> Result:
        return self.mollie.call(call, time.time())

    @property
    def searches(self) -> int:
        return sum(isinstance(call, Read) and call.of == "search" for call in self.calls)


def placed(shop: Shop, subject: str = "1", method: str = "klarna", **more: Any) -> Record:
    """Four of A, 5.00 each."""
    return shop.event("placed", subject, to_pay(line("A", 4, 500), method=method), **more)


async def order_there(r: Roles, fake: FakeMollie, subject: str = "1") -> OrderThere:
    """What Mollie has of it."""
    ident = (await r.order(subject)).provider_order_id
    assert ident is not None
    return fake.mollie.orders[ident]
