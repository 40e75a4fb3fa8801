"""With `mollie-api-python`, Mollie's own client: orders, lines, shipments, refunds, payments, captures, pages.

Run by `test_sandbox_mollie_python.py`, without the packages that the tests have.
"""

import importlib
import json
import sys
import traceback
import urllib.request
from typing import Any

mollie: Any = importlib.import_module("mollie.api.client")
errors: Any = importlib.import_module("mollie.api.error")

EUR = "EUR"


class Shop:
    def __init__(self, url: str, key: str = "test_shop") -> None:
        self.url = url
        self.client = mollie.Client(api_endpoint=url)
        if key.startswith("access_"):
            self.client.set_access_token(key)
        else:
            self.client.set_api_key(key)

    def control(self, path: str, body: object) -> Any:
        request = urllib.request.Request(f"{self.url}/_sandbox/{path}", json.dumps(body).encode(), method="POST")
        with urllib.request.urlopen(request) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def create(self, method: str = "klarna", **more: Any) -> Any:
        return self.client.orders.create({**wish(method), **more}, embed="payments")

    def authorized(self) -> Any:
        return self.paid("klarna")

    def paid(self, method: str = "ideal") -> Any:
        order = self.create(method)
        self.control(f"mollie/payments/{order.id}", {"action": "pay"})
        return self.read(order)

    def read(self, order: Any) -> Any:
        return self.client.orders.get(order.id, embed="payments,refunds,shipments")


def amount(value: str) -> dict[str, str]:
    return {"currency": EUR, "value": value}


def wish(method: str) -> dict[str, Any]:
    address = {
        "givenName": "Anna",
        "familyName": "Smit",
        "email": "anna@example.com",
        "streetAndNumber": "Keizersgracht 1",
        "postalCode": "1015 CW",
        "city": "Amsterdam",
        "country": "NL",
    }
    bricks = {
        "name": "Bricks",
        "quantity": 2,
        "unitPrice": amount("399.00"),
        "discountAmount": amount("100.00"),
        "totalAmount": amount("698.00"),
        "vatRate": "21.00",
        "vatAmount": amount("121.14"),
        "productUrl": "https://shop.example/bricks",
    }
    car = {
        "name": "Car",
        "quantity": 3,
        "unitPrice": amount("10.00"),
        "totalAmount": amount("30.00"),
        "vatRate": "21.00",
        "vatAmount": amount("5.21"),
        "sku": "C-1",
    }
    return {
        "amount": amount("728.00"),
        "orderNumber": "A-1",
        "lines": [bricks, car],
        "billingAddress": address,
        "metadata": {"shop": 1},
        "locale": "nl_NL",
        "redirectUrl": "https://shop.example/thanks",
        "method": method,
    }


def refuses(kind: str, text: str, call: Any, field: str | None = None) -> None:
    error = refusal_of(call)
    assert error is not None, f"it wasn't refused: {text}"
    assert type(error).__name__ == kind, error
    assert text in str(error), error
    assert error.field == field, error.field


def refusal_of(call: Any) -> Any:
    try:
        call()
    except errors.ResponseError as error:
        return error
    return None


def check_an_order_is_created_with_its_payment_and_page(shop: Shop) -> None:
    order = shop.create()
    assert order.is_created()
    assert order.checkout_url.startswith(shop.url)
    assert order.amount == amount("728.00")
    assert order.metadata == {"shop": 1}
    assert order.expires_at
    assert [line.name for line in order.lines.list()] == ["Bricks", "Car"]
    [payment] = order.payments.list()
    assert payment.is_open()
    assert payment.get_order().id == order.id


def check_an_order_is_updated(shop: Shop) -> None:
    order = shop.create()
    updated = shop.client.orders.update(order.id, {"orderNumber": "A-2"})
    assert updated.order_number == "A-2"


def check_an_order_is_canceled(shop: Shop) -> None:
    order = shop.authorized()
    canceled = shop.client.orders.delete(order.id)
    assert canceled["status"] == "canceled"
    assert shop.read(order).is_canceled()


def check_orders_come_in_pages(shop: Shop) -> None:
    made = [shop.create(orderNumber=str(number)).id for number in range(5)]
    page = shop.client.orders.list(limit=2)
    seen: list[str] = []
    while page is not None:
        seen += [order.id for order in page]
        assert page.count <= 2
        page = page.get_next()
    assert seen == made[::-1]
    second = shop.client.orders.list(limit=2).get_next()
    assert second.has_previous()
    assert [order.id for order in second.get_previous()] == made[:-3:-1]


def check_lines_are_updated_and_canceled(shop: Shop) -> None:
    order = shop.authorized()
    bricks, car = order.lines.list()
    updated = order.lines.update(car.id, {"name": "Blue car"})
    assert updated.name == "Blue car"
    assert order.lines.delete_lines({"lines": [{"id": car.id, "quantity": 1}]}) == {}
    assert order.lines.delete(bricks.id) == {}
    after = shop.read(order)
    assert [line.status for line in after.lines.list()] == ["canceled", "authorized"]
    assert order.lines.delete_lines() == {}
    assert shop.read(order).is_canceled()


def check_shipments_capture(shop: Shop) -> None:
    order = shop.authorized()
    bricks, _ = order.lines.list()
    refuses(
        "UnprocessableEntityError",
        "The amount must be between €299.00 and €399.00.",
        lambda: order.shipments.create({"lines": [{"id": bricks.id, "quantity": 1}]}),
        "lines.0.amount",
    )
    tracking = {"carrier": "PostNL", "code": "3S"}
    part = {"id": bricks.id, "quantity": 1, "amount": amount("350.00")}
    first = order.shipments.create({"lines": [part], "tracking": tracking})
    assert first.has_tracking()
    assert not first.has_tracking_url()
    assert [line.total_amount for line in first.lines] == [amount("350.00")]
    assert shop.read(order).is_shipping()
    order.shipments.create()
    after = shop.read(order)
    assert after.is_completed()
    assert after.amount_captured == amount("728.00")
    assert next(one.id for one in order.shipments.list()) == first.id
    updated = order.shipments.update(first.id, {"tracking": {**tracking, "url": "https://post.example/3S"}})
    assert updated.tracking_url == "https://post.example/3S"
    assert order.shipments.get(first.id).get_order().id == order.id
    [payment] = after.payments.list()
    assert payment.is_paid()
    assert payment.has_captures()
    captures = list(payment.captures.list())
    assert [one.amount["value"] for one in captures] == ["378.00", "350.00"]
    assert payment.captures.get(captures[1].id).shipment_id == first.id


def check_refunds_by_line(shop: Shop) -> None:
    order = shop.paid()
    _, car = order.lines.list()
    refund = order.refunds.create(
        {"lines": [{"id": car.id, "quantity": 2}], "description": "Broken", "metadata": {"reference": "R-1"}}
    )
    assert refund.is_pending()
    assert refund.amount == amount("20.00")
    assert refund.metadata == {"reference": "R-1"}
    assert [line.quantity for line in refund.lines] == [2]
    rest = order.refunds.create()
    assert rest.amount == amount("708.00")
    after = shop.read(order)
    assert after.has_refunds()
    assert after.amount_refunded == amount("728.00")
    assert [one.id for one in after.refunds.list()] == [rest.id, refund.id]


def check_refunds_of_any_amount(shop: Shop) -> None:
    order = shop.paid()
    [payment] = order.payments.list()
    assert payment.can_be_refunded()
    refund = payment.refunds.create({"amount": amount("1.00")})
    refuses(
        "ConflictError",
        "A duplicate refund has been detected",
        lambda: payment.refunds.create({"amount": amount("1.00")}),
    )
    assert payment.refunds.get(refund.id).get_payment().id == payment.id
    assert [one.id for one in payment.refunds.list()] == [refund.id]
    assert payment.refunds.delete(refund.id) == {}
    refuses("NotFoundError", "No refund exists", lambda: payment.refunds.get(refund.id))


def check_another_payment_after_one_that_failed(shop: Shop) -> None:
    order = shop.create()
    refuses("UnprocessableEntityError", "Cannot create a new payment", lambda: order.payments.create({}))
    shop.control(f"mollie/payments/{order.id}", {"action": "fail"})
    payment = order.payments.create({"method": "ideal"})
    assert payment.is_open()
    assert payment.checkout_url
    assert [one.status for one in shop.read(order).payments.list()] == ["failed", "open"]


def check_an_order_is_not_captured_by_its_payment(shop: Shop) -> None:
    order = shop.authorized()
    [payment] = order.payments.list()
    refuses(
        "UnprocessableEntityError",
        "Please use the Shipments API instead",
        lambda: payment.captures.create({"amount": amount("1.00")}),
    )


def check_the_same_key_gives_the_same_order(shop: Shop) -> None:
    one = shop.client.orders.create(wish("klarna"), idempotency_key="k")
    assert shop.client.orders.create(wish("klarna"), idempotency_key="k").id == one.id
    refuses("BadRequestError", "Idempotency-Key", lambda: shop.client.orders.create(wish("ideal"), idempotency_key="k"))


def check_an_access_token_names_its_mode_and_profile(shop: Shop) -> None:
    partner = Shop(shop.url, "access_shop")
    partner.client.set_testmode(True)
    order = partner.client.orders.create(wish("klarna") | {"profileId": "pfl_1"})
    assert (order.mode, order.profile_id) == ("test", "pfl_1")
    assert shop.client.orders.get(order.id).id == order.id
    refuses("UnprocessableEntityError", "profileId", lambda: partner.client.orders.create(wish("klarna")), "profileId")


def check_a_wrong_key_is_unauthorized(shop: Shop) -> None:
    refuses("UnauthorizedError", "Missing authentication", lambda: Shop(shop.url, "test_wrong").create())


def check_an_unknown_order_is_not_found(shop: Shop) -> None:
    refuses("NotFoundError", "No order exists with token ord_1.", lambda: shop.client.orders.get("ord_1"))


def main(url: str) -> None:
    for name, check in list(globals().items()):
        if not name.startswith("check_"):
            continue
        error = None
        try:
            shop = Shop(url)
            shop.control("reset", {})
            check(shop)
        except Exception:  # noqa: BLE001 - it is told, as the check's result
            error = traceback.format_exc()
        print(json.dumps({"check": name.removeprefix("check_"), "error": error}))


if __name__ == "__main__":
    main(sys.argv[1])
