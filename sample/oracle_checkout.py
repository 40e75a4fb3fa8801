"""What comes of Klarna's Checkout: the customer buys on its page, and whoever tells of that, the shop has an order.

Sources: the contract; for the codes docs/klarna.md, and Klarna's documentation. The customers are the sandbox's own
(docs/sandbox.md): what the text in `merchant_data` begins with tells what they do.
"""

import uuid
from dataclasses import dataclass
from typing import Any

from sample.oracle_parts import Rejected, Unsaid

Json = dict[str, Any]
CUSTOMERS = ("pending", "quick", "refuse", "lapse")
"""Any other buys."""
BUYERS = {"buy", "pending", "quick"}


@dataclass(frozen=True, slots=True)
class Checkout:
    """A Checkout order; `content` as the shop has it. `claimed`: a `placed` has told that it was bought."""

    id: str
    content: Json
    claimed: bool = False

    @property
    def customer(self) -> str:
        words = self.content["merchant_data"].split("-")
        if words[0] != "sbx":
            raise Unsaid("when a customer acts")
        return words[1] if words[1] in CUSTOMERS else "buy"

    @property
    def bought(self) -> bool:
        """Or will be, without anything that the shop could do about it."""
        return self.customer in BUYERS


def id_of(text: str) -> str:
    """Of a Checkout order that was started with that `merchant_data`."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, text))


def started(data: Json) -> Checkout:
    return Checkout(id_of(data["merchant_data"]), data)


def updated(checkout: Checkout, data: Json) -> Checkout:
    """What isn't given stays."""
    _must_be_open(checkout)
    return Checkout(checkout.id, checkout.content | data)


def abandoned(checkout: Checkout) -> None:
    _must_be_open(checkout)


def _must_be_open(checkout: Checkout) -> None:
    if checkout.customer == "quick":
        raise Rejected("READ_ONLY_ORDER")
    if checkout.customer != "refuse":
        raise Unsaid("whether the shop or the customer is faster")


def claimed(checkout: Checkout | None, data: Json) -> Checkout:
    """By a `placed` that names the Checkout order; amounts and lines may be left out."""
    if checkout is None or checkout.id != data["payment"]["checkout_order_id"]:
        raise Rejected("checkout_not_completed")
    if checkout.customer == "lapse":
        raise Rejected("checkout_not_completed")
    if not checkout.bought:
        raise Unsaid("how long a placed waits for a customer who doesn't buy")
    if checkout.claimed:
        raise Rejected("order_exists")
    told = [name for name in ("order_amount", "purchase_currency", "order_lines") if name in data]
    if any(data[name] != checkout.content[name] for name in told):
        raise Unsaid("the customer bought another order than the shop tells of")
    return Checkout(checkout.id, checkout.content, claimed=True)
