"""What the customer does without the control plane: by a mark in the e-mail address, or by a switch.

`anna+pay@example.com` pays at once, `anna+pay-late-60@example.com` after 60 virtual seconds; several marks happen one after
the other: `anna+pending+pay-late-3600@example.com`. `+fail-first`: the order's first payment fails, and what the other marks
say happens to those after it. `+decline`: Klarna declines every change of the authorization.
"""

import re
from collections.abc import Callable
from typing import Final, Literal, cast

from ordersaga_sandbox.mollie import expiry, paying
from ordersaga_sandbox.mollie.actor import Actor
from ordersaga_sandbox.mollie.order import Order, Payment
from ordersaga_sandbox.state import SandboxState

Action = Literal["pay", "authorize", "fail", "cancel", "expire", "pending"]

_MARK: Final = re.compile(
    r"\+(?P<action>pay|authorize|fail|cancel|expire|pending)(?:-late-(?P<seconds>\d{1,8}))?(?=[+@])"
)
_FAIL_FIRST: Final = re.compile(r"\+fail-first[+@]")
_DECLINE: Final = re.compile(r"\+decline[+@]")


def declines(order: Order) -> bool:
    """Whether Klarna declines every change, by the mark."""
    return _DECLINE.search(_email(order)) is not None


def schedule(state: SandboxState, order: Order, payment: Payment) -> None:
    """Plans what the customer does with a new payment."""
    for action, seconds in _plan(state, order, payment):
        state.schedule(payment.created_at + seconds, _step(state, order, payment, action))


def _plan(state: SandboxState, order: Order, payment: Payment) -> list[tuple[Action, float]]:
    if payment is order.payments[0] and _FAIL_FIRST.search(_email(order)):
        return [("fail", 0.0)]
    marks: list[tuple[Action, float]] = [
        (cast("Action", match["action"]), float(match["seconds"] or 0)) for match in _MARK.finditer(_email(order))
    ]
    if marks:
        return marks
    if payment.sequence_type == "recurring":
        return [("pay", state.switches.mollie_recurring_seconds)]
    return [("pay", state.switches.mollie_customer_seconds)] if state.switches.mollie_customer == "pays" else []


def _step(state: SandboxState, order: Order, payment: Payment, action: Action) -> Callable[[float], None]:
    def act_when_due(due: float) -> None:
        if payment.unfinished and not (action == "pending" and payment.status == "pending"):
            act(Actor(state, due, "customer"), order, payment, action)

    return act_when_due


def act(actor: Actor, order: Order, payment: Payment, action: Action, method: str | None = None) -> None:
    """`pay` pays or, with a method that is paid after delivery, authorizes. Raises MollieError."""
    match action:
        case "pay":
            paying.succeed(actor, order, payment, paying.choose(order, method))
        case "authorize":
            paying.succeed(actor, order, payment, paying.choose(order, method, later=True))
        case "pending":
            paying.put_under_review(actor, order, payment, paying.choose(order, method))
        case "fail":
            paying.end(actor, order, payment, "failed")
        case "cancel":
            paying.end(actor, order, payment, "canceled")
        case "expire":
            paying.end(actor, order, payment, "expired")
    expiry.expire_if_overdue(actor, order)


def _email(order: Order) -> str:
    return str((order.billing_address or {}).get("email", ""))
