"""Invalid input is kept, rejected where the shop can get an outcome, and stalls no other order."""

import asyncio
from collections import Counter

from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]  # it ships no types

from .conftest import Opening
from .play import Json, Play, event, life, placed, record, shipped

MEBIBYTE = 1 << 20


def _bad(key: bytes | None, value: bytes | None, **headers: bytes) -> Json:
    return {"raw": {"key": key, "value": value, "headers": headers}}


def _with_headers(one: Json, **headers: bytes) -> Json:
    made = record(one)
    return {"raw": {"key": made["key"], "value": made["value"], "headers": dict(made["headers"]) | headers}}


INVALID = [
    event("nul", 1, "cancelled", {"reason": "with a \0 within"}),
    event("digits", 1, "shipped", {"captured_amount": 12345678901234567890}),
    event("line", 1, "returned", {"order_lines": [{"reference": "A", "quantity": -1}]}),
    event("version", 1, "shipped", {}) | {"type": "shop.order.shipped.v2"},
    {"raw": _with_headers(shipped("json"))["raw"] | {"value": b'{"half":'}},
]
NO_EVENTS = [
    _bad(b"empty", None),
    _bad(None, b"neither key nor headers"),
    _bad(b"binary", b"{}", ce_specversion=b"1.0", ce_id=b"\xff\xfe"),
    _with_headers(placed("header"), ce_merchant=b"\xc3\x28"),
    _bad(b"structured", b"[]", **{"content-type": b"application/cloudevents+json"}),
]


async def _publish_in_transactions(play: Play) -> None:
    """Aborted events must never be acted on; committed ones must."""
    name = f"shop-{play.stage.run}"
    async with AIOKafkaProducer(bootstrap_servers=play.stage.kafka, transactional_id=name) as shop:
        await shop.begin_transaction()
        for one in life(["taken back"]):
            await shop.send(play.stage.orders_topic, **record(one))
        await shop.flush()
        await asyncio.sleep(0.5)
        await shop.abort_transaction()
        async with shop.transaction():
            for one in life(["committed"]):
                await shop.send(play.stage.orders_topic, **record(one))


async def _publish_too_large(play: Play) -> None:
    """The brokers accept it, as it is small when compressed."""
    large = placed("large") | {"data": placed("large")["data"] | {"merchant_data": "x" * MEBIBYTE}}
    limit = {"max_request_size": 8 * MEBIBYTE, "compression_type": "gzip"}
    async with AIOKafkaProducer(bootstrap_servers=play.stage.kafka, **limit) as shop:
        await shop.send_and_wait(play.stage.orders_topic, **record(large))


async def test_bad_input_is_kept_and_stalls_nobody(opened: Opening) -> None:
    async with opened() as play:
        service = play.service()
        await play.publish(life(["before"]))
        await play.publish([*INVALID, *NO_EVENTS, event("shop", 1, "shipped", {}, merchant="nobody")])
        await _publish_too_large(play)
        await _publish_in_transactions(play)
        await play.publish(life(map(str, range(20))))
        foreign = record(placed("keyed"))
        await play.publish([{"raw": foreign | {"key": b"another key", "headers": dict(foreign["headers"])}}])
        await play.ended(2 * 22 + 1)
        assert await play.dead_letter_codes() == Counter(
            invalid_event=len(INVALID), invalid_envelope=len(NO_EVENTS), unknown_merchant=1, too_large=1
        )
        told = Counter((one.what, one.data["final"]) for one in play.books.seen.values())
        assert told == {("authorized", True): 23, ("captured", True): 22, ("rejected", False): len(INVALID)}
        assert play.doubled() == []
        assert service.pid
        assert not any("taken back" in (effect["token"] or "") for effect in play.sandbox.effects())
