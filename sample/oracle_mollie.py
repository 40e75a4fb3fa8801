"""What comes of an order that the customer pays at Mollie, event by event.

Sources: the contract; for limits and codes Mollie's documentation (mollie/api-documentation). The customers are the sandbox's
own (docs/sandbox.md): marks in the e-mail address of the billing address tell what they do.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from sample.oracle_mollie_lines import draw, draw_back, draw_off
from sample.oracle_order import Order, Waits, all_gone, end, enough, once, return_amount
from sample.oracle_parts import Line, Rejected, Unsaid, copy_of, lines_of, name

Json = dict[str, Any]
End = tuple[str, int | None]
"""The outcome's type, and what it moved."""
KLARNA = {"klarna", "klarnapaylater", "klarnasliceit", "klarnapaynow"}
LATER = KLARNA | {"in3", "riverty", "billie"}
"""Methods that authorize, so that shipments take the money. All others take it at once."""
PAYS = {"pay", "authorize"}
FAILS = {"fail", "cancel", "expire"}
LACKS = {"authorization_extension_requested", "invoice_resend_requested", "due_date_extension_requested"}
DECLINED = "422"
ADDRESS = ("given_name", "family_name", "email", "street_address", "postal_code", "city", "country")


@dataclass(frozen=True, slots=True)
class Customer:
    """`ends`: what becomes of each payment, but the first where `fails_first`; `late`: not at once."""

    ends: str
    late: bool = False
    fails_first: bool = False
    declines: bool = False

    @property
    def pays_first_time(self) -> bool:
        return self.ends in PAYS and not self.fails_first


@dataclass(slots=True)
class MollieOrder(Order):
    """`parcels`: of an order whose money was taken at once, its lines as they are shipped. `refunds`: their amounts."""

    provider: str = "mollie"
    method: str = "klarna"
    customer: Customer = field(default_factory=lambda: Customer("pay"))
    unpaid: bool = False
    never_paid: bool = False
    parcels: list[Line] = field(default_factory=list)
    refunds: tuple[int, ...] = ()

    @property
    def at_once(self) -> bool:
        return self.method not in LATER

    @property
    def placed_end(self) -> End:
        """Once it is paid."""
        return "captured" if self.at_once else "authorized", self.order_amount


def customer_of(data: Json) -> Customer:
    marks = data["billing_address"]["email"].split("@")[0].split("+")[1:]
    acts = [mark for mark in marks if mark.split("-late-")[0] in PAYS | FAILS]
    if not acts:
        if data["payment"].get("sequence_type") == "recurring":
            return Customer("pay")
        raise Unsaid("when a customer pays, if ever")
    ends, _, seconds = acts[-1].partition("-late-")
    return Customer(ends, bool(seconds), "fail-first" in marks, "decline" in marks)


def method_of(data: Json, customer: Customer) -> str:
    """The customer's choice, where the shop leaves it to them."""
    given = data["payment"].get("method")
    if isinstance(given, str):
        return given
    offered = given or (["klarna"] if customer.ends == "authorize" else ["ideal"])
    return str(next(one for one in offered if customer.ends == "pay" or one in LATER))


def place(data: Json) -> MollieOrder:
    """The order as it is at Mollie before anybody has paid. `refusal` has found nothing."""
    customer, amount = customer_of(data), data["order_amount"]
    order = MollieOrder(
        data["purchase_country"],
        data["purchase_currency"],
        lines_of(data),
        amount,
        0,
        method=method_of(data, customer),
        customer=customer,
        unpaid=True,
    )
    if customer.pays_first_time:
        pay(order)
    return order


def pay(order: MollieOrder) -> None:
    order.unpaid = False
    if not order.at_once:
        order.authorized = order.order_amount
        return
    order.parcels = copy_of(order.lines)
    for line in order.lines:
        line.captured, line.captured_worth = line.quantity, line.total
    all_gone(order)
    order.captured = order.order_amount


def retry(order: MollieOrder) -> None:
    """Another payment; the customer may pay it at once, or later."""
    customer = order.customer
    if not order.unpaid or order.never_paid:
        raise Unsaid("the code for another payment of what is paid, or never will be")
    if customer.late and not customer.fails_first:
        raise Unsaid("whether the last payment has failed by then")
    order.customer = replace(customer, fails_first=False)


def copied(order: MollieOrder) -> MollieOrder:
    return replace(order, lines=copy_of(order.lines), shipments=dict(order.shipments), parcels=copy_of(order.parcels))


def act(order: MollieOrder, what: str, data: Json, event_id: str) -> End:
    """Raises Waits while something may yet make it possible."""
    if order.never_paid:
        raise Unsaid("what comes of events of an order that was cancelled before it was paid")
    if what in LACKS:
        raise Rejected("unsupported_by_provider")
    if what in {"tracking_added", "address_changed", "reference_changed"}:
        return _change(order, what, data)
    if order.unpaid:
        return _unpaid(order, what, data)
    if what in {"shipped", "returned"}:
        return (_ship if what == "shipped" else _give_back)(order, data, event_id)
    return {"cancelled": _cancel, "closed": _close, "amended": _amend}[what](order, data)


def _unpaid(order: MollieOrder, what: str, data: Json) -> End:
    """Its payment came to nothing."""
    if what == "amended":
        raise Unsaid("which amount of its placed is told, if it is amended before it is paid")
    whole = what == "closed" or (what == "cancelled" and "order_lines" not in data)
    if not whole:
        raise Waits("payment")
    order.never_paid = True
    return end(order)


def _ship(order: MollieOrder, data: Json, event_id: str) -> End:
    shipment = data.get("shipment_id", event_id)
    once(order, "shipment", shipment)
    _check_parcels(data.get("shipping_info", []))
    pool = order.parcels if order.at_once else order.lines
    left = sum(line.total - line.gone_worth for line in pool) if order.at_once else order.remaining
    if "captured_amount" in data and "order_lines" not in data:
        if order.at_once or data["captured_amount"] == left:
            raise Unsaid("an amount that Mollie could take, or has taken")
        raise Rejected("not_acceptable_to_provider")
    if order.at_once and order.refunds:
        raise Unsaid("shipping what may have been refunded")
    amount = _draw_shipped(pool, left, data)
    if order.at_once:
        order.shipments[shipment] = 0
        return "shipment_recorded", None
    order.captured += amount
    order.shipments[shipment] = amount
    order.shipped = True
    return "captured", amount


def _draw_shipped(lines: list[Line], left: int, data: Json) -> int:
    given = data.get("captured_amount")
    amount = draw(lines, left, data.get("order_lines"), given)
    if given not in {None, amount}:
        raise Rejected("amounts_do_not_add_up")
    return amount


def _give_back(order: MollieOrder, data: Json, event_id: str) -> End:
    once(order, "return", data.get("return_id", event_id))
    fee: int = data.get("return_fee", {}).get("amount", 0)
    wanted = data.get("order_lines")
    if wanted is None:
        worth = return_amount(order, data, fee)
    else:
        enough(order, wanted)
        worth = draw_back(order.lines, order.refundable, wanted, data.get("refunded_amount"))
        if data.get("refunded_amount") not in {None, worth - fee}:
            raise Rejected("amounts_do_not_add_up")
    if fee > worth:
        raise Unsaid("a fee above the refund")
    if len(data.get("description", "")) > 140:
        raise Rejected("not_acceptable_to_provider")
    if worth - fee in order.refunds:
        raise Unsaid("when Mollie takes a second refund of the same amount")
    order.refunds = (*order.refunds, *([worth - fee] if worth > fee else []))
    order.refunded += worth - fee
    order.kept += fee
    return "refunded", worth - fee


def _cancel(order: MollieOrder, data: Json) -> End:
    wanted = data.get("order_lines")
    if order.at_once:
        if wanted is None:
            raise Unsaid("whether the customer or the cancellation is faster")
        for want in wanted:
            name(order.lines, want["reference"])
        raise Rejected("nothing_left_to_cancel")
    if wanted is None:
        if order.over:
            raise Rejected("already_captured" if order.captured else "already_cancelled")
        _ask(order)
        return end(order)
    worth = draw_off(order.lines, order.remaining, wanted)
    _ask(order)
    order.released += worth
    if order.remaining:
        return "lines_cancelled", worth
    all_gone(order)
    return ("released" if order.captured else "cancelled"), worth


def _close(order: MollieOrder, _data: Json) -> End:
    if order.over:
        return "released", 0
    _ask(order)
    return end(order)


def _amend(order: MollieOrder, data: Json) -> End:
    """The amended lines are the whole order from then on."""
    if data["order_amount"] < order.captured and not order.at_once:
        raise Rejected("already_captured")
    if order.over or any(line.gone for line in order.lines):
        raise Unsaid("amending an order of which a part was shipped or cancelled")
    _ask(order)
    order.lines, order.order_amount, order.released = lines_of(data), data["order_amount"], 0
    return "amended", order.order_amount


def _ask(order: MollieOrder) -> None:
    """Klarna may decline each change of its authorization."""
    if order.customer.declines and order.method in KLARNA:
        raise Rejected(DECLINED)


def _change(order: MollieOrder, what: str, data: Json) -> End:
    """What moves no money."""
    if order.status == "cancelled":
        raise Unsaid("changing an order that was cancelled")
    if what == "tracking_added":
        if "shipment_id" not in data:
            raise Rejected("not_acceptable_to_provider")
        _check_parcels(data["shipping_info"])
        if data["shipment_id"] not in order.shipments:
            raise Waits("shipment_unknown")
    elif what == "reference_changed":
        if not data.get("merchant_reference1") or "merchant_reference2" in data:
            raise Rejected("not_acceptable_to_provider")
    elif order.over and not order.parcels:
        raise Unsaid("the address of an order of which nothing is left")
    elif not all(_is_address(data[one]) for one in ("billing_address", "shipping_address") if one in data):
        raise Rejected("not_acceptable_to_provider")
    return what, None


def _check_parcels(parcels: list[Json]) -> None:
    """Mollie keeps one tracking code of a shipment, with its carrier."""
    if len(parcels) > 1 or not all(one.get("shipping_company") and one.get("tracking_number") for one in parcels):
        raise Rejected("not_acceptable_to_provider")


def refusal(data: Json) -> str | None:
    """Why Mollie doesn't take the order; of `amended` only the lines are there."""
    if not data["order_amount"] or any(len(line["name"]) > 255 for line in data["order_lines"]):
        raise Unsaid("limits that aren't documented")
    if not all(map(_takes, data["order_lines"])):
        return "not_acceptable_to_provider"
    payment = data.get("payment")
    if payment is None:
        return None
    if "locale" not in data or "billing_address" not in data:
        raise Unsaid("what comes of an order that lacks what is required for Mollie")
    addresses = [data[one] for one in ("billing_address", "shipping_address") if one in data]
    if "merchant_reference2" in data or data.get("auto_capture") or not all(map(_is_address, addresses)):
        return "not_acceptable_to_provider"
    no_mandate = payment.get("customer_id", "").startswith("cst_nomandate")
    return DECLINED if no_mandate and payment.get("sequence_type") == "recurring" else None


def _is_address(address: Json) -> bool:
    return all(address.get(one) for one in ADDRESS)


def _takes(line: Json) -> bool:
    """A line of an order: create-order.rst."""
    kind, lowers = line.get("type", "physical"), {"discount", "gift_card", "store_credit"}
    amounts = (line["unit_price"], line["total_amount"])
    return (
        kind != "sales_tax"
        and line["quantity"] >= 1
        and len(line.get("reference", "")) <= 255
        and line.get("total_discount_amount", 0) >= 0
        and 0 <= line.get("tax_rate", 0) <= 10000
        and all(amount <= 0 if kind in lowers else amount >= 0 for amount in amounts)
    )
