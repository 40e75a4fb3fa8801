"""Changes of Mollie's lines before anything is shipped, and that Klarna may decline them."""

import pytest

from .mollie_shop import MollieShop, eur, line, refusal, statuses
from .shop import JSON

DECLINED = "Update authorization not allowed. Decision is based on order state and outcome of risk assessment."
MONEY = ("quantity", "unitPrice", "totalAmount", "vatAmount", "vatRate")


def money(one: JSON) -> JSON:
    return {name: one[name] for name in MONEY}


async def test_a_name_alone(mollie: MollieShop) -> None:
    order = await mollie.authorized()
    path = f"orders/{order['id']}/lines/{order['lines'][0]['id']}"
    answer = await mollie.call("PATCH", path, {"name": "Red lamp", "productUrl": "https://shop.example/red"})
    changed = answer.json()["lines"][0]
    assert (answer.status_code, changed["name"]) == (200, "Red lamp")
    assert changed["_links"]["productUrl"]["href"] == "https://shop.example/red"
    assert changed["totalAmount"] == eur("20.00")


@pytest.mark.parametrize("status", ["created", "pending", "authorized"])
async def test_another_price(mollie: MollieShop, status: str) -> None:
    order = await mollie.create()
    if status != "created":
        await mollie.customer(order["id"], {"pending": "pending", "authorized": "pay"}[status])
    path = f"orders/{order['id']}/lines/{order['lines'][0]['id']}"
    answer = await mollie.call("PATCH", path, money(line("7.00", 3)))
    assert answer.json()["amount"] == eur("26.00")
    assert [one["id"] for one in answer.json()["lines"]] == [one["id"] for one in order["lines"]]
    payment = (await mollie.order(order["id"]))["_embedded"]["payments"][0]
    assert payment["amount"] == eur("26.00")
    assert (await mollie.effects("update"))[0]["amount"] == 2600


@pytest.mark.parametrize("missing", MONEY)
async def test_the_money_is_changed_as_a_whole(mollie: MollieShop, missing: str) -> None:
    order = await mollie.authorized()
    body = money(line("7.00", 3))
    del body[missing]
    path = f"orders/{order['id']}/lines/{order['lines'][0]['id']}"
    assert refusal(await mollie.call("PATCH", path, body))[::2] == (422, missing)


async def test_formulae_hold_in_changes_too(mollie: MollieShop) -> None:
    order = await mollie.authorized()
    path = f"orders/{order['id']}/lines/{order['lines'][0]['id']}"
    wrong = money(line("7.00", 3)) | {"vatAmount": eur("0.01")}
    status, text, _ = refusal(await mollie.call("PATCH", path, wrong))
    assert (status, "VAT amount is off" in text) == (422, True)
    assert refusal(await mollie.call("PATCH", path, {}))[0] == 422
    assert refusal(await mollie.call("PATCH", f"orders/{order['id']}/lines/odl_1.x", {"name": "A"}))[0] == 404


async def test_no_change_once_something_is_shipped_or_paid(mollie: MollieShop) -> None:
    shipped = await mollie.authorized()
    await mollie.ship(shipped, {"id": shipped["lines"][0]["id"], "quantity": 1})
    paid = await mollie.paid()
    for order in (shipped, paid):
        path = f"orders/{order['id']}/lines"
        assert refusal(await mollie.call("PATCH", f"{path}/{order['lines'][1]['id']}", {"name": "A"}))[0] == 422
        added = {"operations": [{"operation": "add", "data": line("1.00")}]}
        assert refusal(await mollie.call("PATCH", path, added))[0] == 422


async def test_operations_at_once(mollie: MollieShop) -> None:
    order = await mollie.authorized(line("50.00", 2), line("-10.00", type="discount"), line("5.00"))
    goods, discount, other = (one["id"] for one in order["lines"])
    operations = [
        {"operation": "update", "data": {"id": goods, **money(line("50.00", 1))}},
        {"operation": "update", "data": {"id": discount, **money(line("-5.00"))}},
        {"operation": "add", "data": line("40.00", name="New")},
        {"operation": "cancel", "data": {"id": other}},
    ]
    answer = await mollie.call("PATCH", f"orders/{order['id']}/lines", {"operations": operations})
    assert answer.status_code == 200, answer.text
    after = answer.json()
    assert statuses(after) == ("authorized", ["authorized", "authorized", "canceled", "authorized"])
    assert [one["id"] for one in after["lines"]][:3] == [goods, discount, other]
    assert after["amount"] == eur("90.00")
    assert (await mollie.order(order["id"]))["_embedded"]["payments"][0]["amount"] == eur("85.00")
    await mollie.ship(order)
    assert (await mollie.order(order["id"]))["amountCaptured"] == eur("85.00")


@pytest.mark.parametrize(
    ("operations", "field"),
    [
        ([], "operations"),
        ({}, "operations"),
        ([{"operation": "move", "data": {}}], "operations.0.operation"),
        ([{"operation": "update"}], "operations.0"),
        ([{"operation": "update", "data": {}}], "operations.0.data.id"),
        ([{"operation": "cancel", "data": {"id": "odl_1.x"}}], "operations.0.data.id"),
        ([{"operation": "cancel", "data": {"id": "odl_1.x", "name": "A"}}], "operations.0.data.name"),
        ([{"operation": "add", "data": line("1.00") | {"quantity": 2}}], "operations.0.totalAmount"),
    ],
)
async def test_wrong_operations(mollie: MollieShop, operations: object, field: str) -> None:
    order = await mollie.authorized()
    answer = await mollie.call("PATCH", f"orders/{order['id']}/lines", {"operations": operations})
    assert refusal(answer)[::2] == (422, field)


async def test_nothing_changes_if_one_operation_is_wrong(mollie: MollieShop) -> None:
    order = await mollie.authorized()
    operations = [{"operation": "add", "data": line("1.00")}, {"operation": "cancel", "data": {"id": "odl_1.x"}}]
    assert (await mollie.call("PATCH", f"orders/{order['id']}/lines", {"operations": operations})).status_code == 422
    assert await mollie.order(order["id"]) == order


async def test_an_unpaid_order_keeps_a_line(mollie: MollieShop) -> None:
    order = await mollie.create()
    operations = [{"operation": "cancel", "data": {"id": one["id"]}} for one in order["lines"]]
    answer = await mollie.call("PATCH", f"orders/{order['id']}/lines", {"operations": operations})
    assert refusal(answer)[::2] == (422, "amount")
    answer = await mollie.call("PATCH", f"orders/{order['id']}/lines", {"operations": operations[:1]})
    assert statuses(answer.json()) == ("created", ["canceled", "created"])
    await mollie.customer(order["id"], "pay")
    assert statuses(await mollie.order(order["id"])) == ("authorized", ["canceled", "authorized"])
    assert (await mollie.sums())["authorize"] == 500


async def test_all_lines_of_an_authorized_order_canceled(mollie: MollieShop) -> None:
    order = await mollie.authorized()
    operations = [{"operation": "cancel", "data": {"id": one["id"]}} for one in order["lines"]]
    answer = await mollie.call("PATCH", f"orders/{order['id']}/lines", {"operations": operations})
    assert answer.json()["status"] == "canceled"
    assert (await mollie.sums())["cancel"] == 2500


# -- Klarna declines --------------------------------------------------------------------------------------------------


async def attempts(mollie: MollieShop, order: JSON) -> list[tuple[int, str, str | None]]:
    path = f"orders/{order['id']}"
    one = order["lines"][0]["id"]
    added = {"operations": [{"operation": "add", "data": line("1.00")}]}
    return [
        refusal(answer)
        for answer in (
            await mollie.call("PATCH", f"{path}/lines", added),
            await mollie.call("PATCH", f"{path}/lines/{one}", money(line("7.00", 3))),
            await mollie.cancel_lines(order, {"id": one}),
            await mollie.call("DELETE", path),
        )
    ]


async def test_every_change_is_declined_by_the_switch(mollie: MollieShop) -> None:
    order = await mollie.authorized()
    await mollie.switch(mollie_declines=True)
    assert set(await attempts(mollie, order)) == {(422, DECLINED, None)}
    assert await mollie.order(order["id"]) == order
    await mollie.dashboard(order, "cancel_lines", lines=[{"id": order["lines"][0]["id"]}])


async def test_every_change_is_declined_by_the_mark(mollie: MollieShop) -> None:
    order = await mollie.create(email="anna+pay+decline@example.com")
    await mollie.advance(seconds=0)
    order = await mollie.order(order["id"])
    assert order["status"] == "authorized"
    assert set(await attempts(mollie, order)) == {(422, DECLINED, None)}


async def test_the_next_changes_are_declined(mollie: MollieShop) -> None:
    order = await mollie.authorized()
    view = await mollie.dashboard(order, "decline", times=2)
    assert view["declines"] == 2
    added = {"operations": [{"operation": "add", "data": line("1.00")}]}
    found = [(await mollie.call("PATCH", f"orders/{order['id']}/lines", added)).status_code for _ in range(3)]
    assert found == [422, 422, 200]


async def test_only_klarna_declines(mollie: MollieShop) -> None:
    await mollie.switch(mollie_declines=True)
    order = await mollie.authorized(method="in3")
    assert (await mollie.cancel_lines(order, {"id": order["lines"][0]["id"]})).status_code == 204
    unpaid = await mollie.create()
    answer = await mollie.call("PATCH", f"orders/{unpaid['id']}/lines/{unpaid['lines'][0]['id']}", {"name": "A"})
    assert answer.status_code == 200
