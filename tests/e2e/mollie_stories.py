"""What becomes of orders at Mollie. Each story is told in the whole product, all at the same time; a webhook tells of
what the shop didn't ask for, and the provider's clock moves when every story waits for it.
"""

from typing import Final

from .mollie import ADDRESS, DAY, Story, Telling, as_shop, line, made_by_shop, part, purchase
from .play import Json

MOVES: Final = (3 * DAY, 30 * DAY)
"""Of the clock, one after the other: refunds arrive, payments expire; then orders."""
TRACKING: Final = [{"shipping_company": "PostNL", "tracking_number": "3SKABA", "tracking_uri": "https://t.example/1"}]


def _order(there: Json) -> list[tuple[str, int, int, int]]:
    return [
        (one["sku"], one["quantityShipped"], one["quantityCanceled"], one["quantityRefunded"]) for one in there["lines"]
    ]


async def _authorized(story: Story, *lines: Json) -> None:
    await story.tell("placed", purchase(*lines, method="klarna"))
    pending = await story.expect("payment_pending")
    assert pending.data["final"] is False
    assert pending.data["order"]["status"] == "pending_payment"
    assert pending.data["result"]["checkout_url"].startswith("http")
    await story.customer("pay")
    told = await story.expect("authorized")
    assert told.data["operation"]["amount"] == told.data["order"]["remaining_authorized_amount"]


async def _paid(story: Story, *lines: Json) -> None:
    await story.tell("placed", purchase(*lines, method="ideal"))
    await story.expect("payment_pending")
    await story.customer("pay")
    told = await story.expect("captured")
    assert told.data["order"]["status"] == "captured"


async def later(story: Story) -> None:
    """Paid later: shipped in parts, returned by lines and by amount, closed."""
    await _authorized(story)
    await story.tell("shipped", {"shipment_id": "s1", "order_lines": [part("A", 1)], "shipping_info": TRACKING})
    assert (await story.expect("captured")).data["operation"]["amount"] == 800
    await story.tell("shipped", {"shipment_id": "s2"})
    assert (await story.expect("captured")).data["order"]["status"] == "captured"
    await story.tell("tracking_added", {"shipment_id": "s2", "shipping_info": TRACKING})
    await story.expect("tracking_added")
    there = await story.there()
    assert [one["tracking"]["code"] for one in there["_embedded"]["shipments"]] == ["3SKABA", "3SKABA"]
    await story.tell("returned", {"return_id": "r1", "order_lines": [part("A", 1)]})
    assert (await story.expect("refunded")).data["operation"]["amount"] == 500
    await story.tell("returned", {"return_id": "r2", "refunded_amount": 123})
    assert (await story.expect("refunded")).data["operation"]["amount"] == 123
    await story.clock.moved()
    there = await story.there()
    assert {one["status"] for one in there["_embedded"]["refunds"]} == {"refunded"}
    await story.tell("closed")
    assert (await story.expect("released")).data["operation"]["amount"] == 0
    assert _order(await story.there()) == [("A", 4, 0, 1), ("S", 1, 0, 0)]


async def refund_fails(story: Story) -> None:
    """What failed can be returned again, under the same id."""
    await _authorized(story)
    await story.tell("shipped")
    await story.expect("captured")
    await story.tell("returned", {"return_id": "r", "order_lines": [part("A", 2)]})
    made = await story.expect("refunded")
    assert made.data["order"]["refunded_amount"] == 1000
    ident = made.data["operation"]["provider_id"]
    await story.refund(ident, "fail")
    failed = await story.expect("refund_failed!")
    assert failed.data["result"] == {"refund_id": ident}
    assert failed.data["order"]["refunded_amount"] == 0
    await story.tell("returned", {"return_id": "r", "order_lines": [part("A", 2)]})
    assert (await story.expect("refunded")).data["operation"]["amount"] == 1000


async def paid_first(story: Story) -> None:
    """Its money is taken at once, so that a shipment moves none."""
    await _paid(story)
    await story.tell("shipped", {"shipment_id": "s1", "order_lines": [part("A", 3)], "shipping_info": TRACKING})
    recorded = await story.expect("shipment_recorded")
    assert recorded.data["operation"]["amount"] is None
    await story.tell("tracking_added", {"shipment_id": "s1", "shipping_info": TRACKING})
    await story.expect("tracking_added")
    await story.tell("returned")
    refunded = await story.expect("refunded")
    assert refunded.data["order"]["refunded_amount"] == 2300
    await story.tell("closed")
    await story.expect("released")


async def payment_fails(story: Story) -> None:
    await story.tell("placed", purchase(method="ideal"))
    first = await story.expect("payment_pending")
    await story.customer("fail")
    failed = await story.expect("payment_pending")
    assert failed.data["result"]["payment_status"] == "failed"
    await story.tell("payment_retried", {"method": "creditcard"})
    again = await story.expect("payment_pending")
    assert again.data["cause"]["type"] == "shop.order.payment_retried.v1"
    assert again.data["final"] is True
    assert again.data["result"]["checkout_url"] != first.data["result"]["checkout_url"]
    await story.customer("pay")
    assert (await story.expect("captured")).data["cause"]["type"] == "shop.order.placed.v1"


async def nobody_pays(story: Story) -> None:
    """The payment expires, then the order."""
    await story.tell("placed", purchase(method="klarna"))
    await story.expect("payment_pending")
    await story.clock.moved()
    assert (await story.expect("payment_pending")).data["result"]["payment_status"] == "expired"
    await story.clock.moved()
    expired = await story.expect("expired")
    assert expired.data["cause"]["type"] == "shop.order.placed.v1"
    assert expired.data["order"]["released_amount"] == 2300


async def nobody_ships(story: Story) -> None:
    await _authorized(story)
    await story.tell("shipped", {"order_lines": [part("A", 1)]})
    await story.expect("captured")
    await story.clock.moved()
    await story.clock.moved()
    expired = await story.expect("expired!")
    assert expired.data["order"]["released_amount"] == 1500


async def cancelled_in_time(story: Story) -> None:
    """The open payment is waited for; it comes to nothing."""
    await story.tell("placed", purchase(method="ideal"))
    await story.expect("payment_pending")
    await story.tell("cancelled")
    await story.customer("cancel")
    await story.expect("payment_pending", "cancelled", "rejected cancelled_before_authorized")
    assert (await story.there())["status"] == "canceled"


async def cancelled_too_late(story: Story) -> None:
    """It is paid nevertheless: all goes back."""
    await story.tell("placed", purchase(method="ideal"))
    await story.expect("payment_pending")
    await story.tell("cancelled")
    await story.taken_in()
    await story.customer("pay")
    await story.expect("captured")
    cancelled = await story.expect("cancelled")
    assert cancelled.data["operation"]["amount"] == 2300
    assert cancelled.data["result"]["refund_id"]
    assert cancelled.data["order"]["refunded_amount"] == 2300


async def cancelled_once_authorized(story: Story) -> None:
    await story.tell("placed", purchase(method="klarna"))
    await story.expect("payment_pending")
    await story.tell("cancelled")
    await story.customer("pay")
    await story.expect("authorized", "cancelled")
    assert (await story.there())["status"] == "canceled"


async def reduced(story: Story) -> None:
    """Some lines are cancelled, some shipped, the rest cancelled: a line at a discount too."""
    await _authorized(story, line("A", 4, 500), line("D", 3, 1000, total_discount_amount=500))
    await story.tell("cancelled", {"order_lines": [part("A", 1), part("D", 1)]})
    assert (await story.expect("lines_cancelled")).data["operation"]["amount"] == 500 + 833
    await story.tell("shipped", {"order_lines": [part("D", 1)]})
    assert (await story.expect("captured")).data["operation"]["amount"] == 834
    await story.tell("cancelled")
    released = await story.expect("released")
    assert released.data["order"]["released_amount"] == 4500 - 834
    assert _order(await story.there()) == [("A", 0, 4, 0), ("D", 1, 2, 0)]


async def amended(story: Story) -> None:
    await _authorized(story)
    lines = [line("A", 5, 500), line("B", 1, 700)]
    await story.tell("amended", {"order_amount": 3200, "order_lines": lines})
    assert (await story.expect("amended")).data["order"]["order_amount"] == 3200
    await story.tell("shipped")
    assert (await story.expect("captured")).data["operation"]["amount"] == 3200


async def declined(story: Story) -> None:
    """Klarna declines it: nothing of it is kept."""
    await _authorized(story)
    await story.dashboard("decline")
    await story.tell("amended", {"order_amount": 3000, "order_lines": [line("A", 6, 500)]})
    refused = await story.expect("rejected 422")
    assert any("not allowed" in message for message in refused.data["error"]["messages"])
    await story.tell("shipped")
    assert (await story.expect("captured")).data["operation"]["amount"] == 2300


async def changed(story: Story) -> None:
    """Its addresses and its reference."""
    await _authorized(story)
    moved = ADDRESS | {"city": "Utrecht"}
    await story.tell("address_changed", {"shipping_address": moved, "billing_address": moved})
    await story.expect("address_changed")
    await story.tell("reference_changed", {"merchant_reference1": "another"})
    await story.expect("reference_changed")
    there = await story.there()
    assert (there["orderNumber"], there["shippingAddress"]["city"], there["billingAddress"]["city"]) == (
        "another",
        "Utrecht",
        "Utrecht",
    )
    await story.tell("shipped")
    await story.expect("captured")


async def recurring(story: Story) -> None:
    """Paid without a page."""
    await story.tell("placed", purchase(method="directdebit", sequence_type="recurring", customer_id="cst_1"))
    pending = await story.expect("payment_pending")
    assert "checkout_url" not in pending.data["result"]
    await story.expect("captured")


async def taken_over(story: Story) -> None:
    """The shop has made it; it has captures and refunds already."""
    made = as_shop(story.play, "/v2/orders", made_by_shop(story.name, line("A", 4, 500), mark="+pay"))
    shipped = {"lines": [{"id": made["lines"][0]["id"], "quantity": 1}]}
    as_shop(story.play, f"/v2/orders/{made['id']}/shipments", shipped)
    data = purchase(line("A", 4, 500))
    data["payment"] = {"provider": "mollie", "order_id": made["id"]}
    await story.tell("placed", data)
    told = await story.expect("authorized")
    assert (told.data["order"]["status"], told.data["order"]["captured_amount"]) == ("part_captured", 500)
    await story.tell("shipped")
    assert (await story.expect("captured")).data["operation"]["amount"] == 1500
    await story.tell("returned", {"order_lines": [part("A", 1)]})
    await story.expect("refunded")


async def another_ships(story: Story) -> None:
    """Another hand ships, refunds and cancels lines in the dashboard; the shop ships the rest."""
    await _authorized(story, line("A", 4, 500), line("B", 2, 400))
    first, second = (one["id"] for one in (await story.there())["lines"])
    await story.dashboard("ship", lines=[{"id": first, "quantity": 1}])
    captured = await story.expect("captured!")
    assert (captured.data["order"]["captured_amount"], captured.data["operation"]) == (500, None)
    await story.dashboard("refund", lines=[{"id": first, "quantity": 1}])
    assert (await story.expect("refunded!")).data["order"]["refunded_amount"] == 500
    await story.dashboard("cancel_lines", lines=[{"id": second, "quantity": 1}])
    assert (await story.expect("reconciled!")).data["order"]["released_amount"] == 400
    await story.tell("shipped")
    assert (await story.expect("captured")).data["operation"]["amount"] == 1900
    await story.dashboard("refund", amount={"currency": "EUR", "value": "1.00"})
    assert (await story.expect("refunded!")).data["order"]["refunded_amount"] == 600


async def another_cancels(story: Story) -> None:
    await _authorized(story)
    await story.dashboard("cancel")
    told = await story.expect("cancelled!")
    assert (told.data["order"]["status"], told.data["order"]["released_amount"]) == ("cancelled", 2300)
    await story.tell("shipped")
    await story.expect("rejected nothing_left_to_capture")


async def reviewed(story: Story) -> None:
    """The payment is under review before it is authorized."""
    await story.tell("placed", purchase(method="klarna"))
    await story.expect("payment_pending")
    await story.customer("pending")
    await story.customer("pay")
    await story.expect("authorized")
    await story.tell("cancelled")
    await story.expect("cancelled")


STORIES: Final[dict[str, Telling]] = {
    told.__name__.replace("_", "-"): told
    for told in (
        later,
        refund_fails,
        paid_first,
        payment_fails,
        nobody_pays,
        nobody_ships,
        cancelled_in_time,
        cancelled_too_late,
        cancelled_once_authorized,
        reduced,
        amended,
        declined,
        changed,
        recurring,
        taken_over,
        another_ships,
        another_cancels,
        reviewed,
    )
}
