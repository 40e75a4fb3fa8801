"""`ordersaga order show`: an order with its journal, without personal data."""

import sys
from typing import TYPE_CHECKING, Literal

from ordersaga.cli.output import at, console, money, table

if TYPE_CHECKING:
    from ordersaga.domain.model.order import Order
    from ordersaga.store.reads import OrderView


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
    from ordersaga.operating.orders import show_order

    async with opened_store(settings) as store:
        shown = await show_order(store, Key(merchant, kind, subject))
    if json:
        import msgspec

        sys.stdout.write(msgspec.json.format(msgspec.json.encode(shown)).decode() + "\n")
    else:
        _print(shown)


def _print(shown: "OrderView") -> None:
    order = shown.order
    _print_head(shown)
    if order.lines:
        _print_lines(order)
    _print_captures_and_refunds(order)
    if order.operations:
        _print_operations(order)
    if order.pending:
        waiting = (
            (one.cause.type, one.cause.id, one.waits_for, at(one.arrived), at(one.deadline)) for one in order.pending
        )
        table("Waiting events", ("event", "id", "waits for", "since (UTC)", "until (UTC)"), waiting)
    _print_journal(shown)


def _print_head(shown: "OrderView") -> None:
    order = shown.order
    facts = {
        "status": order.status,
        "fraud status": order.fraud_status,
        "provider": " ".join(part for part in (order.provider, order.provider_order_id) if part) or None,
        "ordered": _sum(order, order.order_amount),
        "captured": _sum(order, order.captured_amount),
        "released": _sum(order, order.released_amount),
        "refunded": _sum(order, order.refunded_amount),
        "remaining": _sum(order, order.remaining),
        "authorized until": at(order.expires_at),
        "due": at(shown.due_at),
        "leased": f"{shown.lease_owner or 'a worker'} until {at(shown.lease_until)}" if shown.lease_until else None,
        "blocked by dead letter": order.blocked,
        "attention": "; ".join(f"{one.reason}, since {at(one.since)}" for one in order.attentions) or shown.attention,
        "placed": at(order.placed_at),
        "changed": at(shown.updated_at),
    }
    rows = [(name, value) for name, value in facts.items() if value]
    table(f"{order.key.kind.capitalize()} {order.key.subject} of merchant {order.key.merchant}", ("", ""), rows)


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
    table("Lines", columns, rows)


def _part(quantity: int, minor: int, currency: str) -> str | None:
    return f"{quantity} for {money(minor, currency)}" if quantity or minor else None


def _print_captures_and_refunds(order: "Order") -> None:
    rows: list[tuple[str | None, ...]] = [
        ("capture", one.id, money(one.amount, order.currency), None) for one in order.captures
    ]
    rows += [("refund", one.id, money(one.amount, order.currency), one.capture_id) for one in order.refunds]
    if rows:
        table("Captures and refunds", ("", "id at the provider", "#amount", "of capture"), rows)


def _print_operations(order: "Order") -> None:
    columns = ("operation", "id", "#amount", "stage", "#attempts", "answer", "opened (UTC)", "last sent (UTC)")
    rows = (
        (
            one.type,
            one.id,
            money(one.amount, order.currency),
            one.stage,
            one.attempts,
            "unknown" if one.unknown else None,
            at(one.opened),
            at(one.last_sent),
        )
        for one in order.operations
    )
    table("Operations (the first is the current one)", columns, rows)


def _print_journal(shown: "OrderView") -> None:
    if not shown.journal:
        console().print("The journal is empty.")
        return
    columns = ("at (UTC)", "what", "name", "id", "#amount", "#status", "#ms", "note", "correlation id")
    rows = (
        (
            at(entry.at),
            entry.what,
            entry.name,
            entry.event_id or entry.operation_id,
            money(entry.amount, shown.order.currency),
            entry.status,
            None if entry.duration is None else round(entry.duration * 1000),
            entry.note,
            entry.correlation_id,
        )
        for entry in shown.journal
    )
    table("Journal", columns, rows)
