"""An order that the customer pays at the provider, whose lines have ids there and whose changes by other hands are followed."""

from typing import Any

from msgspec.structs import replace

from ordersaga.domain.model.order import Order
from ordersaga.domain.model.outcomes import Outcome, Read, Send
from ordersaga.domain.model.results import CaptureSeen, LineSeen, PaymentSeen, Snapshot, Succeeded
from ordersaga.domain.model.terms import Rules
from ordersaga.domain.uncertainty.hints import Hint, with_hint

from .shop import FakeTerms, Story, line, order_of

Json = dict[str, Any]
A, B = line("A", 2, 50), line("B", 1, 100)
URL = "https://provider.example/pay"
PAYING = PaymentSeen("tr-1", open=True, status="open", url=URL)
PAID = PaymentSeen("tr-1", open=False, status="paid")
FAILED = PaymentSeen("tr-1", open=False, status="failed")


class PaidThere(Story):
    """The test answers each call."""

    def __init__(self, *lines: Json, **more: Any) -> None:
        terms = FakeTerms()
        terms.whole_lines = terms.follows_others = True
        terms.refund_per_capture = False
        terms.without_reference = {"capture", "record_shipment"}
        super().__init__(eager=False, rules=Rules({"mollie": terms}))
        self.terms = terms
        if lines:
            self.placed(*lines, **more)

    def placed(self, *lines: Json, **more: Any) -> list[Outcome]:
        payment = {"provider": "mollie", "redirect_url": "https://shop.example/thanks"}
        place: Json = {"locale": "nl-NL", "billing_address": {"country": "NL"}}
        return self.tell("placed", {**order_of(*lines), **place, "payment": payment, **more})

    def books(self, **more: Any) -> Snapshot:
        """The provider's books as ours, with an id for each line."""
        order = self.order
        there = tuple(
            LineSeen(f"odl-{i}", line.reference, line.quantity, line.total, line.cancelled_quantity, line.cancelled)
            for i, line in enumerate(order.lines)
        )
        same = Snapshot(
            order.provider_order_id or "ord-1",
            _status(order),
            "",
            order.currency,
            order.order_amount,
            order.captured_amount,
            order.refunded_amount,
            order.remaining,
            order.expires_at,
            lines=there,
            payment=PAYING,
        )
        return replace(same, **more)

    def made(self, **more: Any) -> list[Outcome]:
        """The order is created; by default the customer has yet to pay."""
        call = self.next()
        assert isinstance(call, Send)
        assert call.operation.type == "create_order_to_pay"
        books = self.books(**more)
        result = {"checkout_url": URL} if books.status == "pending_payment" else {}
        return self.answer(Succeeded("ord-1", result=result, snapshot=books))

    def read(self, **more: Any) -> list[Outcome]:
        """The read that is due next shows this."""
        if not isinstance(self.next(), Read):
            self.wait()
        assert isinstance(self.next(), Read), self.next()
        return self.answer(Succeeded(snapshot=self.books(**more)))

    def hinted(self) -> None:
        """The provider has notified us."""
        self.order = with_hint(self.order, Hint(self.now))

    def authorized(self) -> list[Outcome]:
        return self.read(status="authorized", payment=PaymentSeen("tr-1", open=False, status="authorized"))


def _status(order: Order) -> Any:
    if order.status in {"new", "pending_payment"}:
        return "pending_payment"
    return order.status if order.status in {"authorized", "part_captured", "captured"} else "authorized"


def paid_later(*lines: dict[str, object]) -> PaidThere:
    story = PaidThere(*(lines or (A, B)))
    story.made()
    story.authorized()
    return story


def paid_first() -> PaidThere:
    story = PaidThere(A, B)
    story.made()
    taken = CaptureSeen("tr-1", 200, lines=(("A", 2, 100), ("B", 1, 100)))
    story.read(status="captured", captured_amount=200, remaining_amount=0, captures=(taken,), payment=PAID)
    return story
