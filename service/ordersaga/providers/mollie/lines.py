"""Order lines as Mollie gets them, whole or in part.

Sources: mollie/api-documentation, create-order.rst (order line details), create-shipment.rst, cancel-order-lines.rst and
create-order-refund.rst: a part is named by the line's id and a quantity, and Mollie works its amount out; a line with a
discount is the exception, whose parts need an amount of at most unit price times quantity.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import UNSET

from ordersaga.domain.model.fields import OrderLine, PartLine
from ordersaga.domain.model.lines import captured_pool, open_pool
from ordersaga.domain.model.order import Allocation, Line, Operation, Order
from ordersaga.providers.mollie.money import amount, vat_amount, vat_rate
from ordersaga.providers.mollie.requests import Json

MOST_SKU: Final = 64
REFERENCE: Final = "reference"
"""In a line's metadata: a reference that is too long for a SKU."""


def whole(line: OrderLine, currency: str) -> Json:
    sent: Json = {"type": line.type, **described(line), **priced(line, currency)}
    if line.category is not UNSET:
        sent["category"] = line.category
    return sent


def described(line: OrderLine) -> Json:
    """What may change without money."""
    sent: Json = {"name": line.name}
    if 0 < len(line.reference) <= MOST_SKU:
        sent["sku"] = line.reference
    if line.image_url is not UNSET:
        sent["imageUrl"] = line.image_url
    if line.product_url is not UNSET:
        sent["productUrl"] = line.product_url
    metadata = metadata_of(line)
    if metadata:
        sent["metadata"] = metadata
    return sent


def metadata_of(line: OrderLine) -> Json:
    given = {} if line.metadata is UNSET else line.metadata
    return {**given, REFERENCE: line.reference} if len(line.reference) > MOST_SKU else given


def reference_of(sku: str | None, metadata: object) -> str:
    """The line's reference, as it was read."""
    told = metadata.get(REFERENCE) if isinstance(metadata, dict) else None
    return sku or (told if isinstance(told, str) else "")


def priced(line: OrderLine, currency: str) -> Json:
    """All that goes together when the price of a line is told. The VAT is Mollie's own sum, whatever the shop's is."""
    sent: Json = {
        "quantity": line.quantity,
        "unitPrice": amount(line.unit_price, currency),
        "totalAmount": amount(line.total_amount, currency),
        "vatRate": vat_rate(line.tax_rate),
        "vatAmount": amount(vat_amount(line.total_amount, line.tax_rate), currency),
    }
    if line.total_discount_amount:
        sent["discountAmount"] = amount(line.total_discount_amount, currency)
    return sent


def is_discounted(line: Line) -> bool:
    return line.quantity * line.unit_price != line.total


def parts(order: Order, operation: Operation) -> list[Json]:
    """The parts that the operation takes. Never empty, which would mean all that is left: ValueError."""
    entries = [_part(order, operation, allocation) for allocation in operation.allocations if allocation.quantity]
    if not entries:
        raise ValueError(f"order {order.key.subject!r}: {operation.type} takes no line, and Mollie would take all")
    return entries


def _part(order: Order, operation: Operation, allocation: Allocation) -> Json:
    line = order.lines[allocation.position]
    if not line.id:
        raise ValueError(
            f"order {order.key.subject!r}: {operation.type} takes line {line.reference!r}, which has no id at Mollie"
        )
    entry: Json = {"id": line.id, "quantity": allocation.quantity}
    if is_discounted(line) or allocation.amount != allocation.quantity * line.unit_price:
        entry["amount"] = amount(allocation.amount, order.currency)
    return entry


def can_be_told(order: Order, allocations: Iterable[Allocation]) -> bool:
    """Whether these parts can be named to Mollie, with just these amounts."""
    return all(_can_be_told(order.lines[one.position], one) for one in allocations)


def _can_be_told(line: Line, allocation: Allocation) -> bool:
    most = allocation.quantity * line.unit_price
    if not line.id or not allocation.quantity:
        return False
    return 0 <= allocation.amount <= most if is_discounted(line) else allocation.amount == most


def part_refusals(order: Order, named: Sequence[PartLine]) -> list[str]:
    """An amount that the shop gives for a part: on lines with a discount, within Mollie's limits."""
    refusals = []
    for position, part in enumerate(named):
        of_it = [line for line in order.lines if line.reference == part.reference]
        if part.total_amount is UNSET or _is_what_mollie_works_out(part, of_it):
            continue
        path = f"$.order_lines[{position}].total_amount"
        most = _most(part, of_it)
        if not all(map(is_discounted, of_it)):
            refusals.append(f"{path}: Mollie takes it on lines with a discount only")
        elif not 0 <= part.total_amount <= most:
            refusals.append(f"{path}: 0 to {most}, the unit price times the quantity")
    return refusals


def _is_what_mollie_works_out(part: PartLine, of_it: Sequence[Line]) -> bool:
    if part.quantity is not UNSET:
        return any(part.total_amount == part.quantity * line.unit_price for line in of_it)
    left = (
        sum(open_pool(line).left for line in of_it),
        sum(captured_pool(line).left for line in of_it),
    )
    return part.total_amount in left


def _most(part: PartLine, of_it: Sequence[Line]) -> int:
    price = max((line.unit_price for line in of_it), default=0)
    quantity = sum(line.quantity for line in of_it) if part.quantity is UNSET else part.quantity
    return price * quantity
