"""Leads an order through any history with the model of Mollie; the books must agree with Mollie's at its end."""

from typing import Any

from ordersaga.domain import saga
from ordersaga.domain.model.terms import Terms
from ordersaga.domain.uncertainty.hints import Hint, with_hint
from ordersaga.providers.mollie.terms import MollieTerms

from .life import Life, Provider
from .mollie_books import OrderThere
from .shop import DAY, KEY, Json, order_of
from .whole_mollie import WholeMollie

ADDRESS: Json = {
    "given_name": "Ada",
    "family_name": "Lovelace",
    "email": "ada@shop.example",
    "street_address": "Keizersgracht 1",
    "postal_code": "1015 CC",
    "city": "Amsterdam",
    "country": "NL",
}
PLACE: Json = {"locale": "nl-NL", "billing_address": ADDRESS, "purchase_currency": "EUR"}


def to_pay(*lines: Json, method: str | None = "klarna", **more: Any) -> Json:
    """An order that the customer pays at Mollie: later, or first."""
    payment = {"provider": "mollie", "redirect_url": "https://shop.example/thanks", "method": method}
    return {**order_of(*lines), **PLACE, "payment": payment, **more}


class MollieLife(Life):
    """`model`: another one of Mollie than the usual."""

    def __init__(self, terms: Terms | None = None, model: WholeMollie | None = None) -> None:
        super().__init__(terms or MollieTerms(), KEY, "mollie")
        self.mollie = model or WholeMollie()

    @property
    def there(self) -> Provider:
        return self.mollie

    @property
    def account(self) -> OrderThere:
        """Mollie's order, as we know it."""
        assert self.order.provider_order_id is not None
        return self.mollie.orders[self.order.provider_order_id]

    def hint(self) -> None:
        """Mollie has notified us."""
        self._change(with_hint(self.order, Hint(self.now)))

    def restore(self, number: int) -> None:
        """What was forgotten may be decided otherwise: by the lines as Mollie has them by now."""
        self.requests = {}
        super().restore(number)

    def at_last(self) -> None:
        """An order whose payment came to nothing would be read for weeks, until it expires."""
        super().at_last()
        if self.order.status == "pending_payment" and not self.account.is_paid and self.account.ended is None:
            self.wait(29 * DAY)

    def at_the_end(self) -> None:
        """I6, and our books are the provider's, unless a person has the order."""
        order = self.order
        if order.operations:
            assert order.operations[0].stage == "stuck"
            assert order.attentions
            return
        waiting = {one.cause.id for one in order.pending}
        assert not waiting or order.has_attention("shipment_waits")
        assert self.finals == set(self.told) - waiting, "I6"
        if self.rules.restored_at:
            return  # events may be decided otherwise the second time: that they move no money twice is all
        if not order.accepted:
            assert sum(one.captured for one in self.mollie.orders.values()) == 0
            return
        if order.has_attention("books_differ"):
            return
        there = self.account
        assert (order.captured_amount, order.refunded_amount) == (there.captured, there.refunded)
        assert order.remaining == there.remaining
        if order.status not in {"cancelled", "expired"}:
            self._lines_agree()
        assert saga.due_call(order, self.now, self.rules) == (None, None)

    def _lines_agree(self) -> None:
        """No unit is over at Mollie that isn't here."""
        there = {line.id: line for line in self.account.lines}
        for line in self.order.lines:
            shown = there.get(line.id)
            if shown is None or not self.account.pays_later:
                continue
            assert (line.captured_quantity, line.captured) == (shown.shipped_quantity, shown.shipped)
            assert (line.cancelled_quantity, line.cancelled) == (shown.cancelled_quantity, shown.cancelled)
