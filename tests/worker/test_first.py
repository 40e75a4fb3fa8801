from roles_harness import *
async def test_a(database: str) -> None:
    async with roles(database) as r:
        shop = Shop()
        await r.take(shop.placed(), shop.shipped(), shop.shipped(quantity=2))
        await r.at_rest()
        print(await r.told(), r.fake.made, r.under_way)
        assert (await r.told()) == ["authorized", "captured", "captured"]
