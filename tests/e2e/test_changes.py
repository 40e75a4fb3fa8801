"""Changes without money, from the shop's event to the provider's books and back as an outcome."""

from collections import Counter
from typing import Final

import pytest

from .conftest import Opening
from .play import Json, event, life, placed

REFERENCES = "/ordermanagement/v1/orders/{order_id}/merchant-references"


async def test_changed_references_reach_the_provider_once_even_when_answers_are_lost(opened: Opening) -> None:
    async with opened() as play:
        play.sandbox.control(
            "/faults", "POST", {"action": "drop_after", "route": REFERENCES, "times": 3, "probability": 1.0}
        )
        play.service()
        names = [str(number) for number in range(6)]
        changes = [event(name, 3, "reference_changed", {"merchant_reference1": f"new-{name}"}) for name in names]
        await play.publish([*life(names), *changes])
        await play.ended(3 * len(names))
        told = Counter(finals[0].what for finals in play.books.finals.values())
        assert told == {"authorized": 6, "captured": 6, "reference_changed": 6}
        made = [effect for effect in play.sandbox.effects() if effect["kind"] == "references"]
        assert sorted(effect["merchant_reference1"] for effect in made) == [f"new-{name}" for name in names]
        assert play.doubled() == []
        assert await play.restless() == []


ORDER = "/ordermanagement/v1/orders/{order_id}"
CHANGES: Final[dict[str, tuple[str, str, Json, str]]] = {
    "tracking_added": (
        "shipping_info",
        f"{ORDER}/captures/{{capture_id}}/shipping-info",
        {"shipment_id": "s", "shipping_info": [{"shipping_company": "Post", "tracking_number": "TR1"}]},
        "tracking_added",
    ),
    "address_changed": (
        "customer_details",
        f"{ORDER}/customer-details",
        {"shipping_address": {"given_name": "Grace", "family_name": "Hopper", "city": "London", "country": "GB"}},
        "address_changed",
    ),
    "authorization_extension_requested": ("extend", f"{ORDER}/extend-authorization-time", {}, "extended"),
    "invoice_resend_requested": (
        "send_out",
        f"{ORDER}/captures/{{capture_id}}/trigger-send-out",
        {"shipment_id": "s"},
        "invoice_resent",
    ),
    "due_date_extension_requested": (
        "due_date",
        f"{ORDER}/captures/{{capture_id}}/extend-due-date",
        {"shipment_id": "s", "number_of_days": 14},
        "due_date_extended",
    ),
}


@pytest.mark.parametrize("what", CHANGES)
async def test_each_change_takes_effect_once_even_when_its_answers_are_lost(opened: Opening, what: str) -> None:
    kind, route, data, told = CHANGES[what]
    async with opened() as play:
        play.sandbox.control(
            "/faults", "POST", {"action": "drop_after", "route": route, "times": 2, "probability": 1.0}
        )
        play.service()
        names = [str(number) for number in range(3)]
        lines = {"order_lines": [{"reference": "A", "quantity": 1}], "shipment_id": "s"}
        events = [placed(name, amount=1000) for name in names]
        events += [event(name, 2, "shipped", lines) for name in names if "shipment_id" in data]
        await play.publish([*events, *(event(name, 3, what, data) for name in names)])
        await play.ended(len(events) + len(names))
        outcomes = Counter(finals[0].what for finals in play.books.finals.values())
        assert outcomes[told] == 3, play.logged()
        made = [effect for effect in play.sandbox.effects() if effect["kind"] == kind]
        assert len(made) == 3
        assert play.doubled() == []
        assert await play.restless() == []
