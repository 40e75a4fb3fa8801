"""POST /ordermanagement/v1/orders/{id}/refunds."""

from functools import partial
from typing import Final

from msgspec import UNSET, UnsetType

from ordersaga.domain.model.events import Data, Returned, ReturnFee
from ordersaga.domain.model.money import tax_of
from ordersaga.domain.model.order import Operation, Order, Request
from ordersaga.providers.klarna import limits
from ordersaga.providers.klarna.answers import created_id
from ordersaga.providers.klarna.limits import Messages
from ordersaga.providers.klarna.lines import Sent, lines_of, parts_of
from ordersaga.providers.klarna.operation import KlarnaOperation
from ordersaga.providers.klarna.requests import given, write


def _freeze(order: Order, operation: Operation, data: Data | None) -> Request:
    returned = data if isinstance(data, Returned) else Returned()
    parts = parts_of(order, operation.allocations)
    body = {
        "refunded_amount": operation.amount,
        "reference": operation.id,
        **given(returned, ("description",)),
        **lines_of(parts, operation.amount, _fee_line(operation.kept, returned.return_fee)),
    }
    return write("POST", order, operation, "refunds", body)


def _fee_line(kept: int, fee: ReturnFee | UnsetType) -> tuple[Sent, ...]:
    if not kept:
        return ()
    named = ReturnFee(amount=kept) if fee is UNSET else fee
    return (
        Sent(
            type="return_fee",
            name=named.name,
            quantity=1,
            unit_price=-kept,
            tax_rate=named.tax_rate,
            total_amount=-kept,
            total_discount_amount=0,
            total_tax_amount=tax_of(-kept, named.tax_rate),
        ),
    )


def _limits(data: Returned) -> Messages:
    yield from limits.part_lines(data.order_lines)
    yield from limits.amount("$.refunded_amount", data.refunded_amount)
    yield from limits.text("$.description", data.description, 255)
    if data.return_fee is not UNSET:
        yield from limits.amount("$.return_fee.amount", data.return_fee.amount)
        yield from limits.text("$.return_fee.name", data.return_fee.name, 255, 1)
        yield from limits.rate("$.return_fee.tax_rate", data.return_fee.tax_rate)


REFUND: Final = KlarnaOperation(
    name="refund", freeze=_freeze, limits={Returned: _limits}, success=partial(created_id, "refund-id")
)
