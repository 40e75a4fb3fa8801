"""Mollie's own rules, pure: what it takes, how its requests look, how long it remembers them."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar, Final

from msgspec import UNSET, Struct

from ordersaga.domain.model.events import Data, Placed
from ordersaga.domain.model.fields import PartLine
from ordersaga.domain.model.order import Key, Operation, OperationType, Order, Request
from ordersaga.domain.model.results import Snapshot
from ordersaga.providers import limits
from ordersaga.providers.mollie import lines
from ordersaga.providers.mollie.operations.table import LIMITS, OPERATIONS
from ordersaga.providers.mollie.requests import with_fields

_PERIOD: Final = 28 * 86_400.0
_WAYS: Final = (
    "authorization_token",
    "order_id",
    "customer_token",
    "checkout_order_id",
    "tokenize",
    "redirect_url",
)


class MollieTerms(Struct, frozen=True):
    """`notified_at`: the address for notifications of a kind ("order", "payment") of what an operation, by its id, makes for an order.

    `profile_id` and `testmode` belong to an access token: an API key has both in itself, and Mollie refuses them with it.
    """

    notified_at: Callable[[Key, str, str], str] | None = None
    profile_id: str | None = None
    testmode: bool = False

    extends: ClassVar[bool] = False
    whole_lines: ClassVar[bool] = True
    refund_per_capture: ClassVar[bool] = False
    follows_others: ClassVar[bool] = True

    def refusals(self, data: Data) -> list[str]:
        return limits.first(message for check in LIMITS.get(type(data), ()) for message in check(data))

    def supports(self, operation: OperationType, data: Placed | None = None) -> bool:
        if data is None or operation not in OPERATIONS:
            return operation in OPERATIONS
        way = frozenset(name for name in _WAYS if getattr(data.payment, name) is not UNSET)
        return data.payment.provider == "mollie" and way in OPERATIONS[operation].ways

    def reduction(self, order: Order, *, to_nothing: bool) -> OperationType:
        if not to_nothing:
            return "cancel_lines"
        return "release" if order.captured_amount or order.status == "captured" else "cancel"

    def freeze(self, order: Order, operation: Operation, data: Data | None, after: Order | None = None) -> Request:
        row = OPERATIONS[operation.type]
        if row.freeze is None:
            raise ValueError(f"order {order.key.subject!r}: {operation.type} is a read, it has no request to freeze")
        request = row.freeze(order, operation, data, after)
        if row.notified is not None and self.notified_at is not None:
            request = row.notified(request, partial(self.notified_at, order.key, operation.id))
        of_token = self._of_token(names_profile=row.names_profile)
        return with_fields(request, of_token) if of_token else request

    def _of_token(self, *, names_profile: bool) -> dict[str, Any]:
        given: dict[str, Any] = {"testmode": True} if self.testmode else {}
        if names_profile and self.profile_id is not None:
            given["profileId"] = self.profile_id
        return given

    def revocation(self, request: Request) -> Request:
        raise AssertionError(f"{request.method} {request.path}: no operation of Mollie's is proven by withdrawing it")

    def reading(self, request: Request) -> Request:
        raise AssertionError(f"{request.method} {request.path}: no operation of Mollie's is of a customer token")

    def token_reading(self, token: str) -> Request:  # noqa: ARG002 - a secret, which no text may tell
        raise AssertionError("no operation of Mollie's makes a customer token")

    def key_seconds(self, operation: OperationType) -> float:
        return OPERATIONS[operation].key_seconds

    def keeps_reference(self, operation: OperationType) -> bool:
        """Refunds bear our id in their metadata, shipments have none."""
        return OPERATIONS[operation].keeps_reference

    def shows(self, operation: OperationType, request: Request, seen: Snapshot) -> bool | None:
        shows = OPERATIONS[operation].shows
        return None if shows is None else shows(request, seen)

    def part_refusals(self, order: Order, named: Sequence[PartLine]) -> list[str]:
        return lines.part_refusals(order, named)

    def return_fee_refusals(self, order: Order) -> list[str]:  # noqa: ARG002 - it is kept by refunding less
        return []

    def expiry(self, now: float) -> float:
        """Of an authorization: 28 days, unless agreed otherwise. A read tells it exactly."""
        return now + _PERIOD
