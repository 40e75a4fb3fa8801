"""`ordersaga order explain` and `ordersaga order check`."""

import sys
from typing import TYPE_CHECKING

from ordersaga.cli.output import at, console, money, print_json, table

if TYPE_CHECKING:
    from ordersaga.operating.checking import Comparison
    from ordersaga.operating.explaining import Explanation


async def explain(order: str, /, *, merchant: str | None = None, json: bool = False) -> None:
    """Say in sentences whether money is taken, what an order waits for, until when, and what to do.

    Parameters
    ----------
    order
        Any of its ids: the shop's, the provider's, of a capture or a refund, or of its dead letter.
    merchant
        The order's merchant. Default: any.
    json
        Print one JSON object.

    """
    import time

    from ordersaga import config

    settings = config.load()
    from ordersaga.cli.connections import opened_store_and_rulebook
    from ordersaga.cli.output import CommandError
    from ordersaga.operating.explaining import explain as explained_by
    from ordersaga.operating.orders import find_order, open_dead_letters, read_order

    async with opened_store_and_rulebook(settings) as (store, rulebook):
        key = await find_order(store, order, merchant, config.PROVIDERS)
        if key.merchant not in settings.merchants:
            raise CommandError(f"merchant {key.merchant!r} isn't configured")
        view = await read_order(store, key)
        explanation = explained_by(
            view, await store.paused(), time.time(), rulebook.of(key.merchant), await open_dead_letters(store, key)
        )
    if json:
        print_json(explanation)
    else:
        _print_explanation(explanation)


def _print_explanation(one: "Explanation") -> None:
    sys.stdout.write(f"{one.kind.capitalize()} {one.subject} of merchant {one.merchant} is {one.status}.\n")
    for title, sentences in (("Money", one.money), ("Waits for", one.waits), ("To do", one.to_do)):
        sys.stdout.write(f"\n{title}\n")
        sys.stdout.writelines(f"  {sentence}\n" for sentence in sentences)


async def check(order: str, /, *, merchant: str | None = None, json: bool = False) -> int:
    """Read an order at the provider now, and print its amounts there beside ours. Nothing is changed.

    Exits with 1 if they differ.

    Parameters
    ----------
    order
        Any of its ids: the shop's, the provider's, of a capture or a refund, or of its dead letter.
    merchant
        The order's merchant. Default: any.
    json
        Print one JSON object; amounts in minor units.

    """
    from ordersaga import config

    settings = config.load()
    from ordersaga.cli.connections import opened_store_and_reads
    from ordersaga.operating.checking import Check
    from ordersaga.operating.orders import find_order

    async with opened_store_and_reads(settings) as (store, reads):
        key = await find_order(store, order, merchant, config.PROVIDERS)
        comparison = await Check(store, reads).check(key)
    if json:
        print_json(comparison)
    else:
        _print_comparison(comparison)
    return 0 if comparison.agree else 1


def _print_comparison(one: "Comparison") -> None:
    rows: list[tuple[str | None, ...]] = []
    for row in one.amounts:
        amounts = (money(row.ours, one.currency), money(row.theirs, one.currency))
        rows.append((f"{row.name} {one.currency}", *amounts, "differs" if row.differs else None))
    rows.append(("status", one.our_status, ", ".join(filter(None, (one.their_status, one.their_fraud_status))), None))
    rows.append(("authorized until", None, at(one.their_expires_at), None))
    title = f"{one.kind.capitalize()} {one.subject} of merchant {one.merchant}, {one.provider} {one.provider_order_id}"
    table(title, ("", "#ordersaga", "#provider", ""), rows)
    for text, names in (
        ("Only at ordersaga", one.only_ours),
        ("Only at the provider", one.only_theirs),
        ("Under way, and perhaps there already", one.under_way),
    ):
        if names:
            console().print(f"{text}: {', '.join(names)}", markup=False)
    console().print("The amounts agree." if one.agree else "The amounts differ.")
