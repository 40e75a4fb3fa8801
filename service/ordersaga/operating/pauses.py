"""Pauses: no calls to a provider until they are resumed."""

from collections.abc import Collection

from msgspec import Struct

from ordersaga.operating.errors import OperatingError
from ordersaga.store.store import Store
from ordersaga.store.upkeep import ALL, Switch


class Resumed(Struct, frozen=True):
    """`ended`: there was such a pause. `left`: the pauses that are still on."""

    ended: bool
    left: tuple[Switch, ...]


class Pauses:
    """`merchants` and `providers`: those that can be named. A pause without a merchant or provider is for all of them."""

    def __init__(self, store: Store, merchants: Collection[str], providers: Collection[str]) -> None:
        self._store = store
        self._merchants = merchants
        self._providers = providers

    async def pause(self, by: str, merchant: str | None = None, provider: str | None = None) -> list[Switch]:
        """Calls that are under way end and are settled. Returns all pauses. Raises OperatingError."""
        self._check(merchant, provider)
        await self._store.pause(by, merchant or ALL, provider or ALL)
        return await self._store.paused()

    async def resume(self, by: str, merchant: str | None = None, provider: str | None = None) -> Resumed:
        """Undoes the pause of the same merchant and provider only. Raises OperatingError."""
        self._check(merchant, provider)
        ended = await self._store.resume(by, merchant or ALL, provider or ALL)
        return Resumed(ended, tuple(await self._store.paused()))

    async def paused(self, merchant: str | None = None, provider: str | None = None) -> list[Switch]:
        """Those that stop calls of this merchant to this provider; None: of any."""
        self._check(merchant, provider)
        return [one for one in await self._store.paused() if _stops(one, merchant, provider)]

    def _check(self, merchant: str | None, provider: str | None) -> None:
        if merchant is not None and merchant not in self._merchants:
            configured = ", ".join(sorted(self._merchants))
            raise OperatingError(f"merchant {merchant!r} isn't configured; there are: {configured}")
        if provider is not None and provider not in self._providers:
            configured = ", ".join(sorted(self._providers))
            raise OperatingError(f"provider {provider!r} isn't configured; there are: {configured}")


def _stops(one: Switch, merchant: str | None, provider: str | None) -> bool:
    of_merchant = merchant is None or one.merchant in {ALL, merchant}
    return of_merchant and (provider is None or one.provider in {ALL, provider})
