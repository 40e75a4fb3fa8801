"""The sandbox's customers at the model of Mollie: marks in the e-mail address say what becomes of each payment."""

from typing import Any

from sample.oracle import Event
from sample.oracle_checks import what_of
from sample.oracle_mollie import FAILS, KLARNA, LATER, Customer, customer_of, method_of

from ordersaga.domain import saga
from ordersaga.domain.model.order import Request
from ordersaga.domain.model.outcomes import Wait
from ordersaga.domain.model.results import Result

from .mollie_books import OrderThere
from .mollie_life import MollieLife
from .whole_mollie import Json, WholeMollie, no


class MollieOfSample(WholeMollie):
    """`slow`: who pays takes their time."""

    def __init__(self, *, slow: bool) -> None:
        super().__init__()
        self._slow = slow

    def add(self, body: Json, now: float) -> OrderThere:
        made = super().add(body, now)
        made.pays_later = _method(made) in LATER
        return made

    def customers_act(self, *, at_last: bool = False) -> bool:
        """Whether one did."""
        acted = [self._acts(order, at_last=at_last) for order in self.orders.values()]
        return any(acted)

    def _acts(self, order: OrderThere, *, at_last: bool) -> bool:
        if order.state != "created" or order.payments[-1].status != "open":
            return False
        customer = _customer(order)
        fails = customer.ends in FAILS or (customer.fails_first and len(order.payments) == 1)
        if not at_last and (customer.late if fails and not customer.fails_first else self._slow and not fails):
            return False
        (self.fail if fails else self.pay)(order)
        return True

    def _write(self, request: Request, now: float) -> Result:
        changes = request.method == "DELETE" or request.path.endswith("/lines")
        if changes and any(map(_is_declined, self.orders.values())):
            return no("Update authorization not allowed.")
        if "cst_nomandate" in (request.body or ""):
            return no("No suitable mandates found for customer")
        return super()._write(request, now)


def _is_declined(order: OrderThere) -> bool:
    return order.state != "created" and "+decline" in order.told["billingAddress"]["email"] and _method(order) in KLARNA


def _method(order: OrderThere) -> str:
    """What the customer chooses, or that of a recurring payment."""
    given = order.told.get("method")
    return given if isinstance(given, str) else method_of({"payment": {"method": given}}, _customer(order))


def _customer(order: OrderThere) -> Customer:
    return customer_of({"payment": {}, "billing_address": order.told["billingAddress"]})


class LifeOfSample(MollieLife):
    """One history of the sample; the model is of euros."""

    def __init__(self, events: list[Event], *, slow: bool) -> None:
        super().__init__(model=MollieOfSample(slow=slow))
        for event in events:
            data: dict[str, Any] = event.data
            if "purchase_currency" in data:
                data = {**data, "purchase_currency": "EUR"}
            self.tell(what_of(event.type) or "", data, event.id)
            self._rest()
        self._to_the_end()

    @property
    def _customers(self) -> MollieOfSample:
        assert isinstance(self.mollie, MollieOfSample)
        return self.mollie

    def _rest(self) -> None:
        while self.act():
            if self._customers.customers_act():
                self.hint()

    def _to_the_end(self) -> None:
        """Until nothing waits any more; not until what is left of the order expires."""
        self._rest()
        if self._customers.customers_act(at_last=True):
            self.hint()
            self._rest()
        while self.order.pending or self.order.operations:
            following = saga.next_call(self.order, self.now, self.rules)
            assert isinstance(following, Wait), following
            self.wait(following.until - self.now)
            self._rest()
