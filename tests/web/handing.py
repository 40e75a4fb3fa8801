"""The role web, with callbacks that it hands on to shops, as the settings describe them."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
from prometheus_client import REGISTRY

from ordersaga.addresses import Addresses
from ordersaga.cli.callbacks import callbacks_of
from ordersaga.config import Settings
from ordersaga.providers.klarna.callbacks import KINDS
from ordersaga.providers.klarna.notifications import KINDS as NOTIFICATIONS
from ordersaga.providers.klarna.notifications import order_id_of
from ordersaga.store.hints import NewHint
from ordersaga.web.notifications import NotificationKinds
from ordersaga.web.server import listen
from ordersaga.web.web import Web

from .conftest import KEY

SECRET: Final = "s" * 32
ADDRESSES: Final = Addresses([SECRET])
Json = dict[str, Any]


@dataclass
class NoStore:
    """Nothing is written for a callback."""

    given: list[NewHint] = field(default_factory=list)

    async def hint(self, given: Sequence[NewHint]) -> list[bool]:
        self.given += given
        return [True] * len(given)


@dataclass(frozen=True)
class Served:
    client: httpx.AsyncClient
    store: NoStore
    web: Web

    async def ask(
        self, kind: str, body: bytes = b"{}", merchant: str = "default", query: str = "", **headers: str
    ) -> httpx.Response:
        address = ADDRESSES.of("klarna", merchant, kind) + query
        return await self.client.post(address, content=body, headers={"Content-Type": "application/json", **headers})


def settings_of(callbacks: Mapping[str, Json], base_url: str | None = None) -> Settings:
    """`callbacks`: by merchant."""
    account = {"username": "K1", "password": "swordfish", "base_url": "http://127.0.0.1:1"}
    merchants = {name: {"klarna": {**account, "callbacks": one}} for name, one in callbacks.items()}
    return Settings.model_validate({
        "kafka": "127.0.0.1:1",
        "database": "postgresql://127.0.0.1/x",
        "encryption_key": KEY,
        "merchants": merchants,
        "web": {"secrets": SECRET, "base_url": base_url},
    })  # fmt: skip


def all_kinds(url: str, no_reply: str = "fail", **more: object) -> Json:
    """Of one shop; the name of each kind is the last part of its URL."""
    return {kind: {"url": f"{url}/{kind}", "no_reply": no_reply} for kind in KINDS} | more


@asynccontextmanager
async def serving_web(settings: Settings, port: socket.socket | None = None) -> AsyncIterator[Served]:
    store = NoStore()
    accounts = {(name, "klarna") for name in settings.merchants}
    providers = {"klarna": NotificationKinds(NOTIFICATIONS, order_id_of)}
    listener = port or listen(0, "127.0.0.1")
    web = Web(store, accounts, providers, ADDRESSES, listener, callbacks_of(settings))
    running = asyncio.create_task(web.run())
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{web.port}", timeout=20) as client:
            yield Served(client, store, web)
    finally:
        web.stop()
        await asyncio.wait_for(running, 10)
        await web.close()


def counted(kind: str, result: str) -> float:
    labels = {"provider": "klarna", "what": kind, "result": result}
    return REGISTRY.get_sample_value("ordersaga_notifications_total", labels) or 0.0
