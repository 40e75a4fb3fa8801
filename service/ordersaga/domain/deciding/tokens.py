"""Customer tokens: of a subscription, whose order they are, or made beside an order.

A token can be charged, so that it is kept in the order's details alone, and told to the shop in `result`.
"""

from msgspec import UNSET
from msgspec.structs import replace

from ordersaga.domain.deciding import placing, waiting
from ordersaga.domain.deciding.builder import DecisionBuilder, Refused, summary_of
from ordersaga.domain.model.events import CustomerTokenCancelled, CustomerTokenRequested
from ordersaga.domain.model.ids import token_name
from ordersaga.domain.model.order import Operation, Order, Pending, Refusal
from ordersaga.domain.model.outcomes import Call, Elapsed, Send
from ordersaga.domain.model.results import Rejected, Result, Succeeded, TokenStatus

_HAS_ONE = "cancel its customer token first, or request the new one for another subscription"
_RESULT = "customer_token"
_SUSPENDED = "token_suspended"
_IS_SUSPENDED = "the provider has suspended the customer token, no order can be paid by it: ask there, or the customer"


def decide_request(builder: DecisionBuilder, pending: Pending, data: CustomerTokenRequested) -> None:
    if builder.order.status == "active":
        raise Refused("order_exists", "the subscription has a customer token", advice=_HAS_ONE)
    builder.turn_to_able("create_customer_token", pending.cause)
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
        waiting.for_order(builder, pending)
    if named == own and order.status == "cancelled":
        raise Refused("already_cancelled", "the customer token is cancelled")
    builder.turn_to_able("cancel_customer_token", pending.cause)
    builder.drop(pending)
    operation = builder.plan("cancel_customer_token", pending.cause, 0)
    builder.begin(operation, data)
    builder.keep_data(operation, pending)


def suspect(before: Order, call: Call | Elapsed, result: Result | None) -> str | None:
    """The name of the customer token that was refused as payment: its subscription's token has to be read."""
    paid_by = before.details.paid_by
    if not paid_by or not isinstance(call, Send) or not isinstance(result, Rejected):
        return None
    return token_name(paid_by) if call.operation.cause == before.placed else None


def looked(builder: DecisionBuilder, status: TokenStatus) -> None:
    """What a read of the subscription's token shows that no event has asked for."""
    if builder.order.status != "active":
        return
    if status == "cancelled":
        builder.change(status="cancelled")
        builder.clear_attention(_SUSPENDED)
        builder.emit("customer_token_cancelled", None)
    elif status == "active":
        builder.clear_attention(_SUSPENDED)
    else:
        suspended(builder, None)


def suspended(builder: DecisionBuilder, operation: Operation | None) -> None:
    """Tells it once. `operation`: whose end closes the attention."""
    if not builder.order.has_attention(_SUSPENDED):
        builder.raise_attention(operation, _SUSPENDED, _IS_SUSPENDED)


def cancelled(builder: DecisionBuilder, operation: Operation, _result: Succeeded) -> None:
    """The event may have named another token than the subscription's."""
    data = builder.data_kept(operation)
    assert isinstance(data, CustomerTokenCancelled)
    if data.customer_token in {UNSET, builder.order.details.customer_token}:
        builder.change(status="cancelled")
        builder.clear_attention(_SUSPENDED)
    builder.emit("customer_token_cancelled", operation.cause, operation=summary_of(operation, None))
