"""Orders at Mollie as stories: what the shop, the customer, a person in Mollie's dashboard and the time do, one after the other."""

import asyncio
import contextlib
import json
import socket
import urllib.request
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ordersaga_local.outcomes import Told
from ordersaga_local.process import free_port

from .play import Json, Play, event, until

DAY: Final = 86_400
ADDRESS: Final = {
    "given_name": "Anna",
    "family_name": "Smit",
    "email": "anna@example.com",
    "street_address": "Keizersgracht 1",
    "postal_code": "1015 CW",
    "city": "Amsterdam",
    "country": "NL",
}
SLOW: Final = {"ORDERSAGA_PAYMENT__FIRST": "3000"}
"""Only a webhook finds what the customer did."""
_SECONDS: Final = 30.0


def served(port: int | None = None) -> dict[str, str]:
    """Settings by which Mollie's webhooks come to the service."""
    number = str(port or free_port())
    return {
        "ORDERSAGA_WEB__PORT": number,
        "ORDERSAGA_WEB__SECRETS": "a-secret-of-the-tests-that-is-long-enough",
        "ORDERSAGA_WEB__BASE_URL": f"http://127.0.0.1:{number}",
    }


def line(reference: str, quantity: int, unit_price: int, **more: Any) -> Json:
    total = quantity * unit_price - more.get("total_discount_amount", 0)
    given = {"reference": reference, "name": f"Item {reference}", "quantity": quantity, "unit_price": unit_price}
    return {**given, "tax_rate": 2100, "total_amount": total, **more}


def part(reference: str, quantity: int) -> Json:
    return {"reference": reference, "quantity": quantity}


GOODS: Final = (line("A", 4, 500), line("S", 1, 300, type="shipping_fee"))
"""2300 in all."""


def purchase(*lines: Json, mark: str = "", **payment: object) -> Json:
    """The data of a `placed`. `mark`: what the customer does, by the sandbox's marks."""
    given = lines or GOODS
    address = ADDRESS | {"email": f"anna{mark}@example.com"}
    return {
        "payment": {"provider": "mollie", "redirect_url": "https://shop.example/thanks", **payment},
        "purchase_country": "NL",
        "purchase_currency": "EUR",
        "locale": "nl-NL",
        "order_amount": sum(one["total_amount"] for one in given),
        "order_lines": list(given),
        "billing_address": address,
    }


def made_by_shop(subject: str, *lines: Json, mark: str = "", method: str = "klarna") -> Json:
    """The body of a create order at Mollie."""
    total = sum(one["total_amount"] for one in lines)
    return {
        "amount": _euros(total),
        "orderNumber": subject,
        "locale": "nl_NL",
        "method": method,
        "redirectUrl": "https://shop.example/thanks",
        "lines": [
            {
                "name": one["name"],
                "sku": one["reference"],
                "quantity": one["quantity"],
                "unitPrice": _euros(one["unit_price"]),
                "totalAmount": _euros(one["total_amount"]),
                "vatRate": "0.00",
                "vatAmount": _euros(0),
            }
            for one in lines
        ],
        "billingAddress": {
            "givenName": "Anna",
            "familyName": "Smit",
            "email": f"anna{mark}@example.com",
            "streetAndNumber": "Keizersgracht 1",
            "postalCode": "1015 CW",
            "city": "Amsterdam",
            "country": "NL",
        },
    }


def _euros(cents: int) -> Json:
    return {"currency": "EUR", "value": f"{cents / 100:.2f}"}


@dataclass
class Story:
    """One order. `told`: how many of its outcomes the story has looked at already."""

    play: Play
    clock: "Clock"
    name: str
    merchant: str = "default"
    _events: int = 0
    _told: int = 0

    # the shop

    async def tell(self, what: str, data: Json | None = None) -> None:
        self._events += 1
        await self.play.publish([event(self.name, self._events, what, data or {}, self.merchant)])

    async def taken_in(self) -> None:
        """Returns when the service has the last event."""
        name = f"{self.name}-{self._events}"
        for _ in range(600):
            if await self.play.rows("SELECT FROM inbox WHERE (merchant, id) = ($1, $2)", self.merchant, name):
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"{name} isn't taken in")

    async def expect(self, *outcomes: str) -> Told:
        """The next outcomes in this order: `type`, `type!` of one that no event caused, or `type code`. Returns the last."""
        await until(lambda: len(self.outcomes) >= self._told + len(outcomes), _SECONDS, lambda: self._missing(outcomes))
        seen = self.outcomes[self._told : self._told + len(outcomes)]
        self._told += len(outcomes)
        found = [_short(one) for one in seen]
        assert found == [*outcomes], f"{self.name}: {found} instead of {[*outcomes]}"
        return seen[-1]

    @property
    def outcomes(self) -> list[Told]:
        found = [
            one for one in self.play.books.seen.values() if (one.merchant, one.order) == (self.merchant, self.name)
        ]
        return sorted(found, key=lambda one: one.sequence)

    def _missing(self, outcomes: tuple[str, ...]) -> str:
        seen = [_short(one) for one in self.outcomes[self._told :]]
        return f"{self.name}: {seen} instead of {[*outcomes]}; {self._logs()}"

    def _logs(self) -> str:
        logs = sorted(self.play.stage.folder.glob("*.log"))
        return "; ".join(log.read_text(errors="replace")[-2000:] for log in logs)

    # Mollie

    @property
    def id(self) -> str:
        """Of the order at Mollie, as the outcomes tell it."""
        return str(self.outcomes[-1].data["provider_order_id"])

    async def there(self) -> Json:
        shown: Json = await self._control(f"mollie/orders/{self.id}")
        return shown

    async def customer(self, action: str, **more: object) -> None:
        await self._control(f"mollie/payments/{self.id}", "POST", {"action": action, **more})

    async def dashboard(self, action: str, **more: object) -> None:
        await self._control(f"mollie/orders/{self.id}", "POST", {"action": action, **more})

    async def refund(self, ident: str, action: str) -> None:
        await self._control(f"mollie/refunds/{ident}", "POST", {"action": action})

    async def until_there(self, condition: Callable[[Json], object], what: str) -> None:
        """What only the provider shows."""
        for _ in range(200):
            if condition(shown := await self.there()):
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"{self.name}: not {what}: {shown}")

    async def _control(self, path: str, method: str = "GET", body: object = None) -> Any:
        return await asyncio.to_thread(self.play.sandbox.control, path, method, body)


def _short(one: Told) -> str:
    by_itself = "!" if one.data["cause"] is None else ""
    code = f" {one.data['error']['code']}" if one.data.get("error") else ""
    return f"{one.what}{by_itself}{code}"


Telling = Callable[[Story], Awaitable[None]]


@dataclass
class Clock:
    """The provider's clock, which is moved when every story has ended or waits for that."""

    play: Play
    telling: int = 0
    _waiting: list[asyncio.Future[None]] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def moved(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._changed.set()
        await turn

    def ended(self, _: object) -> None:
        self.telling -= 1
        self._changed.set()

    async def run(self, *seconds: float) -> None:
        for one in seconds:
            while len(self._waiting) < self.telling:
                await self._changed.wait()
                self._changed.clear()
            await asyncio.to_thread(self.play.sandbox.control, "clock", "POST", {"advance": one})
            waiting, self._waiting = self._waiting, []
            for turn in waiting:
                turn.set_result(None)


async def tell_all(play: Play, stories: Mapping[str, Telling], *seconds: float) -> dict[str, BaseException | None]:
    """All at the same time; what went wrong in each."""
    clock = Clock(play, len(stories))
    tasks = {name: asyncio.create_task(_told(tell, Story(play, clock, name))) for name, tell in stories.items()}
    for task in tasks.values():
        task.add_done_callback(clock.ended)
    moving = asyncio.create_task(clock.run(*seconds))
    await asyncio.wait([*tasks.values()], timeout=240)
    moving.cancel()
    return {name: task.exception() if task.done() else TimeoutError(name) for name, task in tasks.items()}


async def _told(tell: Telling, story: Story) -> None:
    await tell(story)


async def amiss(play: Play, waiting: Collection[str] = ()) -> list[str]:
    """What differs between the outcomes and the ledger, order by order, and what isn't at rest.

    `waiting`: orders that are read again soon, as the customer has yet to pay.
    """
    for _ in range(100):
        restless = [one for one in await play.restless() if not any(f"'{name}'" in one for name in waiting)]
        if not (unfinished := await asyncio.to_thread(play.untold) + restless):
            break
        await asyncio.sleep(0.1)
    effects = play.sandbox.effects()
    return unfinished + play.doubled() + [one for name in _ids(play) for one in _differences(play, effects, name)]


def _ids(play: Play) -> list[str]:
    return sorted({told.data["provider_order_id"] for told in play.books.seen.values()} - {None})


def _differences(play: Play, effects: list[Json], ident: str) -> list[str]:
    of_order = [told for told in play.books.seen.values() if told.data["provider_order_id"] == ident]
    last = max(of_order, key=lambda told: told.position)
    order = last.data["order"]
    sums: Counter[str] = Counter()
    for effect in effects:
        if effect["order_id"] == ident:
            sums[effect["kind"]] += effect["amount"] or 0
    refunded = sums["refund"] - sums["fail_refund"] - sums["cancel_refund"]
    ours, theirs = (order["captured_amount"], order["refunded_amount"]), (sums["capture"], refunded)
    problems = [] if ours == theirs else [f"{last.order}: captured and refunded {ours}, in the ledger {theirs}"]
    parts = order["captured_amount"] + order["released_amount"] + order["remaining_authorized_amount"]
    return problems + ([] if order["order_amount"] == parts else [f"{last.order}: {order} doesn't add up"])


def reads_of(play: Play, ident: str, after: int = 0) -> int:
    """How often the order was read, by the sandbox's log of requests."""
    asked = (one for one in play.sandbox.requests(after) if one["method"] == "GET")
    return sum(one["path"].split("?")[0] == f"/v2/orders/{ident}" for one in asked)


async def listening(port: int) -> None:
    """Returns when somebody does at this port of ours."""

    def connected() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    await until(connected, _SECONDS, f"nobody listens at {port}")


def post_form(url: str, body: str) -> int:
    """As a webhook: the status of the answer."""
    request = urllib.request.Request(url, body.encode(), {"content-type": "application/x-www-form-urlencoded"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return int(answer.status)


def as_shop(play: Play, path: str, body: Json, account: str = "default") -> Json:
    """A call of Mollie's that the shop makes by itself."""
    headers = {"authorization": f"Bearer test_{account}", "content-type": "application/json"}
    request = urllib.request.Request(f"{play.sandbox.url}{path}", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        made: Json = json.loads(answer.read())
    return made
