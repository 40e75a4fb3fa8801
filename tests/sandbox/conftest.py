from collections.abc import AsyncIterator

import pytest

from .merchant import Merchant, serving
from .mollie_shop import MollieShop
from .shop import Shop


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    shop = Shop()
    async with shop.http:
        yield shop


@pytest.fixture
async def merchant() -> AsyncIterator[Merchant]:
    async with serving() as merchant:
        yield merchant


@pytest.fixture
async def mollie() -> AsyncIterator[MollieShop]:
    shop = MollieShop()
    async with shop.http:
        yield shop
