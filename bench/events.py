"""What an event costs, by how many its order has had before."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]  # it ships no types

from bench.contenders import Ground, running
from bench.figures import Figures, Measure, figures
from bench.load import Event, Shop
from bench.measure import Mark, reached, verify

_SPAN: Final = 10  # events of each order that are measured together


async def by_number(ground: Ground, shop: Shop, round_: int, orders: int, events: int) -> tuple[Figures, Figures]:
    """Of orders that are shipped piece by piece: the first ten events after `placed`, and the ten up to `events`.

    The next event of all orders is sent when all have had their last one.
    """
    topic = await ground.new_topic(f"orders-long-lived-{round_}")
    async with running(ground, "ordersaga", "all", topic) as run:
        asked, marks = Counter(await run.asked()), dict[int, Mark]()
        producer = AIOKafkaProducer(bootstrap_servers=ground.kafka, acks="all", max_batch_size=900_000)
        await producer.start()
        try:
            for number in range(1, events + 1):
                for event in _events(shop, orders, number, events):
                    await producer.send(topic, event.value, event.key, headers=list(event.headers))
                await producer.flush()
                mark = await reached(run, run.published, number * orders)
                if number in {1, 1 + _SPAN, events - _SPAN, events}:
                    marks[number] = mark
        finally:
            await producer.stop()
        ends = {one.id: one.what for number in range(1, events + 1) for one in _events(shop, orders, number, events)}
        made = Counter(await run.asked()) - asked
        await verify(run, ends, made, {"create_order": orders, "capture": (events - 1) * orders})
    return (
        _between("first events of an order", round_, marks[1], marks[1 + _SPAN]),
        _between("300th event of an order", round_, marks[events - _SPAN], marks[events]),
    )


def _events(shop: Shop, orders: int, number: int, pieces: int) -> Iterator[Event]:
    """The `number`th event of each order."""
    for order in range(orders):
        yield shop.long_lived("long", order, pieces) if number == 1 else shop.part_shipped("long", order, number)


def _between(measure: Measure, round_: int, first: Mark, last: Mark) -> Figures:
    return figures(measure, "ordersaga", round_, last.done - first.done, last.at - first.at, first.costs, last.costs)
