"""The provider's notifications of decided reviews, its pushes and its webhooks: some get lost on their way, some come twice."""

import asyncio
import contextlib
import secrets
import statistics
import urllib.error
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ordersaga_local.outcomes import Books, Told
from ordersaga_local.stage import Sandbox

LATE_SECONDS = 1.0
"""By which each notification, push and webhook is late, so that there is time to lose it."""
_LOOK_EVERY_SECONDS = 0.25
_ONE_IN = 5
"""One in so many gets lost, and another one comes twice."""
_SENT = {"notification": 1, "push": 2, "order_webhook": 1, "payment_webhook": 1}
"""How often one that is to come twice is sent beside its schedule, which ends for pushes as soon as the first has its effect."""


def web_settings(port: int) -> dict[str, str]:
    """Of every process that creates orders, so that the provider notifies of them at that port."""
    return {
        "ORDERSAGA_WEB__SECRETS": secrets.token_urlsafe(32),
        "ORDERSAGA_WEB__BASE_URL": f"http://127.0.0.1:{port}",
    }


@contextlib.asynccontextmanager
async def disturbed(sandbox: Sandbox, late: float = LATE_SECONDS) -> AsyncIterator[None]:
    """Meanwhile one notification, push or webhook in five is lost, and one in five comes once more."""
    await asyncio.to_thread(sandbox.control, "switches", "PUT", {"delivery_delay": late})
    task = asyncio.create_task(_disturb(sandbox))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _disturb(sandbox: Sandbox) -> None:
    """What is to get lost comes first, before it is sent."""
    after = 0
    while True:
        new = await asyncio.to_thread(sandbox.deliveries, after)
        after = new[-1]["seq"] if new else after
        for action, rest, kinds in (("lose", 0, dict.fromkeys(_SENT, 1)), ("send", 1, _SENT)):
            chosen = [one for one in new if one["seq"] % _ONE_IN == rest for _ in range(kinds.get(one["kind"], 0))]
            await asyncio.gather(*(asyncio.to_thread(_do, sandbox, one["seq"], action) for one in chosen))
        await asyncio.sleep(_LOOK_EVERY_SECONDS)


def _do(sandbox: Sandbox, delivery: int, action: str) -> None:
    with contextlib.suppress(urllib.error.HTTPError):  # it has ended already
        sandbox.control(f"deliveries/{delivery}", "POST", {"action": action})


@dataclass
class Reviews:
    """How the decisions of reviews became known. `seconds`: from a notification to the final outcome of its order."""

    decided: int = 0
    notified: int = 0
    twice: int = 0
    lost: int = 0
    seconds: list[float] = field(default_factory=list)

    @property
    def polled(self) -> int:
        """Decisions that were read without a notification."""
        return self.decided - self.notified

    def rows(self) -> list[tuple[str, str]]:
        """For the summary."""
        rows = [
            ("reviews decided", str(self.decided)),
            ("  told by a notification", f"{self.notified}, {self.twice} of them twice"),
            ("  found by polling", f"{self.polled}, {self.lost} after it got lost"),
        ]
        if self.seconds:
            rows.append(("notification to outcome, p50", f"{statistics.median(self.seconds) * 1000:.0f} ms"))
        return rows

    def problems(self) -> list[str]:
        """The service doesn't need notifications, but it should have got some."""
        return ["reviews: no notification was received"] if self.decided and not self.notified else []


def _ends_review(told: Told) -> bool:
    """Of an order that is bought in the Checkout, without any `placed`, the end of its review has no cause."""
    cause = (told.data["cause"] or {}).get("type")
    return cause == "shop.order.placed.v1" or (cause is None and told.what == "authorized")


def of_reviews(deliveries: Iterable[Mapping[str, Any]], effects: Iterable[Mapping[str, Any]], books: Books) -> Reviews:
    """`deliveries` and `effects` as the sandbox has them, whose clock must not have been moved."""
    decided = {effect["order_id"] for effect in effects if effect["kind"] == "fraud_decision"}
    placed = {
        told.data["provider_order_id"]: told.at
        for told in books.seen.values()
        if told.data["final"] and _ends_review(told)
    }
    reviews = Reviews(len(decided))
    for delivery in deliveries:
        if delivery["kind"] != "notification" or delivery["order_id"] not in decided & placed.keys():
            continue
        received = [one["at"] for one in delivery["attempts"] if one["status"] is not None and one["status"] < 300]
        outcome = placed[delivery["order_id"]]
        reviews.lost += not received
        if received and received[0] <= outcome:
            reviews.notified += 1
            reviews.twice += len(received) > 1
            reviews.seconds.append(outcome - received[0])
    return reviews
