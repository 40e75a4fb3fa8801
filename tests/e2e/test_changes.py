"""Changes without money, from the shop's event to the provider's books and back as an outcome."""

from collections import Counter

from .conftest import Opening
from .play import event, life

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
