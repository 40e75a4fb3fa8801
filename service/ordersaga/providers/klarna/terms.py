"""Klarna's own rules, pure: what it takes, how its requests look, how long it remembers them."""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Final

from msgspec import UNSET, Struct

from ordersaga.domain.model.events import CheckoutUpdated, Data, Placed
from ordersaga.domain.model.fields import PartLine
from ordersaga.domain.model.order import Key, Operation, OperationType, Order, Request
from ordersaga.domain.model.results import Snapshot
from ordersaga.providers.klarna import checkout, limits
from ordersaga.providers.klarna.operations import cancel_customer_token, create_order
from ordersaga.providers.klarna.operations.table import LIMITS, OPERATIONS

_DAY: Final = 86_400
_RETURN_FEE_MARKETS: Final = frozenset(
    ("AT", "DE", "DK", "FI", "FR", "NL", "NO", "SE", "IT", "ES", "IE", "PT", "CZ", "AU", "GR")
)
_WAYS: Final = ("authorization_token", "order_id", "customer_token", "checkout_order_id", "tokenize")


class KlarnaTerms(Struct, frozen=True):
    """`authorization_days`: the merchant's period, 28 unless agreed otherwise. `extends`: see the port.

    `notified_at`: the address for notifications of what an operation, by its id, makes for an order.
    `checkout_urls`: `merchant_urls` that lead here, for Checkout orders whose shop gives none of its own.
    """

    authorization_days: int = 28
    extends: bool = False
    notified_at: Callable[[Key, str], str] | None = None
    checkout_urls: Mapping[str, str] = {}

    whole_lines: ClassVar[bool] = False
    refund_per_capture: ClassVar[bool] = True
    follows_others: ClassVar[bool] = False

    def refusals(self, data: Data) -> list[str]:
        if isinstance(data, CheckoutUpdated):
            data = checkout.with_required_urls(data, self.checkout_urls)
        return limits.first(message for check in LIMITS.get(type(data), ()) for message in check(data))

    def supports(self, operation: OperationType, data: Placed | None = None) -> bool:
        if data is None:
            return operation in OPERATIONS
        way = frozenset(name for name in _WAYS if getattr(data.payment, name) is not UNSET)
        return data.payment.provider == "klarna" and way in OPERATIONS[operation].ways

    def reduction(self, order: Order, *, to_nothing: bool) -> OperationType:
        """A part is taken off by telling Klarna what is left."""
        if not to_nothing:
            return "amend"
        return "release" if order.captured_amount or order.status == "captured" else "cancel"

    def freeze(self, order: Order, operation: Operation, data: Data | None, after: Order | None = None) -> Request:
        row = OPERATIONS[operation.type]
        if row.freeze is None:
            raise ValueError(f"order {order.key.subject!r}: {operation.type} is a read, it has no request to freeze")
        if isinstance(data, CheckoutUpdated):
            data = checkout.with_urls(data, self.checkout_urls)
        request = row.freeze(after or order, operation, data)
        if row.notified is None or self.notified_at is None:
            return request
        return row.notified(request, self.notified_at(order.key, operation.id))

    def revocation(self, request: Request) -> Request:
        return create_order.revocation(request)

    def reading(self, request: Request) -> Request:
        return cancel_customer_token.reading(request)

    def token_reading(self, token: str) -> Request:
        return cancel_customer_token.token_reading(token)

    def key_seconds(self, operation: OperationType) -> float:
        return OPERATIONS[operation].key_seconds

    def keeps_reference(self, operation: OperationType) -> bool:  # noqa: ARG002 - the same for all of Klarna's
        """Captures and refunds bear a `reference`."""
        return True

    def shows(self, operation: OperationType, request: Request, seen: Snapshot) -> bool | None:
        shows = OPERATIONS[operation].shows
        return None if shows is None else shows(request, seen)

    def part_refusals(self, order: Order, named: Sequence[PartLine]) -> list[str]:  # noqa: ARG002 - it takes any part
        return []

    def return_fee_refusals(self, order: Order) -> list[str]:
        """Klarna keeps a fee back only where one capture took the whole order, and in some markets."""
        refusals = []
        if len(order.captures) != 1 or order.captures[0].amount != order.order_amount:
            refusals.append("$.return_fee: only for an order that one capture took whole")
        if order.country.upper() not in _RETURN_FEE_MARKETS:
            refusals.append(f"$.return_fee: not in {order.country or 'this market'}")
        return refusals

    def expiry(self, now: float) -> float:
        """The period ends at midnight UTC (2022-07-08T09:48 + 28 days is 2022-08-05T00:00)."""
        return (now + self.authorization_days * _DAY) // _DAY * _DAY
