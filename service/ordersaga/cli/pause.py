"""`ordersaga pause`, `resume` and `pauses`."""

import getpass
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from ordersaga.cli.output import at, print_json, table

if TYPE_CHECKING:
    from ordersaga.operating.pauses import Pauses
    from ordersaga.store.upkeep import Switch


async def pause(*, merchant: str | None = None, provider: str | None = None, by: str | None = None) -> None:
    """Stop calls to a provider. Calls that are under way finish; events are still taken in, and wait.

    Parameters
    ----------
    merchant
        Only for this merchant.
    provider
        Only for this provider.
    by
        Who does it, for the record. Default: the system's user.

    """
    async with _pauses() as pauses:
        _print(await pauses.pause(by or getpass.getuser(), merchant, provider))


async def resume(*, merchant: str | None = None, provider: str | None = None, by: str | None = None) -> int:
    """End a pause. Give the same merchant and provider as for the pause. Exits with 1 if there is no such pause.

    Parameters
    ----------
    merchant
        The merchant of the pause.
    provider
        The provider of the pause.
    by
        Who does it, for the record. Default: the system's user.

    """
    async with _pauses() as pauses:
        resumed = await pauses.resume(by or getpass.getuser(), merchant, provider)
    if not resumed.ended:
        sys.stdout.write("Nothing was resumed: there is no pause of this merchant and provider.\n")
    _print(resumed.left)
    return 0 if resumed.ended else 1


async def pauses(*, merchant: str | None = None, provider: str | None = None, json: bool = False) -> None:
    """List the pauses.

    Parameters
    ----------
    merchant
        Only those that stop calls of this merchant.
    provider
        Only those that stop calls to this provider.
    json
        Print one JSON array.

    """
    async with _pauses() as pauses:
        paused = await pauses.paused(merchant, provider)
    if json:
        print_json(paused)
    else:
        _print(paused)


@asynccontextmanager
async def _pauses() -> AsyncIterator["Pauses"]:
    from ordersaga import config

    settings = config.load()
    from ordersaga.cli.connections import opened_store
    from ordersaga.operating.pauses import Pauses

    async with opened_store(settings) as store:
        providers = {provider for one in settings.merchants.values() for provider in one.accounts}
        yield Pauses(store, settings.merchants.keys(), providers)


def _print(paused: "Iterable[Switch]") -> None:
    rows = [(one.merchant, one.provider, one.by, at(one.at)) for one in paused]
    if rows:
        table("Paused (* means all)", ("merchant", "provider", "by", "since (UTC)"), rows)
    else:
        sys.stdout.write("Nothing is paused.\n")
