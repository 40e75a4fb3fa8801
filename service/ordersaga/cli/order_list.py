"""`ordersaga order list`."""

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from ordersaga.cli.output import CommandError, console, money, print_json, table
from ordersaga.domain.model.order import Status, WaitsFor

if TYPE_CHECKING:
    from ordersaga.store.listings import OrderSummary


async def list_(
    *,
    id_: Annotated[str | None, Parameter(name="--id")] = None,
    merchant: str | None = None,
    status: Status | None = None,
    attention: str | None = None,
    any_attention: bool = False,
    waits_for: Literal["person", "provider"] | WaitsFor | None = None,
    overdue: float | None = None,
    limit: int = 100,
    after: str | None = None,
    json: bool = False,
) -> None:
    """List orders, by merchant and the shop's id.

    Parameters
    ----------
    id_
        Only the order with this id: the shop's, the provider's, of a capture or a refund, or of its dead letter.
    merchant
        Only of this merchant.
    status
        Only those with this status.
    attention
        Only those whose latest attention has this reason.
    any_attention
        Only those with an attention.
    waits_for
        Only those that wait for this.
    overdue
        Only those that have been due for at least so many seconds.
    limit
        How many at most.
    after
        Only those after this one: the last of the previous page. It needs --merchant.
    json
        Print one JSON array; amounts in minor units, times in seconds since 1970.

    """
    from ordersaga import config

    if after is not None and merchant is None:
        raise CommandError("--after needs --merchant", 2)
    settings = config.load(config.StoreSettings)
    from ordersaga.cli.connections import opened_store
    from ordersaga.domain.model.order import Key
    from ordersaga.operating.orders import list_orders
    from ordersaga.store.listings import OrderFilter

    wanted = OrderFilter(
        merchant=merchant,
        status=status,
        attention=attention or ("*" if any_attention else None),
        waits_for=waits_for,
        overdue=overdue,
        after=None if after is None else Key(merchant or "", "order", after),
    )
    async with opened_store(settings) as store:
        found = await list_orders(store, wanted, limit, id_, config.PROVIDERS)
    if json:
        print_json(found)
    elif found:
        columns = (
            "merchant",
            "order",
            "status",
            "#ordered",
            "#captured",
            "#refunded",
            "",
            "waits for",
            "overdue",
            "attention",
        )
        table("Orders", columns, map(_cells, found))
    else:
        console().print("There are no such orders.")


def _cells(one: "OrderSummary") -> tuple[str | None, ...]:
    amounts = (one.order_amount, one.captured_amount, one.refunded_amount)
    overdue = None if one.overdue is None else f"{one.overdue:,.0f} s"
    return (
        one.merchant,
        one.subject,
        one.status,
        *(money(amount, one.currency) for amount in amounts),
        one.currency,
        one.waits_for,
        overdue,
        one.attention,
    )
