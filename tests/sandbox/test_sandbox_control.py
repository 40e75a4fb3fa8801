"""The control plane: edits in the portal, faults in process, request log, ledger, reset."""

from typing import Any

import pytest

from .shop import JSON, MISSING, Shop, amounts, line, purchase


async def test_it_is_healthy(shop: Shop) -> None:
    await shop.place()
    assert await shop.control("GET", "health") == {"status": "ok", "orders": 1}


@pytest.mark.parametrize(
    ("edits", "status", "books"),
    [
        ([{"action": "capture", "captured_amount": 400}], "PART_CAPTURED", (1000, 400, 0, 600)),
        (
            [{"action": "capture", "captured_amount": 1000}, {"action": "refund", "refunded_amount": 300}],
            "CAPTURED",
            (1000, 1000, 300, 0),
        ),
        ([{"action": "capture", "captured_amount": 1}, {"action": "release"}], "CAPTURED", (1000, 1, 0, 0)),
        ([{"action": "cancel"}], "CANCELLED", (1000, 0, 0, 0)),
        ([{"action": "update", "order_amount": 700}], "AUTHORIZED", (700, 0, 0, 700)),
        ([{"action": "extend"}], "AUTHORIZED", (1000, 0, 0, 1000)),
        ([{"action": "expire"}], "EXPIRED", (1000, 0, 0, 0)),
        ([{"action": "close"}], "CLOSED", (1000, 0, 0, 0)),
    ],
)
async def test_an_edit_in_the_portal_changes_the_order(
    shop: Shop, edits: list[JSON], status: str, books: tuple[int, ...]
) -> None:
    order_id = await shop.place(1000)
    for edit in edits:
        await shop.control("POST", f"orders/{order_id}", edit)
    order = await shop.order(order_id)
    assert (order["status"], amounts(order)) == (status, books)
    effects = await shop.effects()
    assert [(effect["kind"], effect["by"]) for effect in effects[1:]] == [(e["action"], "portal") for e in edits]


async def test_an_edit_in_the_portal_is_rejected_as_an_api_call_is(shop: Shop) -> None:
    order_id = await shop.place(1000)
    answer = await shop.call("POST", f"/_sandbox/orders/{order_id}", {"action": "refund", "refunded_amount": 1})
    assert (answer.status_code, answer.json()["error_code"]) == (409, "REFUND_NOT_ALLOWED")


async def test_an_order_is_shown_whole(shop: Shop) -> None:
    order_id = await shop.place(1000)
    shown = await shop.control("GET", f"orders/{order_id}")
    assert (shown["account"], shown["authorization_token"], shown["acknowledged"]) == ("shop", "sbx-1", False)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", f"orders/{MISSING}", None, 404),
        ("POST", f"orders/{MISSING}", {"action": "cancel"}, 404),
        ("GET", "nothing", None, 404),
        ("POST", "health", None, 405),
        ("POST", "faults", {"action": "explode"}, 400),
        ("POST", "faults", {"action": "drop_after", "effect": False}, 400),
        ("POST", "faults", {"action": "delay", "secs": 1}, 400),
        ("POST", "faults", {"action": "hang", "route": "/ordermanagement/v1/orders/{id}/captures"}, 400),
        ("POST", "faults", {"action": "hang", "method": "PUT", "route": "/payments/v1/sessions"}, 400),
        ("DELETE", "faults/none", None, 404),
        ("POST", "tokens", {}, 400),
        ("POST", "tokens", {"account": "shop", "session_id": MISSING}, 404),
        ("POST", "clock", {"forward": 1}, 400),
        ("POST", "clock", {"set": 1_800_000_000_000}, 400),
        ("POST", "clock", {"set": -1}, 400),
        ("POST", "clock", {"advance": 1e30}, 400),
        ("POST", "clock", {"set": 0, "advance": -1}, 400),
        ("GET", "ledger?after=x", None, 400),
        ("GET", "ledger?limit=0", None, 400),
    ],
)
async def test_errors_say_what_is_wrong(shop: Shop, method: str, path: str, body: JSON | None, status: int) -> None:
    answer = await shop.call(method, f"/_sandbox/{path}", body)
    assert answer.status_code == status
    assert answer.json()["error"]


async def test_a_token_is_made_once(shop: Shop) -> None:
    made = await shop.control("POST", "tokens", {"account": "shop", "token": "mine"})
    assert made["authorization_token"] == "mine"
    assert (await shop.call("POST", "/_sandbox/tokens", {"account": "shop", "token": "mine"})).status_code == 409


# -- ledger and log ---------------------------------------------------------------------------------------------------


async def test_the_ledger_has_each_effect_once(shop: Shop) -> None:
    order_id = await shop.place(1000, merchant_reference1="A-1")
    captured = await shop.capture(order_id, 400, "k", reference="c-1")
    await shop.capture(order_id, 400, "k", reference="c-1")
    await shop.capture(order_id, 4000)
    assert (await shop.effects())[1:] == [
        {
            "seq": 2,
            "at": 1_657_273_680.0,
            "account": "shop",
            "kind": "capture",
            "order_id": order_id,
            "merchant_reference1": "A-1",
            "amount": 400,
            "currency": "SEK",
            "id": captured.headers["capture-id"],
            "reference": "c-1",
            "idempotency_key": "k",
            "token": "sbx-1",
            "by": "merchant",
            "provider": "klarna",
        }
    ]


async def test_ledger_and_log_are_read_in_pages(shop: Shop) -> None:
    for _ in range(5):
        await shop.place()
    ledger = await shop.control("GET", "ledger?after=1&limit=2")
    assert [effect["seq"] for effect in ledger["effects"]] == [2, 3]
    log = await shop.control("GET", "requests?after=3")
    assert [entry["seq"] for entry in log["requests"]] == [4, 5]
    assert (await shop.control("GET", "requests?after=9"))["requests"] == []


async def test_the_summary_counts_by_account_and_kind(shop: Shop) -> None:
    rival = shop.other("rival")
    for amount in (100, 200):
        await shop.capture(await shop.place(amount), amount)
    await rival.place(50)
    summary = await shop.control("GET", "ledger/summary")
    assert summary["doubled_references"] == []
    totals = {(t["account"], t["kind"], t["currency"]): (t["count"], t["amount"]) for t in summary["totals"]}
    assert totals == {
        ("shop", "authorize", "SEK"): (2, 300),
        ("shop", "capture", "SEK"): (2, 300),
        ("rival", "authorize", "SEK"): (1, 50),
    }


async def test_the_summary_finds_a_reference_that_was_taken_twice(shop: Shop) -> None:
    order_id = await shop.place(1000)
    for reference in ("twice", "once", "twice"):
        await shop.capture(order_id, 100, reference=reference)
    await shop.refund(order_id, 100, reference="once")
    summary = await shop.control("GET", "ledger/summary")
    assert summary["doubled_references"] == [
        {"account": "shop", "provider": "klarna", "kind": "capture", "reference": "twice", "seqs": [2, 4]}
    ]


async def test_a_request_is_logged_with_its_route_and_effect(shop: Shop) -> None:
    order_id = await shop.place()
    await shop.om(order_id, "GET")
    first, second = await shop.requests()
    assert first["route"] == "/payments/v1/authorizations/{authorization_token}/order"
    assert (first["status"], first["effect_seq"], first["account"]) == (200, 1, "shop")
    assert (second["path"], second["effect_seq"]) == (f"/ordermanagement/v1/orders/{order_id}", None)


async def test_a_reset_clears_all_state(shop: Shop) -> None:
    order_id = await shop.place()
    await shop.capture(order_id, 1, "k")
    await shop.advance(days=1)
    await shop.switch(location="path")
    await shop.control("POST", "faults", {"action": "status"})
    await shop.control("POST", "reset")
    assert await shop.control("GET", "health") == {"status": "ok", "orders": 0}
    assert (await shop.control("GET", "clock"))["offset"] == 0
    assert (await shop.control("GET", "switches"))["location"] == "absolute"
    assert await shop.control("GET", "faults") == {"faults": []}
    assert [await shop.effects(), await shop.requests()] == [[], []]
    assert (await shop.create("sbx-1")).status_code == 200


# -- faults that need no connection -----------------------------------------------------------------------------------


async def fault(shop: Shop, **fields: Any) -> str:
    fault_id: str = (await shop.control("POST", "faults", fields))["id"]
    return fault_id


@pytest.mark.parametrize(("effect", "captured"), [(False, 0), (True, 400)])
async def test_a_status_comes_with_or_without_the_effect(shop: Shop, effect: bool, captured: int) -> None:
    order_id = await shop.place()
    await fault(shop, action="status", status=503, headers={"Retry-After": "7"}, effect=effect, times=1)
    answer = await shop.capture(order_id, 400)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
    assert answer.json()["error_code"] == "TEMPORARILY_UNAVAILABLE"
    assert (await shop.order(order_id))["captured_amount"] == captured


@pytest.mark.parametrize(
    ("body", "content"), [("<html>", b"<html>"), ({"a": 1}, b'{"a":1}'), ("", b""), (None, b"null")]
)
async def test_a_status_has_any_body(shop: Shop, body: object, content: bytes) -> None:
    await fault(shop, action="status", status=502, body=body)
    assert (await shop.create("sbx-1")).content == content


async def test_a_broken_body_tells_nothing_but_its_status(shop: Shop) -> None:
    order_id = await shop.place()
    await fault(shop, action="broken_body", times=2)
    read = await shop.om(order_id, "GET")
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        read.json()
    captured = await shop.capture(order_id, 400)
    assert captured.status_code == 201
    assert not {"location", "capture-id"} & set(captured.headers)
    assert (await shop.order(order_id))["captured_amount"] == 400


async def test_a_fault_fires_by_method_route_and_account(shop: Shop) -> None:
    order_id, rival = await shop.place(), shop.other("rival")
    route = "/ordermanagement/v1/orders/{order_id}/captures"
    await fault(shop, action="status", method="POST", route=route, account="shop")
    theirs = await rival.place()
    assert (await shop.capture(order_id, 1)).status_code == 500
    assert (await shop.om(order_id, "GET", "/captures")).status_code == 200
    assert (await shop.om(order_id, "GET")).status_code == 200
    assert (await rival.capture(theirs, 1)).status_code == 201
    entry = next(entry for entry in await shop.requests() if entry["status"] == 500)
    assert (entry["fault"], entry["effect_seq"]) == ("status", None)


async def test_a_fault_fires_as_often_as_it_may(shop: Shop) -> None:
    fault_id = await fault(shop, action="status", times=2)
    statuses = [(await shop.create(f"sbx-{n}")).status_code for n in range(4)]
    assert statuses == [500, 500, 200, 200]
    shown = (await shop.control("GET", "faults"))["faults"]
    assert [(one["id"], one["matched"], one["fired"]) for one in shown] == [(fault_id, 4, 2)]
    await shop.control("DELETE", f"faults/{fault_id}")
    assert await shop.control("GET", "faults") == {"faults": []}


async def struck(seed: int) -> list[int]:
    shop = Shop()
    await fault(shop, action="status", probability=0.5, seed=seed)
    return [n for n in range(60) if (await shop.create(f"sbx-{n}")).status_code == 500]


async def test_the_seed_determines_the_requests_for_which_a_fault_fires() -> None:
    first = await struck(1)
    assert first == await struck(1)
    assert first != await struck(2)
    assert 15 < len(first) < 45


async def test_the_first_fault_that_fires_wins(shop: Shop) -> None:
    await fault(shop, id="a", action="status", status=500, times=1)
    await fault(shop, id="b", action="status", status=503)
    assert [(await shop.create("sbx-1")).status_code for _ in range(2)] == [500, 503]
    await shop.control("DELETE", "faults")
    assert (await shop.create("sbx-1")).status_code == 200


async def test_a_chunked_body_is_taken(shop: Shop) -> None:
    order_id = await shop.place()

    async def chunks() -> Any:
        for part in (b'{"captured', b'_amount": 4', b"00}"):
            yield part

    path = f"/ordermanagement/v1/orders/{order_id}/captures"
    assert (await shop.http.post(path, content=chunks())).status_code == 201


async def test_an_order_of_a_thousand_lines_is_taken(shop: Shop) -> None:
    assert (await shop.create("sbx-1", purchase(lines=[line(1)] * 1000))).status_code == 200
