"""Bugs in the domain, as the intake meets them."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from ordersaga.domain import saga
from ordersaga.domain.model.events import Event
from ordersaga.domain.model.order import Order
from ordersaga.domain.model.outcomes import Decision
from ordersaga.domain.model.terms import Rules


def bug_in_accept(monkeypatch: pytest.MonkeyPatch, *names: str, broken: Callable[[Order], Order] | None = None) -> None:
    """For events with these ids: an exception, or a decision that the database refuses."""
    right = saga.accept

    def accept(order: Order | None, event: Event, now: float, rules: Rules, *, taken: bool = False) -> Decision:
        decision = right(order, event, now, rules, taken=taken)
        if event.cause.id not in names:
            return decision
        if broken is None:
            raise ZeroDivisionError
        return replace(decision, order=broken(decision.order))

    monkeypatch.setattr(saga, "accept", accept)
