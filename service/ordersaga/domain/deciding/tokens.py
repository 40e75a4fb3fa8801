"""Customer tokens: of a subscription, whose order they are, or made beside an order.

A token can be charged, so that it is kept in the order's details alone, and told to the shop in `result`.
"""

from msgspec import UNSET
from msgspec.structs import replace

from ordersaga.domain.deciding import placing
from ordersaga.domain.deciding.builder import DecisionBuilder, Refused, summary_of
from ordersaga.domain.model.events import CustomerTokenCancelled, CustomerTokenRequested
from ordersaga.domain.model.order import Operation, Pending, Refusal
from ordersaga.domain.model.results import Succeeded

_HAS_ONE = "cancel its customer token first, or request the new one for another subscription"
_RESULT = "customer_token"


def decide_request(builder: DecisionBuilder, pending: Pending, data: CustomerTokenRequested) -> None:
    if builder.order.status == "active":
        raise Refused("order_exists", "the subscription has a customer token", advice=_HAS_ONE)
    builder.turn_to_able("create_customer_token")
    builder.drop(pending)
    builder.begin(builder.plan("create_customer_token", pending.cause, 0), data)


def created(builder: DecisionBuilder, operation: Operation, result: Succeeded) -> None:
    """Final for a subscription; beside an order that is still to be placed, it isn't."""
    given = dict(result.result)
    if result.provider_id is not None:  # a person has looked it up
        given[_RESULT] = result.provider_id
    beside = operation.cause == builder.order.placed
    if not beside:
        details = replace(builder.order.details, customer_token=given[_RESULT])
        builder.change(status="active", details=details)
    builder.emit(
        "customer_token_created",
        operation.cause,
        final=not beside,
        operation=summary_of(operation, None),
        result=given,
    )


def not_created(builder: DecisionBuilder, operation: Operation, refusal: Refusal) -> None:
    """No order is made either, where one was to be placed with it."""
    if operation.cause == builder.order.placed:
        placing.refused(builder, operation, refusal)
        return
    builder.change(status="rejected")
    builder.refuse(operation.cause, refusal, operation=operation)


def decide_cancel(builder: DecisionBuilder, pending: Pending, data: CustomerTokenCancelled) -> None:
    order = builder.order
    own = order.details.customer_token
    named = own if data.customer_token is UNSET else data.customer_token
    if not named and order.status == "rejected":
        raise Refused("order_rejected", "no customer token was created for this subscription")
    if not named:
        builder.wait_for_order(pending)
    if named == own and order.status == "cancelled":
        raise Refused("already_cancelled", "the customer token is cancelled")
    builder.turn_to_able("cancel_customer_token")
    builder.drop(pending)
    operation = builder.plan("cancel_customer_token", pending.cause, 0)
    builder.begin(operation, data)
    builder.keep_data(operation, pending)


def cancelled(builder: DecisionBuilder, operation: Operation, _result: Succeeded) -> None:
    """The event may have named another token than the subscription's."""
    data = builder.data_kept(operation)
    assert isinstance(data, CustomerTokenCancelled)
    if data.customer_token in {UNSET, builder.order.details.customer_token}:
        builder.change(status="cancelled")
    builder.emit("customer_token_cancelled", operation.cause, operation=summary_of(operation, None))
