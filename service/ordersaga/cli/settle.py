"""`ordersaga order settle`: settles a stuck operation by hand."""

from typing import TYPE_CHECKING, Literal

from ordersaga.cli.output import CommandError, console

if TYPE_CHECKING:
    from ordersaga.domain.uncertainty.manual import Verdict
    from ordersaga.operating.manual_settlement import SettledManually


async def settle(
    subject: str,
    operation_id: str,
    /,
    *,
    by: str,
    took_effect: bool = False,
    provider_id: str | None = None,
    had_no_effect: bool = False,
    reason: str | None = None,
    try_again: bool = False,
    merchant: str = "default",
    kind: Literal["order", "subscription"] = "order",
) -> None:
    """Record the result of a stuck operation. Look it up at the provider first.

    Parameters
    ----------
    subject
        The shop's order id, or the id of a subscription.
    operation_id
        As `order show` prints it.
    by
        Who records it, for the journal.
    took_effect
        The provider carried it out.
    provider_id
        Its id at the provider: of the order, capture or refund, or the customer token. Other operations have none.
    had_no_effect
        The provider didn't carry it out: its event is rejected.
    reason
        Why it had no effect. The shop gets it.
    try_again
        Look for evidence once more.
    merchant
        The order's merchant.
    kind
        Whether the id is that of an order or of a subscription.

    """
    verdict = _verdict(took_effect, provider_id, had_no_effect, reason, try_again)
    from ordersaga import config

    settings = config.load()
    from ordersaga.cli.connections import opened_store_and_rulebook
    from ordersaga.domain.model.order import Key
    from ordersaga.operating.manual_settlement import ManualSettlement

    async with opened_store_and_rulebook(settings) as (store, rulebook):
        settlement = ManualSettlement(store, settings.merchants.keys(), rulebook, settings.instance)
        settled = await settlement.settle(Key(merchant, kind, subject), operation_id, verdict, by)
    console().print(_line(settled), highlight=False, markup=False)


def _verdict(
    took_effect: bool, provider_id: str | None, had_no_effect: bool, reason: str | None, try_again: bool
) -> "Verdict":
    from ordersaga.domain.uncertainty.manual import HadNoEffect, TookEffect, TryAgain

    if [took_effect, had_no_effect, try_again].count(True) != 1:
        raise CommandError("give one of --took-effect, --had-no-effect and --try-again", 2)
    if provider_id is not None and not took_effect:
        raise CommandError("--provider-id is only for --took-effect", 2)
    if (reason is not None) is not had_no_effect:
        raise CommandError("--had-no-effect needs a --reason, and nothing else takes one", 2)
    if took_effect:
        return TookEffect(provider_id)
    return TryAgain() if reason is None else HadNoEffect(reason)


def _line(settled: "SettledManually") -> str:
    if not settled.ended:
        return "It continues: the worker asks the provider, and `ordersaga order show` shows the result."
    outcomes = ", ".join(f"{one.what} (final)" if one.final else one.what for one in settled.outcomes)
    return f"Settled: {outcomes}."
