"""Mollie's customer: at the page or by the control plane, by a mark in the e-mail address, by a switch; recurring payments."""

import pytest

from .mollie_shop import MollieShop, eur, line, order_body, refusal, statuses
from .shop import JSON

PAY_LATER = ["klarna", "klarnapaylater", "klarnasliceit", "klarnapaynow", "in3", "riverty", "billie"]


def payments(order: JSON) -> list[str]:
    return [payment["status"] for payment in order["_embedded"]["payments"]]


# -- by the control plane ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", PAY_LATER)
async def test_what_is_paid_after_delivery_is_authorized(mollie: MollieShop, method: str) -> None:
    order = await mollie.authorized(method=method)
    assert (statuses(order), payments(order)) == (("authorized", ["authorized", "authorized"]), ["authorized"])
    assert "authorizedAt" in order
    assert "amountCaptured" not in order
    assert "checkout" not in order["_links"]
    assert await mollie.sums() == {"create": 0, "payment": 0, "authorize": 2500}


@pytest.mark.parametrize("method", ["ideal", "creditcard", "paypal", "bancontact", "banktransfer"])
async def test_the_others_are_paid_at_once(mollie: MollieShop, method: str) -> None:
    order = await mollie.paid(method=method)
    assert (statuses(order), payments(order)) == (("paid", ["paid", "paid"]), ["paid"])
    assert (order["amountCaptured"], order["method"]) == (eur("25.00"), method)
    assert ("paidAt" in order, "expiresAt" in order) == (True, False)
    assert await mollie.sums() == {"create": 0, "payment": 0, "authorize": 2500, "capture": 2500}
    assert {effect["by"] for effect in await mollie.effects("authorize", "capture")} == {"customer"}
    assert {effect["provider"] for effect in await mollie.effects()} == {"mollie"}


@pytest.mark.parametrize("given", [None, ["ideal", "klarna"]])
async def test_the_customer_chooses_the_method(mollie: MollieShop, given: list[str] | None) -> None:
    order = await mollie.create(method=given)
    assert order["method"] is None
    result = await mollie.customer(order["id"], "pay", method="klarna")
    assert (result["order"]["method"], result["order"]["status"]) == ("klarna", "authorized")


@pytest.mark.parametrize(
    ("given", "action", "method"),
    [("ideal", "pay", "klarna"), (["ideal"], "pay", "paypal"), ("ideal", "authorize", None), (None, "pay", "cash")],
)
async def test_a_method_that_is_not_offered(mollie: MollieShop, given: object, action: str, method: str | None) -> None:
    order = await mollie.create(method=given)
    body = {"action": action, "method": method}
    answer = await mollie.call("POST", f"/_sandbox/mollie/payments/{order['id']}", body)
    assert answer.status_code == 409
    assert (await mollie.order(order["id"]))["status"] == "created"


async def test_a_review_and_its_ends(mollie: MollieShop) -> None:
    order = await mollie.create()
    await mollie.customer(order["id"], "pending")
    pending = await mollie.order(order["id"])
    assert (statuses(pending), payments(pending)) == (("pending", ["created", "created"]), ["pending"])
    await mollie.customer(order["id"], "fail")
    failed = await mollie.order(order["id"])
    assert (statuses(failed), payments(failed)) == (("created", ["created", "created"]), ["failed"])
    other = await mollie.create()
    await mollie.customer(other["id"], "pending")
    await mollie.customer(other["id"], "pay")
    assert (await mollie.order(other["id"]))["status"] == "authorized"


@pytest.mark.parametrize(("action", "status"), [("fail", "failed"), ("cancel", "canceled"), ("expire", "expired")])
async def test_a_payment_ends_and_the_order_stays(mollie: MollieShop, action: str, status: str) -> None:
    order = await mollie.create(cancelUrl="https://shop.example/canceled")
    payment_id = order["_embedded"]["payments"][0]["id"]
    result = await mollie.customer(payment_id, action)
    redirect = "https://shop.example/canceled" if action == "cancel" else "https://shop.example/thanks"
    assert (result["redirect"], result["paid"]) == (redirect, False)
    payment = await mollie.get(f"payments/{payment_id}")
    assert (payment["status"], f"{status}At" in payment) == (status, True)
    assert (await mollie.order(order["id"]))["status"] == "created"
    again = await mollie.call("POST", f"/_sandbox/mollie/payments/{payment_id}", {"action": "pay"})
    assert again.status_code == 409


async def test_the_page(mollie: MollieShop) -> None:
    order = await mollie.create(line("10.00", name="<Lamp>"), method=None)
    page = await mollie.call("GET", order["_links"]["checkout"]["href"])
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "Pay €10.00" in page.text
    assert "&lt;Lamp&gt;" in page.text
    assert "<option>ideal</option>" in page.text
    payment = await mollie.call("GET", order["_embedded"]["payments"][0]["_links"]["checkout"]["href"])
    assert payment.text == page.text


@pytest.mark.parametrize("path", ["payments/tr_x", "payments/tr_x/page", "orders/ord_x", "refunds/re_x"])
async def test_what_is_not_there(mollie: MollieShop, path: str) -> None:
    method = "GET" if path.endswith("page") else "POST"
    assert (await mollie.call(method, f"/_sandbox/mollie/{path}", {"action": "pay"})).status_code == 404


# -- another payment --------------------------------------------------------------------------------------------------


async def test_another_payment_after_one_that_failed(mollie: MollieShop) -> None:
    order = await mollie.create(payment={"webhookUrl": "https://shop.example/payments"})
    path = f"orders/{order['id']}/payments"
    assert refusal(await mollie.call("POST", path, {}))[0] == 422
    await mollie.customer(order["id"], "fail")
    answer = await mollie.call("POST", path, {"method": "ideal"})
    payment = answer.json()
    assert (answer.status_code, payment["status"], payment["method"]) == (201, "open", "ideal")
    assert payment["webhookUrl"] == "https://shop.example/payments"
    await mollie.customer(order["id"], "pay")
    after = await mollie.order(order["id"])
    assert (payments(after), after["status"], after["method"]) == (["failed", "paid"], "paid", "ideal")


async def test_no_other_payment_for_an_order_that_is_paid(mollie: MollieShop) -> None:
    order = await mollie.authorized()
    await mollie.ship(order)
    answer = await mollie.call("POST", f"orders/{order['id']}/payments", {})
    text = f'Cannot create a new payment for order {order["id"]} when the order status is "completed".'
    assert refusal(answer) == (422, text, None)


async def test_25_payments_at_most(mollie: MollieShop) -> None:
    order = await mollie.create(email="anna+fail@example.com")
    path = f"orders/{order['id']}/payments"
    assert [(await mollie.call("POST", path, {})).status_code for _ in range(25)] == [201] * 24 + [422]


# -- marks and switch -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mark", "order_status", "payment_status"),
    [
        ("+pay", "authorized", "authorized"),
        ("+authorize", "authorized", "authorized"),
        ("+fail", "created", "failed"),
        ("+cancel", "created", "canceled"),
        ("+expire", "created", "expired"),
        ("+pending", "pending", "pending"),
        ("+pending+pay", "authorized", "authorized"),
        ("", "created", "open"),
        ("+payment", "created", "open"),
    ],
)
async def test_a_mark_says_what_happens(mollie: MollieShop, mark: str, order_status: str, payment_status: str) -> None:
    order = await mollie.create(email=f"anna{mark}@example.com")
    assert order["status"] == "created"
    after = await mollie.order(order["id"])
    assert (after["status"], payments(after)) == (order_status, [payment_status])


async def test_a_mark_with_a_time(mollie: MollieShop) -> None:
    order = await mollie.create(email="anna+pending-late-10+pay-late-60@example.com")
    found = []
    for seconds in (9, 1, 49, 1):
        await mollie.advance(seconds=seconds)
        found.append((await mollie.order(order["id"]))["status"])
    assert found == ["created", "pending", "pending", "authorized"]


async def test_the_first_payment_fails_and_the_next_is_paid(mollie: MollieShop) -> None:
    order = await mollie.create(email="anna+fail-first+pay-late-60@example.com")
    assert payments(await mollie.order(order["id"])) == ["failed"]
    await mollie.call("POST", f"orders/{order['id']}/payments", {})
    assert payments(await mollie.order(order["id"])) == ["failed", "open"]
    await mollie.advance(seconds=60)
    assert payments(await mollie.order(order["id"])) == ["failed", "authorized"]


async def test_the_switch_pays(mollie: MollieShop) -> None:
    await mollie.switch(mollie_customer="pays", mollie_customer_seconds=30)
    order = await mollie.create(method=None)
    marked = await mollie.create(email="anna+fail@example.com")
    await mollie.advance(seconds=29)
    assert (await mollie.order(order["id"]))["status"] == "created"
    await mollie.advance(seconds=1)
    after = await mollie.order(order["id"])
    assert (after["status"], after["method"]) == ("paid", "ideal")
    assert payments(await mollie.order(marked["id"])) == ["failed"]


# -- recurring --------------------------------------------------------------------------------------------------------


def recurring(**fields: object) -> JSON:
    return {"sequenceType": "recurring", "customerId": "cst_1", "mandateId": "mdt_1", **fields}


async def test_a_recurring_order_is_paid_without_a_page(mollie: MollieShop) -> None:
    body = order_body(method=None, payment=recurring())
    del body["redirectUrl"]
    order = (await mollie.call("POST", "orders?embed=payments", body)).json()
    assert "checkout" not in order["_links"]
    [payment] = order["_embedded"]["payments"]
    assert (payment["sequenceType"], payment["customerId"], payment["mandateId"]) == ("recurring", "cst_1", "mdt_1")
    assert "checkout" not in payment["_links"]
    after = await mollie.order(order["id"])
    assert (statuses(after), after["method"]) == (("paid", ["paid", "paid"]), "creditcard")


async def test_a_recurring_order_takes_its_time_or_fails(mollie: MollieShop) -> None:
    await mollie.switch(mollie_recurring_seconds=86_400)
    order = await mollie.create(method="directdebit", payment=recurring())
    failing = await mollie.create(method="directdebit", payment=recurring(), email="anna+fail@example.com")
    assert (await mollie.order(order["id"]))["status"] == "created"
    assert payments(await mollie.order(failing["id"])) == ["failed"]
    await mollie.advance(days=1)
    assert (await mollie.order(order["id"]))["status"] == "paid"


@pytest.mark.parametrize(
    ("method", "payment", "found"),
    [
        ("klarna", recurring(), (422, "method")),
        ("creditcard", recurring(customerId=None), (422, "payment.customerId")),
        ("creditcard", recurring(customerId="1"), (404, None)),
        ("creditcard", recurring(customerId="cst_nomandate1"), (422, "payment.customerId")),
        ("creditcard", recurring(mandateId="1"), (422, "payment.mandateId")),
    ],
)
async def test_a_recurring_order_needs_a_mandate(
    mollie: MollieShop, method: str, payment: JSON, found: tuple[int, str | None]
) -> None:
    answer = await mollie.call("POST", "orders", order_body(method=method, payment=payment))
    assert refusal(answer)[::2] == found


async def test_a_first_payment_of_nothing_asks_for_a_mandate_only(mollie: MollieShop) -> None:
    payment = {"sequenceType": "first", "customerId": "cst_1"}
    order = await mollie.paid(line("0.00"), method="creditcard", payment=payment)
    assert (order["status"], order["_embedded"]["payments"][0]["mandateId"][:4]) == ("paid", "mdt_")


async def test_a_first_payment_gives_a_mandate(mollie: MollieShop) -> None:
    payment = {"sequenceType": "first", "customerId": "cst_1"}
    order = await mollie.paid(method="creditcard", payment=payment)
    assert order["_embedded"]["payments"][0]["mandateId"].startswith("mdt_")
