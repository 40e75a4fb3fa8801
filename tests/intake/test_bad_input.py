"""Bad input: nothing is lost, and no other order is stalled."""

import time

from msgspec.structs import replace
from prometheus_client import REGISTRY

from roles_harness import TOPIC, Shop, key, roles, run_sql


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_the_same_event_again_is_dropped_within_a_batch_and_later(database: str) -> None:
    async with roles(database) as r:
        shop = Shop()
        before = counted("ordersaga_events_duplicate_total")
        await r.take(shop.placed(), shop.placed(), shop.shipped(name="s"))
        await r.take(shop.placed(), shop.shipped(name="s"))
        await r.until_idle()
        assert await r.outcome_types() == ["authorized", "captured"]
        assert r.fake.made == ["Send create_order", "Send capture"]
        assert await r.dead_letter_codes() == []
        assert counted("ordersaga_events_duplicate_total") == before + 3


async def test_another_event_under_an_id_that_was_used_is_a_dead_letter(database: str) -> None:
    async with roles(database) as r:
        shop = Shop()
        await r.take(shop.placed(), shop.shipped(name="s"), shop.shipped(name="s", quantity=2))
        await r.take(shop.placed("2", name="s"))
        await r.until_idle()
        assert await r.outcome_types() == ["authorized", "captured"]
        assert await r.dead_letter_codes() == ["id_reused", "id_reused"]
        assert await r.store.show_order(key("2")) is None


async def test_another_event_under_the_id_of_a_dead_letter_is_one_too_and_the_same_again_is_dropped(
    database: str,
) -> None:
    async with roles(database) as r:
        shop = Shop()
        await r.take(shop.event("placed", "1", {"bad": 1}, name="a"), shop.event("placed", "1", {"bad": 1}, name="a"))
        assert await r.dead_letter_codes() == ["invalid_event"]
        await r.take(shop.placed(name="a"))
        assert await r.dead_letter_codes() == ["id_reused", "invalid_event"]
        assert r.fake.made == []


async def test_a_record_older_than_what_the_inbox_remembers_moves_no_money(database: str) -> None:
    async with roles(database, retention=3600.0) as r:
        shop = Shop()
        await r.take(shop.placed(timestamp=time.time() - 3700), shop.placed("2", timestamp=time.time() - 3500))
        await r.until_idle()
        assert await r.dead_letter_codes() == ["too_old"]
        assert await r.outcome_types("1") == []
        assert await r.outcome_types("2") == ["authorized"]


async def test_an_old_record_that_the_inbox_still_knows_is_a_duplicate(database: str) -> None:
    async with roles(database, retention=3600.0) as r:
        shop = Shop()
        await r.take(shop.placed())
        await r.take(shop.placed(timestamp=time.time() - 3700))
        assert await r.dead_letter_codes() == []


async def test_an_event_of_a_merchant_that_is_not_configured_waits_as_a_dead_letter(database: str) -> None:
    async with roles(database) as r:
        shop = Shop()
        await r.take(shop.placed("1", merchant="stranger"), shop.placed("2"))
        assert await r.dead_letter_codes() == ["unknown_merchant"]
        assert await r.outcomes("1") == []
        await r.until_idle()
        assert await r.outcome_types("2") == ["authorized"]


async def test_an_invalid_event_is_rejected_not_finally_and_names_its_dead_letter(database: str) -> None:
    async with roles(database) as r:
        shop = Shop()
        await r.take(shop.event("placed", "1", {"order_amount": -1}), shop.event("dispatched.v7", "1", {}))
        (first, second) = await r.store.list_dead_letters()
        told = await r.outcomes("1")
        assert [one["type"] for one in told] == ["rejected", "rejected"]
        assert [one["final"] for one in told] == [False, False]
        assert {one["error"]["code"] for one in told} == {"invalid_event"}
        assert {one["error"]["dead_letter_id"] for one in told} == {str(first.id), str(second.id)}
        assert [one["sequence"] for one in told] == [1, 2]
        assert all(one["order"] is None for one in told)


async def test_a_record_over_a_mebibyte_is_kept_whole_as_a_dead_letter(database: str) -> None:
    async with roles(database) as r:
        shop = Shop()
        large = shop.event("placed", "1", b'{"x": "' + b"y" * 1024 * 1024 + b'"}')
        await r.take(large, shop.placed("2"))
        (letter,) = await r.store.list_dead_letters()
        assert letter.code == "too_large"
        found = await r.store.get_dead_letter(letter.id)
        assert found is not None
        assert found[1].value == large.value
        assert await r.outcomes("1") == []
        await r.until_idle()
        assert await r.outcome_types("2") == ["authorized"]


async def test_a_record_that_is_no_event_is_a_dead_letter_without_an_outcome(database: str) -> None:
    async with roles(database) as r:
        shop = Shop()
        await r.take(replace(shop.placed(), headers=()), replace(shop.placed(), key=None, value=None, headers=()))
        assert await r.dead_letter_codes() == ["invalid_envelope", "invalid_envelope"]
        assert await r.outcomes() == []
        assert await r.store.offsets(TOPIC) == {0: 2}


async def test_a_nul_and_a_twenty_digit_amount_stall_only_their_own_order(database: str) -> None:
    async with roles(database) as r:
        shop = Shop()
        nul = shop.placed("1")
        digits = shop.placed("2")
        assert nul.value
        assert digits.value
        await r.take(
            replace(nul, value=nul.value.replace(b"Lantern", b"Lan\\u0000tern")),
            replace(
                digits, value=digits.value.replace(b'"order_amount": 3000', b'"order_amount": 12345678901234567890')
            ),
            replace(shop.placed("3\0"), key=b"3\0"),
            shop.placed("4"),
        )
        await r.until_idle()
        assert await r.dead_letter_codes() == ["invalid_envelope", "invalid_event", "invalid_event"]
        assert await r.outcome_types("4") == ["authorized"]
        assert await r.outcome_types("1") == await r.outcome_types("2") == ["rejected"]


async def test_a_nul_in_a_record_that_nobody_can_read_is_kept_too(database: str) -> None:
    async with roles(database) as r:
        shop = Shop()
        await r.take(replace(shop.placed(), key=b"\0", headers=(("ce_id", b"\0"), ("ce_\0", b"x")), value=b"\0"))
        assert await r.dead_letter_codes() == ["invalid_envelope"]


async def test_a_record_key_that_is_not_the_order_id_is_counted(database: str) -> None:
    async with roles(database) as r:
        shop = Shop()
        before = counted("ordersaga_events_foreign_key_total")
        await r.take(shop.placed(), shop.placed("2", key=b"else"), shop.placed("3", key=None))
        assert counted("ordersaga_events_foreign_key_total") == before + 2
        await r.until_idle()
        assert await r.outcome_types("2") == ["authorized"]


async def test_what_is_read_again_adds_no_dead_letter(database: str) -> None:
    async with roles(database) as r:
        shop = Shop()
        bad = shop.event("placed", "1", {"bad": 1})
        strange = replace(shop.placed(), headers=())
        await r.take(bad, strange)
        letters = await r.store.list_dead_letters()
        await run_sql(database, "DELETE FROM intake_offsets")
        await r.take(bad, strange)
        assert await r.store.list_dead_letters() == letters
        assert await r.outcome_types() == ["rejected"]
