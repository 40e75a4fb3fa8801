"""What happens at Mollie between the events of a case: Klarna declines a change, webhooks come."""

import asyncio
from typing import Final

from e2e.play import Play, until

from .files import Json, UnknownFormError, check_fields

CUSTOMER: Final = {"mollie_customer": "pays", "mollie_customer_seconds": 0.2, "log_bodies": True}
"""Switches of the sandbox: the customer pays by themself; what was sent is looked at."""
_STATUSES: Final = ("shipping", "completed")
"""Of an order of which the webhooks of a case tell, in this order."""
_DECLINES: Final = {"declines": "PATCH lines", "status": 422}


def order_id(play: Play, subject: str) -> str:
    """At Mollie."""
    found = {told.data["provider_order_id"] for told in play.books.seen.values() if told.order == subject} - {None}
    assert len(found) == 1, f"{subject}: its orders at Mollie are {found}"
    return str(found.pop())


async def act(play: Play, step: Json) -> None:
    """`declines`: the next change of lines. `webhooks`: a webhook with the order's id, as often as statuses are named."""
    ident = order_id(play, step["order"])
    if "webhooks" in step:
        check_fields(step, "order", "webhooks")
        await _webhooks(play, ident, step["webhooks"])
        return
    check_fields(step, "order", *_DECLINES)
    if {name: step[name] for name in _DECLINES} != _DECLINES:
        raise UnknownFormError(f"Mollie {step}")
    await asyncio.to_thread(play.sandbox.control, f"mollie/orders/{ident}", "POST", {"action": "decline"})


async def _webhooks(play: Play, ident: str, statuses: list[str]) -> None:
    """Returns when each was answered. They don't tell the status, so that the order must have passed the ones named."""
    there = await asyncio.to_thread(play.sandbox.control, f"mollie/orders/{ident}")
    if not statuses or not set(statuses) <= set(_STATUSES) or statuses[-1] != there["status"]:
        raise UnknownFormError(f"webhooks {statuses} of an order that is {there['status']}")
    before = len(_of_order(play, ident))
    action = {"action": "webhook", "times": len(statuses)}
    await asyncio.to_thread(play.sandbox.control, f"mollie/orders/{ident}", "POST", action)

    def answered() -> bool:
        found = _of_order(play, ident)
        sent = len(found) == before + len(statuses)
        return sent and all(one["attempts"] and one["attempts"][-1]["status"] == 200 for one in found)

    await until(answered, 10, lambda: f"webhooks of {ident}: {_of_order(play, ident)}")


def _of_order(play: Play, ident: str) -> list[Json]:
    return [one for one in play.sandbox.deliveries() if one["kind"] == "order_webhook" and one["order_id"] == ident]
