"""`ordersaga order settle`: a person's word on an operation that is stuck."""

from typing import TYPE_CHECKING

from ordersaga.cli.output import CommandError, console

if TYPE_CHECKING:
    from ordersaga.domain.model.outcomes import Decision
    from ordersaga.domain.uncertainty.manual import Verdict


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
) -> None:
    """Say what became of an operation that is stuck: look it up at the provider first.

    Parameters
    ----------
    subject
        The shop's id of the order.
    operation_id
        As `order show` prints it.
    by
        Who says so, for the journal.
    took_effect
        The provider did it.
    provider_id
        What it is called there: the id of the order, capture or refund. Others have none.
    had_no_effect
        The provider didn't do it: its event is rejected.
    reason
        Why; the shop is told.
    try_again
        Look for evidence once more.
    merchant
        Whose order.

    """
    verdict = _verdict(took_effect, provider_id, had_no_effect, reason, try_again)
    from ordersaga import config

    settings = config.load()
    from ordersaga.cli.wiring import opened
    from ordersaga.domain.model.order import Key
    from ordersaga.domain.uncertainty.manual import NotSettledError
    from ordersaga.operating.manual_settlement import ManualSettlement

    try:
        async with opened(settings) as (store, rulebook):
            settling = ManualSettlement(store, settings.merchants.keys(), rulebook, settings.instance)
            decision = await settling.settle(Key(merchant, "order", subject), operation_id, verdict, by)
    except NotSettledError as error:
        raise CommandError(str(error)) from error
    console().print(_told(decision, operation_id), highlight=False, markup=False)


def _verdict(
    took_effect: bool, provider_id: str | None, had_no_effect: bool, reason: str | None, try_again: bool
) -> "Verdict":
    from ordersaga.domain.uncertainty.manual import HadNoEffect, TookEffect, TryAgain

    if [took_effect, had_no_effect, try_again].count(True) != 1:
        raise CommandError("say one of --took-effect, --had-no-effect and --try-again", 2)
    if provider_id is not None and not took_effect:
        raise CommandError("--provider-id goes with --took-effect alone", 2)
    if (reason is not None) is not had_no_effect:
        raise CommandError("--had-no-effect needs a --reason, which goes with it alone", 2)
    if took_effect:
        return TookEffect(provider_id)
    return TryAgain() if reason is None else HadNoEffect(reason)


def _told(decision: "Decision", operation_id: str) -> str:
    if any(operation.id == operation_id for operation in decision.order.operations):
        return "It goes on: the provider is asked, and `ordersaga order show` tells what came of it."
    outcomes = ", ".join(f"{one.what} (final)" if one.final else one.what for one in decision.outcomes)
    return f"Settled: {outcomes}."
