"""`ordersaga attention`: open requests to an operator."""

import getpass
from typing import Literal

from ordersaga.cli.output import at, console, print_json, table


async def list_(
    *,
    state: Literal["open", "resolved"] = "open",
    merchant: str | None = None,
    reason: str | None = None,
    order: str | None = None,
    older_than: float | None = None,
    limit: int = 100,
    after: int | None = None,
    json: bool = False,
) -> None:
    """List attentions, the longest open first.

    Parameters
    ----------
    state
        Only those in this state.
    merchant
        Only of this merchant.
    reason
        Only those with this reason.
    order
        Only of the order with this id of the shop.
    older_than
        Only those that were raised more than so many hours ago.
    limit
        How many at most.
    after
        Only those after this one: the last of the previous page.
    json
        Print one JSON array.

    """
    import time

    from ordersaga import config

    settings = config.load(config.StoreSettings)
    from ordersaga.cli.connections import opened_store
    from ordersaga.operating.attentions import list_attentions
    from ordersaga.store.attentions import AttentionFilter

    before = None if older_than is None else time.time() - older_than * 3600
    wanted = AttentionFilter(state=state, merchant=merchant, reason=reason, subject=order, before=before, after=after)
    async with opened_store(settings) as store:
        found = await list_attentions(store, wanted, limit)
    if json:
        print_json(found)
    elif found:
        rows = ((one.id, at(one.since), one.reason, one.merchant, one.subject, one.advice) for one in found)
        table(f"Attentions, {state}", ("#id", "since (UTC)", "reason", "merchant", "order", "to do"), rows)
    else:
        console().print(f"There are no {state} attentions.")


async def show(attention: int, /, *, json: bool = False) -> None:
    """Print an attention, with what to do.

    Parameters
    ----------
    attention
        Its id.
    json
        Print one JSON object.

    """
    from ordersaga import config

    settings = config.load(config.StoreSettings)
    from ordersaga.cli.connections import opened_store
    from ordersaga.operating.attentions import get_attention

    async with opened_store(settings) as store:
        one = await get_attention(store, attention)
    if json:
        print_json(one)
        return
    facts = {
        "merchant": one.merchant,
        one.kind: one.subject,
        "reason": one.reason,
        "operation": one.operation_id,
        "since (UTC)": at(one.since),
        "until (UTC)": at(one.until),
        "resolved by": one.resolved_by,
        "to do": one.advice,
    }
    table(f"Attention {one.id}", ("", ""), ((name, value) for name, value in facts.items() if value))


async def resolve(attention: int, /, *, by: str | None = None) -> None:
    """Close an attention that you have looked into. An order that it stopped goes on.

    Parameters
    ----------
    attention
        Its id.
    by
        Who resolves it, for the record. Default: the system's user.

    """
    from ordersaga import config

    settings = config.load()
    from ordersaga.cli.connections import opened_store_and_rulebook
    from ordersaga.operating.attentions import Attentions

    async with opened_store_and_rulebook(settings) as (store, rulebook):
        attentions = Attentions(store, settings.merchants.keys(), rulebook, settings.instance)
        resolved = await attentions.resolve(attention, by or getpass.getuser())
    left = f" Still open: {', '.join(resolved.left)}." if resolved.left else ""
    goes_on = "The order goes on." if resolved.continues else "The order waits for `ordersaga order settle`."
    console().print(f"Resolved. {goes_on}{left}", markup=False)
