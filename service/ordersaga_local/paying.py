"""The orders of the sample that customers pay at Mollie: how their payment became known, and which payments came to nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ordersaga_local.outcomes import Books, Told


@dataclass
class Payments:
    """How it became known that a customer had paid. `twice`: by a webhook that came twice."""

    paid: int = 0
    told: int = 0
    twice: int = 0
    lost: int = 0
    unknown: int = 0
    """No outcome tells of them."""
    failed: int = 0
    retried: int = 0

    @property
    def read(self) -> int:
        """Found by reading the order now and then, or by the answer to a call."""
        return self.paid - self.told - self.unknown

    def rows(self) -> list[tuple[str, str]]:
        """For the summary."""
        return [
            ("paid at Mollie", str(self.paid)),
            ("  told by a webhook", f"{self.told}, {self.twice} of them twice"),
            ("  found by reading", f"{self.read}, {self.lost} after the webhook got lost"),
            ("payments that came to nothing", f"{self.failed}; {self.retried} tried again"),
        ]

    def problems(self) -> list[str]:
        """The service doesn't need webhooks, but it should have got some."""
        unknown = [f"Mollie: no outcome tells of {self.unknown} orders that were paid"] if self.unknown else []
        return unknown + (["Mollie: no webhook was received"] if self.paid and not self.told else [])


def of_payments(
    deliveries: Iterable[Mapping[str, Any]], effects: Iterable[Mapping[str, Any]], books: Books
) -> Payments:
    """`deliveries` and `effects` as the sandbox has them, whose clock must not have been moved."""
    payments = Payments()
    webhooks: dict[str, Mapping[str, Any]] = {}
    for delivery in deliveries:
        if delivery["kind"] == "order_webhook":  # the first is about the payment
            webhooks.setdefault(delivery["order_id"], delivery)
        payments.failed += delivery["kind"] == "payment_webhook"
    payments.retried = sum(told.what == "payment_pending" and told.data["final"] for told in books.seen.values())
    ended = {
        told.data["provider_order_id"]: told
        for told in books.seen.values()
        if told.what in {"authorized", "captured"} and (told.data["cause"] or {}).get("type") == "shop.order.placed.v1"
    }
    for effect in effects:
        if effect["kind"] == "authorize" and effect["provider"] == "mollie":
            payments.paid += 1
            _count(payments, ended.get(effect["order_id"]), webhooks.get(effect["order_id"]))
    return payments


def _count(payments: Payments, told: Told | None, webhook: Mapping[str, Any] | None) -> None:
    if told is None:
        payments.unknown += 1
        return
    attempts = webhook["attempts"] if webhook is not None else []
    received = [one["at"] for one in attempts if one["status"] == 200]
    if received and received[0] <= told.at:
        payments.told += 1
        payments.twice += len(received) > 1
    else:
        payments.lost += bool(attempts) and not (received and received[0] == attempts[0]["at"])
