"""Klarna's own rules, pure: what it takes, how its requests look, how long it remembers them."""

from typing import Final, assert_never

from msgspec import UNSET, Struct

from ordersaga.domain.model.events import Data, Placed
from ordersaga.domain.model.order import Operation, OperationType, Order, Request
from ordersaga.providers.klarna import limits, order_management, payments

_DAY: Final = 86_400
_KEY_SECONDS: Final = 23 * 3_600.0  # Klarna keeps an Order Management key for 24 hours from the first attempt
_TOKEN_SECONDS: Final = 55 * 60.0  # and an authorization token for 60 minutes
_RETURN_FEE_MARKETS: Final = frozenset(
    ("AT", "DE", "DK", "FI", "FR", "NL", "NO", "SE", "IT", "ES", "IE", "PT", "CZ", "AU", "GR")
)
_WAYS: Final = ("authorization_token", "order_id", "customer_token", "checkout_order_id", "tokenize")


class KlarnaTerms(Struct, frozen=True):
    """`authorization_days`: the merchant's period, 28 unless agreed otherwise."""

    authorization_days: int = 28

    def refusals(self, data: Data) -> list[str]:
        return limits.refusals(data)

    def supports(self, operation: OperationType, data: Placed | None = None) -> bool:
        """Of `placed`: by a plain authorization token, or an order that the shop has made."""
        if data is None:
            return True
        ways = [way for way in _WAYS if getattr(data.payment, way) is not UNSET]
        return data.payment.provider == "klarna" and ways == [
            "order_id" if operation == "take_over" else "authorization_token"
        ]

    def freeze(self, order: Order, operation: Operation, data: Data | None) -> Request:
        match operation.type:
            case "create_order":
                return payments.create_order(order.key.subject, _placed(order, operation, data))
            case "cancel_authorization":
                return payments.cancel_authorization(_placed(order, operation, data))
            case "capture" | "refund" | "cancel" | "release" | "amend":
                return order_management.freeze(order, operation, data)
            case "take_over":
                raise ValueError("a take-over reads the order: there is no request to freeze")
            case _:
                assert_never(operation.type)

    def revocation(self, request: Request) -> Request:
        return payments.revocation(request)

    def key_seconds(self, operation: OperationType) -> float:
        match operation:
            case "create_order":
                return _TOKEN_SECONDS
            case "cancel_authorization" | "take_over":
                return 0.0
            case "capture" | "refund" | "cancel" | "release" | "amend":
                return _KEY_SECONDS
            case _:
                assert_never(operation)

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


def _placed(order: Order, operation: Operation, data: Data | None) -> Placed:
    if isinstance(data, Placed) and data.payment.authorization_token is not UNSET:
        return data
    raise ValueError(
        f"order {order.key.subject!r}: {operation.type} needs the placed event with its authorization token"
    )
