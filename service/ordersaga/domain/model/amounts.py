"""Do the amounts of a placed or amended order add up?"""

from collections.abc import Iterable, Sequence

from msgspec import UNSET

from ordersaga.domain.model.events import Amended, CheckoutUpdated, Placed
from ordersaga.domain.model.fields import NOT_GIVEN, OrderLine
from ordersaga.domain.model.money import tax_of


def line_tax(line: OrderLine) -> int:
    """The line's tax as given, else worked out from its rate."""
    given = line.total_tax_amount
    return tax_of(line.total_amount, line.tax_rate) if given is UNSET else given


def line_taxes(lines: Iterable[OrderLine]) -> list[int]:
    return [line_tax(line) for line in lines]


def order_tax(lines: Sequence[OrderLine], taxes: Sequence[int]) -> int:
    """The lines' taxes together. A `sales_tax` line is tax as a whole (the US way: no rates on the lines)."""
    return sum([line.total_amount if line.type == "sales_tax" else tax for line, tax in zip(lines, taxes, strict=True)])


def inconsistent_amounts(data: Placed | Amended | CheckoutUpdated) -> list[str]:
    """Every figure that doesn't add up, with its JSON path; empty: all do."""
    lines = () if data.order_lines is UNSET else data.order_lines
    if not lines and not isinstance(data, Amended):
        return []  # Checkout has them
    inconsistencies = _inconsistent_lines(lines)
    total = sum(line.total_amount for line in lines)
    if data.order_amount not in {total, NOT_GIVEN, UNSET}:
        inconsistencies.append(f"$.order_amount: {data.order_amount}, but the lines sum to {total}")
    given = UNSET if isinstance(data, Amended) else data.order_tax_amount
    if given is not UNSET:
        tax = order_tax(lines, line_taxes(lines))
        if abs(tax - given) > len(lines):
            inconsistencies.append(f"$.order_tax_amount: {given}, but the lines' taxes sum to {tax}")
    return inconsistencies


def _inconsistent_lines(lines: Sequence[OrderLine]) -> list[str]:
    inconsistencies = []
    for position, line in enumerate(lines):
        worth = line.quantity * line.unit_price - line.total_discount_amount
        if worth != line.total_amount:
            inconsistencies.append(
                f"$.order_lines[{position}].total_amount: {line.total_amount}, "
                f"but {line.quantity} x {line.unit_price} - {line.total_discount_amount} = {worth}"
            )
        given = line.total_tax_amount
        if given is not UNSET and _tax_off(line, given):
            tax = tax_of(line.total_amount, line.tax_rate)
            inconsistencies.append(
                f"$.order_lines[{position}].total_tax_amount: {given}, "
                f"but {line.total_amount} at rate {line.tax_rate} has {tax}"
            )
    return inconsistencies


def _tax_off(line: OrderLine, tax: int) -> bool:
    """More than 1 from the exact tax, before any rounding."""
    whole = 10_000 + line.tax_rate
    return abs(tax * whole - line.total_amount * line.tax_rate) > abs(whole)
