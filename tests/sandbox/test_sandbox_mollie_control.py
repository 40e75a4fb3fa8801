"""Mollie's dashboard by the control plane, and what holds whatever happens."""

import random

import pytest

from .mollie_shop import MollieShop, eur, line, statuses
from .shop import JSON, Shop


async def by(mollie: MollieShop, kind: str) -> list[str]:
    return [effect["by"] for effect in await mollie.effects(kind)]


async def test_a_person_ships_and_refunds(mollie: MollieShop) -> None:
    order = await mollie.authorized(line("10.00", 2), line("5.00"))
    one = {"id": order["lines"][0]["id"], "quantity": 1}
    shipped = await mollie.dashboard(order, "ship", lines=[one], tracking={"carrier": "PostNL", "code": "3S"})
    assert (shipped["status"], shipped["account"]) == ("shipping", "shop")
    assert shipped["captures"][shipped["_embedded"]["payments"][0]["id"]][0]["amount"] == eur("10.00")
    await mollie.dashboard(order, "refund", lines=[one], description="Broken", metadata="R-1")
    await mollie.dashboard(order, "ship")
    after = await mollie.order(order["id"])
    assert (after["status"], after["amountRefunded"]) == ("completed", eur("10.00"))
    assert (await by(mollie, "capture"), await by(mollie, "refund")) == (["portal", "portal"], ["portal"])
    assert (await mollie.ship(order)).status_code == 422


async def test_a_person_cancels_lines_and_the_order(mollie: MollieShop) -> None:
    order = await mollie.authorized(line("10.00", 2), line("5.00"))
    await mollie.dashboard(order, "cancel_lines", lines=[{"id": order["lines"][0]["id"], "quantity": 1}])
    after = await mollie.dashboard(order, "cancel")
    assert statuses(after) == ("canceled", ["canceled", "canceled"])
    assert (await by(mollie, "release"), await by(mollie, "cancel")) == (["portal"], ["portal"])
    assert {kind: amount for kind, amount in (await mollie.sums()).items() if amount} == {
        "authorize": 2500,
        "release": 1000,
        "cancel": 1500,
    }


async def test_a_person_refunds_an_amount_twice(mollie: MollieShop) -> None:
    order = await mollie.paid()
    for _ in range(2):
        view = await mollie.dashboard(order, "refund", amount=eur("1.00"))
    assert view["amountRefunded"] == eur("2.00")


async def test_an_order_expires_at_once(mollie: MollieShop) -> None:
    order = await mollie.authorized()
    assert (await mollie.dashboard(order, "expire"))["status"] == "expired"
    again = await mollie.call("POST", f"/_sandbox/mollie/orders/{order['id']}", {"action": "expire"})
    assert again.status_code == 409


async def test_what_the_api_refuses_is_refused_in_the_dashboard(mollie: MollieShop) -> None:
    order = await mollie.create()
    answer = await mollie.call("POST", f"/_sandbox/mollie/orders/{order['id']}", {"action": "ship"})
    assert (answer.status_code, answer.json()["error"]) == (409, "This order cannot be shipped.")


async def test_orders_are_found_in_the_control_plane(mollie: MollieShop) -> None:
    order = await mollie.create()
    [listed] = (await mollie.control("GET", "mollie/orders"))["orders"]
    payment_id = order["_embedded"]["payments"][0]["id"]
    assert (listed["id"], listed["payments"]) == (order["id"], [payment_id])
    assert (await mollie.control("GET", f"mollie/orders/{order['id']}"))["expires_at_seconds"] == 1_659_692_880.0
    assert (await mollie.control("GET", "health"))["orders"] == 1


async def test_the_summary_tells_the_providers_apart(mollie: MollieShop) -> None:
    await mollie.authorized()
    await Shop("shop", mollie.app).place(1000)
    totals = (await mollie.control("GET", "ledger/summary"))["totals"]
    found = {(t["account"], t["provider"], t["currency"]): t["amount"] for t in totals if t["kind"] == "authorize"}
    assert found == {("shop", "mollie", "EUR"): 2500, ("shop", "klarna", "SEK"): 1000}


async def random_step(mollie: MollieShop, order: JSON, chance: random.Random) -> None:
    one = chance.choice((await mollie.order(order["id"]))["lines"])
    part = {"id": one["id"], "quantity": chance.randint(1, 3)}
    if chance.random() < 0.3:
        part |= {"amount": eur(f"{chance.randint(0, 30)}.{chance.randint(0, 99):02}")}
    parts = [part] if chance.random() < 0.8 else []
    match chance.randrange(8):
        case 0 | 1 | 2:
            await mollie.ship(order, *parts)
        case 3:
            await mollie.cancel_lines(order, part)
        case 4 | 5:
            await mollie.refund(order, *parts)
        case 6:
            payment_id = order["_embedded"]["payments"][0]["id"]
            refunds = (await mollie.order(order["id"]))["_embedded"]["refunds"]
            if refunds:
                await mollie.call("DELETE", f"payments/{payment_id}/refunds/{refunds[0]['id']}")
        case 7:
            added = {"operations": [{"operation": "add", "data": line("3.33", 3, discount="1.00")}]}
            await mollie.call("PATCH", f"orders/{order['id']}/lines", added)


def cents(amount: JSON | None) -> int:
    return int(amount["value"].replace(".", "")) if amount else 0


@pytest.mark.parametrize("seed", range(40))
async def test_amounts_agree_whatever_happens(mollie: MollieShop, seed: int) -> None:
    chance = random.Random(seed)
    await mollie.switch(mollie_duplicate_refunds="off")
    lines = (line("10.00", 3), line("9.99", 4, discount="7.77"), line("-1.00", type="discount"))
    order = await mollie.paid(*lines, method=chance.choice(["klarna", "ideal"]))
    by_capture = order["method"] == "klarna"
    for _ in range(25):
        await random_step(mollie, order, chance)
        now, sums = await mollie.order(order["id"]), await mollie.sums()
        refunded = sums.get("refund", 0) - sums.get("cancel_refund", 0)
        assert cents(now.get("amountCaptured")) == sums.get("capture", 0)
        assert cents(now.get("amountRefunded")) == refunded <= sums.get("capture", 0)
        total = cents(now["amount"])
        assert sum(cents(one["totalAmount"]) for one in now["lines"]) == total
        assert sum(cents(one["amountRefunded"]) for one in now["lines"]) == refunded
        if by_capture:
            assert sum(cents(one["amountShipped"]) for one in now["lines"]) == sums.get("capture", 0)
        for one in now["lines"]:
            done = one["quantityShipped"] + one["quantityCanceled"]
            assert 0 <= done <= one["quantity"]
            assert 0 <= one["quantityRefunded"] <= one["quantity"]
            assert cents(one["amountShipped"]) + cents(one["amountCanceled"]) <= max(0, cents(one["totalAmount"]))
        shipped = [one for shipment in now["_embedded"]["shipments"] for one in shipment["lines"]]
        assert sum(cents(one["totalAmount"]) for one in shipped) == sum(
            cents(one["amountShipped"]) for one in now["lines"]
        )
        released = sums.get("release", 0) + sums.get("cancel", 0)
        updates = await mollie.effects("update")
        authorized = updates[-1]["amount"] if updates else sums["authorize"]
        assert sums.get("capture", 0) + released <= authorized
