"""PATCH /v2/orders/{id}/lines: all changes of lines at once, with one authorization of the final state.

A line keeps its id, its type and its category. One of which a part was cancelled is replaced by a new one, for what was
cancelled stays counted there. Source: mollie/api-documentation, manage-order-lines.rst.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from ordersaga.domain.model.events import Amended, Data
from ordersaga.domain.model.fields import OrderLine
from ordersaga.domain.model.order import Line, Operation, Order, Request
from ordersaga.domain.model.results import Result, Snapshot, Succeeded, Unknown
from ordersaga.providers.http import Answer
from ordersaga.providers.limits import Messages
from ordersaga.providers.mollie import books, limits
from ordersaga.providers.mollie.lines import described, priced, reference_of, whole
from ordersaga.providers.mollie.money import amount
from ordersaga.providers.mollie.operation import MollieOperation
from ordersaga.providers.mollie.requests import Json, body_of, within_order, write

_SHOWN: Final = ("name", "quantity", "totalAmount", "unitPrice", "vatRate")


def _freeze(order: Order, operation: Operation, _data: Data | None, after: Order | None) -> Request:
    if after is None:
        raise ValueError(f"order {order.key.subject!r}: {operation.type} needs the order as it will be")
    operations = [*_cancelled(order, after), *_changed(order, after)]
    if not operations:  # Mollie wants one
        operations = [_same(after)]
    return write("PATCH", within_order(order, operation, "lines"), {"operations": operations})


def _cancelled(order: Order, after: Order) -> Iterator[Json]:
    kept = {line.id for line in after.lines}
    for line in order.lines:
        if line.id and line.id not in kept and line.quantity > line.captured_quantity + line.cancelled_quantity:
            yield {"operation": "cancel", "data": {"id": line.id}}


def _changed(order: Order, after: Order) -> Iterator[Json]:
    before = {line.id: given for line, given in _pairs(order) if line.id}
    for line, given in _pairs(after):
        if not line.id:
            yield {"operation": "add", "data": whole(given, order.currency)}
        elif changes := _changes(before.get(line.id), given, order.currency):
            yield {"operation": "update", "data": {"id": line.id, **changes}}


def _pairs(order: Order) -> Iterator[tuple[Line, OrderLine]]:
    return zip(order.lines, order.details.lines, strict=True)


def _changes(before: OrderLine | None, given: OrderLine, currency: str) -> Json:
    texts, old = described(given), {} if before is None else described(before)
    changes = {name: value for name, value in texts.items() if old.get(name) != value}
    if before is not None and priced(before, currency) == priced(given, currency):
        return changes
    return {**changes, "discountAmount": amount(0, currency), **priced(given, currency)}


def _same(after: Order) -> Json:
    line, given = next(_pairs(after))
    return {"operation": "update", "data": {"id": line.id, "name": given.name}}


def _limits(data: Amended) -> Messages:
    if data.order_amount < 1:
        yield "$.order_amount: at least 1"
    yield from limits.order_lines(data.order_lines)


def _success(answer: Answer, operation: Operation | None, correlation_id: str | None) -> Result:
    """The lines that are left, captured or not, are worth what was asked for."""
    seen = books.snapshot(answer.body, of_change=True)
    worth = sum(line.total - line.cancelled for line in seen.lines)
    if operation is not None and worth != operation.target:
        return Unknown("amount_differs", correlation_id, answer.status)
    return Succeeded(correlation_id=correlation_id, snapshot=seen)


def _shows(request: Request, seen: Snapshot) -> bool | None:
    """Mollie makes all changes or none; None: some are there, which other hands may have made."""
    lines: dict[str, Json] = seen.facts.get("lines", {})
    shown = [_is_shown(one, lines) for one in _operations(request)]
    return all(shown) if all(shown) or not any(shown) else None


def _operations(request: Request) -> Sequence[Json]:
    operations: Sequence[Json] = body_of(request)["operations"]
    return operations


def _is_shown(one: Json, lines: dict[str, Json]) -> bool:
    data, line = one["data"], lines.get(one["data"].get("id", ""))
    match one["operation"]:
        case "cancel":
            return line is None or not line["left"]
        case "update":
            return line is not None and _has(line, data)
        case _:
            reference = reference_of(data.get("sku"), data.get("metadata"))
            return any(
                there["reference"] == reference and not there["canceled"] and _has(there, data)
                for there in lines.values()
            )


def _has(line: Json, data: Json) -> bool:
    return all(line[name] == data[name] for name in _SHOWN if name in data)


AMEND: Final = MollieOperation(name="amend", freeze=_freeze, limits={Amended: _limits}, success=_success, shows=_shows)
