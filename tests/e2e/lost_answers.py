"""How answers get lost, and what is said about an order to which that happens.

Each `Case` is played in each of the `WAYS`, as an order of its own with an account of its own.
"""

from dataclasses import dataclass, field
from typing import Final

from .play import Json

CHECKOUT: Final = "/checkout/v3/orders"
AUTHORIZATION: Final = "/payments/v1/authorizations/{authorization_token}"
TOKEN: Final = "/customer-token/v1/tokens/{customer_token}"
ORDER: Final = "/ordermanagement/v1/orders/{order_id}"
CAPTURE: Final = f"{ORDER}/captures/{{capture_id}}"
_REFUSAL: Final = {"correlation_id": "c", "error_code": "NOT_ALLOWED", "error_messages": ["Not allowed."]}
_REFUSED: Final[Json] = {"action": "status", "status": 403, "body": _REFUSAL, "times": 1}

WAYS: Final[dict[str, tuple[Json, ...]]] = {
    "never-arrived": ({"action": "drop_before", "times": 2},),
    "response-lost": ({"action": "drop_after", "times": 2},),
    "error-after-effect": ({"action": "status", "status": 503, "effect": True, "times": 2},),
    "response-lost-repeat-refused": ({"action": "drop_after", "times": 1}, _REFUSED),
    "never-arrived-repeat-refused": ({"action": "drop_before", "times": 1}, _REFUSED),
}
"""The faults of the calls of the operation, in this order; what follows works."""

LOOK_UP_ORDER: Final = "look up the order at the provider by its merchant reference"
LOOK_UP_TOKEN: Final = (
    "look up whether the provider made a customer token (its support can say, by time and authorization)"
)


@dataclass(frozen=True)
class End:
    """`told`: outcomes, those with an error by its code, in any order. `took`: the ledger's effects, by kind.

    `attention`: what the attention that stays open says to look up. `amount`: that the effect `authorize` is about.
    """

    told: tuple[str, ...]
    took: dict[str, int] = field(default_factory=dict)
    attention: str | None = None
    amount: int | None = None


Ends = dict[str, End]
Told = tuple[str, Json]
"""Type and data of an event; `{made}` in it is the id of what the shop has made, `{subject}` the order's."""


@dataclass(frozen=True)
class Case:
    """The calls of `operation` are those to `method` and `route`.

    `before`: events that end before the faults begin; then `events` come. `aged`: what was before was days ago.
    `made`: where the shop itself has made the order. `buys`: the customer completes the Checkout order, instead of
    `events` or once they have ended.
    """

    name: str
    operation: str
    method: str
    route: str
    ends: Ends
    before: tuple[Told, ...] = ()
    events: tuple[Told, ...] = ()
    aged: bool = False
    made: str = ""
    buys: bool = False


def ends(usual: End, after: End, before: End) -> Ends:
    """`after` and `before`: once a repeat is refused, and the lost call took effect or didn't."""
    names = iter(WAYS)
    return dict(zip(names, (usual, usual, usual, after, before), strict=True))


def shown(told: str, kind: str) -> Ends:
    """A read shows whether it took effect."""
    usual = End((told,), {kind: 1})
    return ends(usual, usual, End(("rejected NOT_ALLOWED",)))


def by_key(told: str, kind: str, look_up: str) -> Ends:
    """The key makes a repeat the same; nothing shows whether it took effect."""
    return ends(End((told,), {kind: 1}), stuck(look_up, {kind: 1}), stuck(look_up))


def stuck(look_up: str, took: dict[str, int] | None = None) -> End:
    return End(("attention_required answer_lost",), took or {}, look_up)


def read(usual: End, refused: End | None = None) -> Ends:
    """It has no effect; it is made again."""
    return ends(usual, refused or usual, refused or usual)


def _line(quantity: int) -> Json:
    given = {"reference": "A", "name": "A thing", "quantity": quantity, "unit_price": 500, "tax_rate": 0}
    return given | {"total_amount": 500 * quantity, "total_tax_amount": 0}


GOODS: Final[Json] = {"order_amount": 1000, "order_tax_amount": 0, "order_lines": [_line(2)]}
MORE: Final[Json] = {"order_amount": 1500, "order_tax_amount": 0, "order_lines": [_line(3)]}
BRITISH: Final[Json] = {"purchase_country": "GB", "purchase_currency": "GBP", "locale": "en-GB"}
PURCHASE: Final[Json] = {**BRITISH, **GOODS}
STARTED: Final[Json] = PURCHASE | {
    "merchant_urls": {
        "terms": "https://shop.example/terms",
        "checkout": "https://shop.example/checkout",
        "confirmation": "https://shop.example/thanks",
        "push": "https://shop.example/push",
    }
}
INFO: Final = {"shipping_info": [{"shipping_company": "Post", "tracking_number": "TR1"}]}
OF_S: Final = {"shipment_id": "s"}


def placed(**payment: object) -> Told:
    given = payment or {"authorization_token": "sbx-{subject}"}
    return "placed", PURCHASE | {"payment": {"provider": "klarna", **given}}


PLACED: Final = placed()
AUTO: Final = ("placed", PLACED[1] | {"auto_capture": True})
PART: Final = ("shipped", {**OF_S, "order_lines": [{"reference": "A", "quantity": 1}]})
REQUESTED: Final = (
    "customer_token_requested",
    BRITISH | {"authorization_token": "sbx-{subject}", "description": "A subscription", "intended_use": "SUBSCRIPTION"},
)
CHECKOUT_STARTED: Final = ("checkout_started", STARTED)
CHECKOUT_COMPLETED: Final = ("placed", BRITISH | {"payment": {"provider": "klarna", "checkout_order_id": "{made}"}})
