"""Customers who come often, and pay some of their orders by a customer token."""

from collections import defaultdict
from random import Random
from typing import Any

from sample.carts import merchant_of
from sample.orders import Invoice
from sample.stories import Story, pays_with
from sample.token_stories import subscription

Json = dict[str, Any]
FEWEST_ORDERS = 4
MOST_SUBSCRIBERS = 120


class Subscribers:
    """The sandbox's own tokens pay for the orders: the token that comes of a subscription is told in its outcome only."""

    def __init__(self, invoices: list[Invoice], rng: Random) -> None:
        by_customer: defaultdict[int, list[Invoice]] = defaultdict(list)
        for invoice in invoices:
            if invoice.customer is not None:
                by_customer[invoice.customer].append(invoice)
        regulars = sorted(customer for customer, mine in by_customer.items() if len(mine) >= FEWEST_ORDERS)
        chosen = rng.sample(regulars, min(MOST_SUBSCRIBERS, len(regulars)))
        self._first = [by_customer[customer][0] for customer in chosen]
        self._number = {
            invoice.number: number
            for number, customer in enumerate(chosen)
            for invoice in by_customer[customer][1:]
            if rng.random() < 0.7
        }

    def payment(self, invoice: Invoice) -> Json | None:
        """None: this order isn't paid by a customer token."""
        number = self._number.get(invoice.number)
        return None if number is None else pays_with("customer_token", f"sbx-{merchant_of(invoice)}-sub-{number}")

    def stories(self, seed: int) -> list[Story]:
        """One subscription each; every third has the id of an order."""
        return [
            subscription(
                invoice.number if number % 3 == 0 else f"SUB-{number}",
                merchant_of(invoice),
                invoice.time,
                Random(f"{seed}/subscription/{number}"),  # noqa: S311 - made-up histories, not secrets
            )
            for number, invoice in enumerate(self._first)
        ]
