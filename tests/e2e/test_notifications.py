"""Reviews whose decision the provider's notifications tell, as in the demo."""

from ordersaga_local.notifying import disturbed, of_reviews, web_settings
from ordersaga_local.process import free_port

from .conftest import Opening
from .play import PROVIDER, Json, life, until

ORDERS = 12
NEVER = {"ORDERSAGA_REVIEW_POLL": "600"}


def under_review(names: list[str]) -> list[Json]:
    events = life(names)
    for event in events[: len(names)]:
        event["data"]["payment"]["authorization_token"] = f"sbx-pending-{event['subject']}"
    return events


async def test_reviews_end_by_notifications_alone_even_if_each_comes_twice(opened: Opening) -> None:
    port = free_port()
    async with opened(NEVER | web_settings(port)) as play:
        play.sandbox.control("switches", "PUT", PROVIDER | {"delivery_copies": 2})
        play.service(ORDERSAGA_WEB__PORT=str(port))
        await play.publish(under_review([f"R{number}" for number in range(ORDERS)]))
        await play.ended(2 * ORDERS)
        assert play.books.by_type == {"review_pending": ORDERS, "authorized": ORDERS, "captured": ORDERS}
        assert play.doubled() + await play.restless() == []
        reviews = of_reviews(play.sandbox.deliveries(), play.sandbox.effects(), play.books)
        assert (reviews.decided, reviews.notified, reviews.polled) == (ORDERS, ORDERS, 0)
        assert reviews.problems() == []


async def test_a_review_whose_notification_gets_lost_is_polled(opened: Opening) -> None:
    port = free_port()
    async with opened({"ORDERSAGA_REVIEW_POLL": "7"} | web_settings(port)) as play:
        play.sandbox.control("switches", "PUT", PROVIDER)
        play.service(ORDERSAGA_WEB__PORT=str(port))
        async with disturbed(play.sandbox, late=2):
            await play.publish(under_review([f"R{number}" for number in range(ORDERS)]))
            await play.ended(2 * ORDERS)
            await until(lambda: all(d["attempts"] for d in play.sandbox.deliveries()), 10, "a delivery isn't made")
        reviews = of_reviews(play.sandbox.deliveries(), play.sandbox.effects(), play.books)
        assert reviews.decided == ORDERS
        assert (reviews.lost, reviews.polled, reviews.twice) == (2, 2, 3)
