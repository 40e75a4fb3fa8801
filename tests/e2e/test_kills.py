"""`kill -9` at any time, with lost responses as well: the same result, every effect once."""

import asyncio
import random

import pytest

from .conftest import Opening
from .killing import kill
from .play import CAPTURES, CREATE, PROVIDER, Play, slice_of_sample

ORDER = "/ordermanagement/v1/orders/{order_id}"
MOLLIE = "/v2/orders/{order_id}"
LOST = (
    ("POST", CREATE),
    ("POST", CAPTURES),
    ("POST", f"{ORDER}/refunds"),
    ("POST", f"{ORDER}/cancel"),
    ("POST", f"{ORDER}/release-remaining-authorization"),
    ("PATCH", f"{ORDER}/authorization"),
    ("POST", "/v2/orders"),
    ("POST", f"{MOLLIE}/payments"),
    ("POST", f"{MOLLIE}/shipments"),
    ("POST", f"{MOLLIE}/refunds"),
    ("POST", "/v2/payments/{payment_id}/refunds"),
    ("PATCH", MOLLIE),
    ("PATCH", f"{MOLLIE}/lines"),
    ("DELETE", MOLLIE),
    ("DELETE", f"{MOLLIE}/lines"),
)
FOR_A_PERSON = {
    "abandoned", "tokenized", "token_kept", "token_cancelled", "token_cancelled_early", "token_refused", "token_fails"
}  # fmt: skip
"""Histories in which a lost response goes to a person: an authorization is withdrawn, a customer token is made, or an
order by one is refused.
"""


def _hinder(play: Play) -> list[str]:
    """Most responses are late; some are lost although the call took effect. The ids of these faults."""
    play.sandbox.control("switches", "PUT", PROVIDER)
    delays = []
    for seed, (method, route) in enumerate(LOST):
        where = {"method": method, "route": route, "seed": seed}
        play.sandbox.control("faults", "POST", where | {"action": "drop_after", "probability": 0.1})
        late = {"action": "delay", "effect": True, "seconds": 0.3, "probability": 0.8}
        slow = {"action": "delay", "seconds": 0.1}
        delays += [play.sandbox.control("faults", "POST", where | delay)["id"] for delay in (late, slow)]
    return delays


@pytest.mark.parametrize(
    ("each", "times"), [pytest.param(2, 2, id="two"), pytest.param(16, 24, id="two dozen", marks=pytest.mark.long)]
)
async def test_a_service_killed_again_and_again_comes_to_the_same_end(opened: Opening, each: int, times: int) -> None:
    events, expected = slice_of_sample(each, without=FOR_A_PERSON)
    settings = {"ORDERSAGA_WAITS__ORDER": "5", "ORDERSAGA_WAITS__SHIPMENT": "5"}
    async with opened(settings, slots=4) as play:
        delays = _hinder(play)
        publishing = asyncio.create_task(play.publish(events, rate=len(events) / 3))
        service, dice = play.service(), random.Random(times)
        unsettled = []
        for number in range(times):
            unsettled.append(await kill(play, service, dice, reading=number % 5 == 3))
            service.start()
        await publishing
        for delay in delays:
            play.sandbox.control(f"faults/{delay}", "DELETE")
        await play.ended(len(expected.events(final=True)), 120)
        lost = sum(request["fault"] == "drop_after" for request in play.sandbox.requests())
        print(f"calls unsettled at each of {times} kills: {unsettled}; answers lost besides: {lost}")
        assert sum(map(bool, unsettled)) >= times / 2
        assert lost > times
        assert await play.inconsistencies(expected) == []
