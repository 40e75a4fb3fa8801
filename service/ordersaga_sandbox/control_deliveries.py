"""The control plane: deliveries to the merchant."""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from ordersaga_sandbox.control_request import ControlRequest, decode, page, problem
from ordersaga_sandbox.http import Response, json_response
from ordersaga_sandbox.routes import Route


class _DeliveryAction(Struct, forbid_unknown_fields=True, kw_only=True):
    """`seconds`: virtual, from now, for `delay`. `times`: attempts, for `lose`."""

    action: Literal["send", "delay", "lose", "stop"]
    seconds: Annotated[float, Meta(ge=0)] = 0
    times: Annotated[int, Meta(ge=1)] = 1


def list_deliveries(request: ControlRequest) -> Response:
    asked = page(request)
    deliveries = request.state.deliveries.after(asked.after, asked.limit)
    return json_response({"deliveries": [delivery.view() for delivery in deliveries]})


def read_delivery(request: ControlRequest) -> Response:
    return json_response(request.state.deliveries.get(request.params["seq"]).view())


async def send_due(request: ControlRequest) -> Response:
    """Sends what is due, and waits for it: also for attempts in progress, and repetitions that are due meanwhile."""
    await request.courier.send_due()
    return list_deliveries(request)


async def act(request: ControlRequest) -> Response:
    """`send`: an attempt now, also of one that has ended: a copy or a straggler."""
    state = request.state
    delivery = state.deliveries.get(request.params["seq"])
    body = decode(request, _DeliveryAction)
    if body.action != "send" and delivery.due_at is None:
        return problem(409, f"delivery {delivery.seq} has ended: {delivery.state}")
    match body.action:
        case "send":
            await request.courier.send(delivery)
        case "delay":
            state.deliveries.plan(delivery, state.clock.now() + body.seconds)
        case "lose":
            delivery.losses = body.times
        case "stop":
            delivery.end("stopped")
    return json_response(delivery.view())


ROUTES: Final = (
    Route("GET", "/deliveries", list_deliveries),
    Route("GET", "/deliveries/{seq}", read_delivery),
    Route("POST", "/deliveries/send", send_due),
    Route("POST", "/deliveries/{seq}", act),
)
