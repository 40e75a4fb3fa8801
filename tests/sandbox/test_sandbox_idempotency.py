"""`Klarna-Idempotency-Key`: only the key counts, for 24 hours, within an account."""

import asyncio

import pytest

from .shop import JSON, Shop, assert_error


async def test_two_captures_without_a_key_are_two(shop: Shop) -> None:
    order_id = await shop.place(2000)
    for _ in range(2):
        assert (await shop.capture(order_id, 1000)).status_code == 201
    assert (await shop.order(order_id))["captured_amount"] == 2000


async def test_two_captures_with_one_key_are_one_with_the_same_answer(shop: Shop) -> None:
    order_id = await shop.place(2000)
    first, second = await shop.capture(order_id, 1000, "k"), await shop.capture(order_id, 1000, "k")
    assert (second.status_code, second.headers, second.content) == (first.status_code, first.headers, first.content)
    assert (await shop.order(order_id))["captured_amount"] == 1000
    entries = [(entry["idempotency_key"], entry["replay"], entry["effect_seq"]) for entry in await shop.requests()]
    assert entries[1:3] == [("k", False, 2), ("k", True, None)]


async def test_body_and_path_are_ignored(shop: Shop) -> None:
    one, other = await shop.place(2000), await shop.place(2000)
    first = await shop.capture(one, 1000, "k")
    second = await shop.capture(other, 500, "k")
    assert second.headers["capture-id"] == first.headers["capture-id"]
    assert (await shop.om(other, "POST", "/cancel", key="k")).status_code == 201
    assert (await shop.order(other))["captured_amount"] == 0


async def test_another_key_is_another_capture(shop: Shop) -> None:
    order_id = await shop.place(2000)
    await shop.capture(order_id, 1000, "k1")
    await shop.capture(order_id, 1000, "k2")
    assert (await shop.order(order_id))["captured_amount"] == 2000


async def test_an_empty_key_is_none(shop: Shop) -> None:
    order_id = await shop.place(2000)
    for _ in range(2):
        await shop.capture(order_id, 1000, "")
    assert (await shop.order(order_id))["captured_amount"] == 2000


async def test_keys_belong_to_an_account(shop: Shop) -> None:
    rival = shop.other("rival")
    mine, theirs = await shop.place(), await rival.place()
    first, second = await shop.capture(mine, 10, "k"), await rival.capture(theirs, 10, "k")
    assert first.headers["capture-id"] != second.headers["capture-id"]


async def test_a_key_is_forgotten_after_24_hours_from_the_first_attempt(shop: Shop) -> None:
    order_id = await shop.place(3000)
    await shop.capture(order_id, 1000, "k")
    await shop.advance(hours=23)
    await shop.capture(order_id, 1000, "k")
    assert (await shop.order(order_id))["captured_amount"] == 1000
    await shop.advance(hours=1)
    await shop.capture(order_id, 1000, "k")
    assert (await shop.order(order_id))["captured_amount"] == 2000


async def test_a_refusal_is_replayed_too(shop: Shop) -> None:
    order_id = await shop.place(1000)
    refused = await shop.refund(order_id, 100, "k")
    await shop.capture(order_id, 1000)
    again = await shop.refund(order_id, 100, "k")
    assert (again.status_code, again.content) == (403, refused.content)
    assert (await shop.refund(order_id, 100, "k2")).status_code == 201


async def test_a_switch_lets_a_refusal_be_tried_again(shop: Shop) -> None:
    await shop.switch(replay_4xx=False)
    order_id = await shop.place(1000)
    await shop.refund(order_id, 100, "k")
    await shop.capture(order_id, 1000)
    assert (await shop.refund(order_id, 100, "k")).status_code == 201


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/acknowledge", None),
        ("PATCH", "/authorization", {"order_amount": 900}),
        ("POST", "/cancel", None),
        ("POST", "/extend-authorization-time", None),
        ("PATCH", "/merchant-references", {"merchant_reference1": "x"}),
        ("PATCH", "/customer-details", {"shipping_address": {}}),
        ("POST", "/shipping-info", {"shipping_info": [{}]}),
    ],
)
async def test_every_post_and_patch_takes_a_key(shop: Shop, method: str, path: str, body: JSON | None) -> None:
    order_id = await shop.place()
    answers = [await shop.om(order_id, method, path, body, key="k") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [204] * 3
    assert len(await shop.effects()) == 2


async def test_a_release_takes_a_key(shop: Shop) -> None:
    order_id = await shop.place()
    await shop.capture(order_id, 1)
    for _ in range(2):
        answer = await shop.om(order_id, "POST", "/release-remaining-authorization", key="k")
        assert answer.status_code == 204


async def test_a_second_request_waits_for_the_first_and_gets_its_answer(shop: Shop) -> None:
    order_id = await shop.place(2000)
    await shop.control("POST", "faults", {"action": "delay", "seconds": 0.1, "times": 1})
    first, second = await asyncio.gather(shop.capture(order_id, 1000, "k"), shop.capture(order_id, 1000, "k"))
    assert first.headers["capture-id"] == second.headers["capture-id"]
    assert (await shop.order(order_id))["captured_amount"] == 1000


async def test_a_switch_answers_conflict_to_a_second_request_while_the_first_runs(shop: Shop) -> None:
    await shop.switch(key_in_flight="conflict")
    order_id = await shop.place(2000)
    await shop.control("POST", "faults", {"action": "delay", "seconds": 0.1, "times": 1})
    first, second = await asyncio.gather(shop.capture(order_id, 1000, "k"), shop.capture(order_id, 1000, "k"))
    assert first.status_code == 201
    assert_error(second, 409, "CONFLICT")
    assert (await shop.capture(order_id, 1000, "k")).headers["capture-id"] == first.headers["capture-id"]


@pytest.mark.parametrize(("kept", "second"), [(False, 201), (True, 503)])
async def test_a_switch_keeps_the_answer_of_a_server_error(shop: Shop, kept: bool, second: int) -> None:
    await shop.switch(replay_5xx=kept)
    order_id = await shop.place()
    await shop.control("POST", "faults", {"action": "status", "status": 503, "effect": True, "times": 1})
    assert (await shop.capture(order_id, 1000, "k")).status_code == 503
    assert (await shop.capture(order_id, 1000, "k")).status_code == second
    assert (await shop.order(order_id))["captured_amount"] == 1000


async def test_too_many_requests_is_never_kept(shop: Shop) -> None:
    order_id = await shop.place()
    await shop.control("POST", "faults", {"action": "status", "status": 429, "times": 1})
    assert (await shop.capture(order_id, 1000, "k")).status_code == 429
    assert (await shop.capture(order_id, 1000, "k")).status_code == 201
