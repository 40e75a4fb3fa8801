"""`ordersaga order show`: an order with its journal, without personal data."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, Literal

from ordersaga.cli.output import at, console, counted, money, table, to_second

if TYPE_CHECKING:
    from ordersaga.domain.model.order import Order
    from ordersaga.domain.model.outcomes import Entry
    from ordersaga.store.dead_letters import DeadLetterSummary
    from ordersaga.store.reads import OrderView

_MOST: Final = 100
"""Columns."""


async def show(
    subject: str,
    /,
    *,
    merchant: str = "default",
    kind: Literal["order", "subscription"] = "order",
    json: bool = False,
) -> None:
    """Print an order with its operations and its journal, without personal data.

    Parameters
    ----------
    subject
        The shop's order id.
    merchant
        The order's merchant.
    kind
        Whether the id is that of an order or of a subscription.
    json
        Print one JSON object; amounts in minor units, times in seconds since 1970.

    """
    from ordersaga import config

    settings = config.load(config.StoreSettings)
    from ordersaga.cli.connections import opened_store
    from ordersaga.domain.model.order import Key
    from ordersaga.operating.orders import open_dead_letters, show_order, with_names

    async with opened_store(settings) as store:
        shown = await show_order(store, Key(merchant, kind, subject))
        dead_letters = await open_dead_letters(store, shown.order.key)
    if json:
        import msgspec

        text = msgspec.json.encode(with_names(shown, dead_letters))
        sys.stdout.write(msgspec.json.format(text).decode() + "\n")
    else:
        _print(shown, dead_letters)


def _print(shown: "OrderView", dead_letters: "Sequence[DeadLetterSummary]") -> None:
    order = shown.order
    _print_head(shown, dead_letters)
    if order.lines:
        _print_lines(order)
    _print_captures_and_refunds(order)
    if order.operations:
        _print_operations(order)
    if order.pending:
        waiting = (
            (_lines(one.cause.type, one.cause.id), one.waits_for, to_second(one.arrived), to_second(one.deadline))
            for one in order.pending
        )
        _table("Waiting events", ("event", "waits for", "since (UTC)", "until (UTC)"), waiting)
    _print_journal(shown)


def _table(title: str, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    table(title, columns, rows, most=_MOST)


def _lines(*parts: str | None) -> str:
    return "\n".join(part for part in parts if part)


def _print_head(shown: "OrderView", dead_letters: "Sequence[DeadLetterSummary]") -> None:
    order = shown.order
    to_pay = order.status == "pending_payment"
    facts = {
        "status": order.status,
        "fraud status": order.fraud_status,
        "provider": " ".join(part for part in (order.provider, order.provider_order_id) if part) or None,
        "ordered": _sum(order, order.order_amount),
        "captured": _sum(order, order.captured_amount),
        "released": _sum(order, order.released_amount),
        "refunded": _sum(order, order.refunded_amount),
        "to be paid" if to_pay else "remaining": _sum(order, order.remaining),
        "to be paid until" if to_pay else "authorized until": at(order.expires_at),
        "due": at(shown.due_at),
        "leased": f"{shown.lease_owner or 'a worker'} until {at(shown.lease_until)}" if shown.lease_until else None,
        "blocked by dead letter": order.blocked,
        "open dead letters": _lines(*(f"{one.id} {one.code}" for one in dead_letters)),
        "attention": _lines(*(f"{one.reason}, since {at(one.since)}" for one in order.attentions)) or shown.attention,
        "placed": at(order.placed_at),
        "changed": at(shown.updated_at),
    }
    rows = [(name, value) for name, value in facts.items() if value]
    _table(f"{order.key.kind.capitalize()} {order.key.subject} of merchant {order.key.merchant}", ("", ""), rows)


def _sum(order: "Order", minor: int) -> str:
    return f"{money(minor, order.currency)} {order.currency}".rstrip()


def _print_lines(order: "Order") -> None:
    columns = ("reference", "type", "#quantity", "#total", "#captured", "#cancelled", "#refunded")
    rows = (
        (
            line.reference,
            line.type,
            line.quantity,
            money(line.total, order.currency),
            _part(line.captured_quantity, line.captured, order.currency),
            _part(line.cancelled_quantity, line.cancelled, order.currency),
            _part(line.refunded_quantity, line.refunded, order.currency),
        )
        for line in order.lines
    )
    _table("Lines", columns, rows)


def _part(quantity: int, minor: int, currency: str) -> str | None:
    return f"{quantity} for {money(minor, currency)}" if quantity or minor else None


def _print_captures_and_refunds(order: "Order") -> None:
    rows = [("capture", one.id, money(one.amount, order.currency)) for one in order.captures]
    for one in order.refunds:
        of = f"of {one.capture_id}" if one.capture_id else None
        rows.append(("refund", _lines(one.id, of), money(one.amount, order.currency)))
    if rows:
        _table("Captures and refunds", ("", "id at the provider", "#amount"), rows)


def _print_operations(order: "Order") -> None:
    rows = (
        (
            _lines(one.type, one.id),
            money(one.amount, order.currency),
            _lines(one.stage, counted(one.attempts, "attempt"), "unknown" if one.unknown else None),
            _lines(f"opened {to_second(one.opened)}", f"sent {to_second(one.last_sent)}" if one.last_sent else None),
        )
        for one in order.operations
    )
    _table("Operations (the first is the current one)", ("operation", "#amount", "stage", "times (UTC)"), rows)


def _print_journal(shown: "OrderView") -> None:
    if not shown.journal:
        console().print("The journal is empty.")
        return
    rows = (
        (to_second(one.at), one.what, money(one.amount, shown.order.currency), _lines(*_described(one)))
        for one in shown.journal
    )
    _table("Journal", ("at (UTC)", "what", "#amount", "name, id, result"), rows)


def _described(entry: "Entry") -> Iterator[str | None]:
    yield entry.name
    yield entry.event_id or entry.operation_id
    duration = None if entry.duration is None else f"{round(entry.duration * 1000)} ms"
    status = None if entry.status is None else f"status {entry.status}"
    yield ", ".join(part for part in (status, duration, entry.note) if part)
    yield None if entry.correlation_id is None else f"correlation {entry.correlation_id}"
