"""Exact integer arithmetic on minor units."""


def divide(numerator: int, denominator: int) -> int:
    """The quotient, rounded half away from zero. `denominator` isn't 0."""
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    quotient = (2 * abs(numerator) + denominator) // (2 * denominator)
    return quotient if numerator >= 0 else -quotient


def tax_of(amount: int, rate: int) -> int:
    """The tax in a gross amount; `rate` in hundredths of a percent."""
    return divide(amount * rate, 10_000 + rate) if rate > -10_000 else 0


def between(value: int, one: int, other: int) -> int:
    """`value`, brought into the range that the two bounds span."""
    low, high = (one, other) if one <= other else (other, one)
    return min(max(value, low), high)


def part_worth(total: int, quantity: int, gone_after: int, earlier: int) -> int:
    """What the next part of a line is worth, when `gone_after` of `quantity` will be gone and the earlier parts were worth `earlier`."""
    if gone_after >= quantity:
        return total - earlier
    return between(divide(total * gone_after, quantity) - earlier, 0, total - earlier)
