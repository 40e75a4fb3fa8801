"""What a broker and a busy shop add: repeated records, ids used twice, records that are no events."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import timedelta
from random import Random
from typing import Any

from sample.stories import Step, Story

Json = dict[str, Any]
# What a repeat from a merchant that isn't known counts as, the contract doesn't say.
MERCHANTS = {"default", "gifts"}
MOST_LINES = 100
"""Of what is repeated: for the sake of the file's size."""
STRUCTURED = {"content-type": "application/cloudevents+json"}


def noise(stories: list[Story], rng: Random) -> list[Step]:
    """Records to be published beside the stories' own, each after the event it takes after."""
    steps = [step for story in stories for step in story.steps if "raw" not in step.event]
    small = [step for step in steps if len(step.event["data"].get("order_lines", ())) <= MOST_LINES]
    extra = [_again(step, rng) for step in rng.sample(small, len(steps) // 50)]
    extra += [_other_content(step, rng) for step in rng.sample(steps, 40)]
    hosts = rng.sample([story.steps[0] for story in stories], 6 * len(BROKEN) + 4 * len(NO_EVENT))
    for number, host in enumerate(hosts):
        extra += list(_malformed(number, host, rng))
    return extra


def in_other_forms(stories: list[Story], rng: Random) -> None:
    """Some valid events in binary mode, without a subject (the key has it), or without a merchant (it is `default`)."""
    tellers = [story for story in stories if story.merchant == "default" and len(story.steps) > 1]
    for form in (_binary, _without("subject"), _without("merchant")):
        for story in rng.sample(tellers, 12):
            tellers.remove(story)
            last = story.steps[-1]
            story.steps[-1] = Step(last.at, form(last.event))


def _later(step: Step, rng: Random) -> Any:
    return step.at + timedelta(seconds=rng.choice([1, 60, 7200, 200000]))


def _again(step: Step, rng: Random) -> Step:
    """The same event; now and then with another time, which decides nothing."""
    event = deepcopy(step.event)
    if rng.random() < 0.1:
        event["time"] = _later(step, rng).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Step(_later(step, rng), event)


def _other_content(step: Step, rng: Random) -> Step:
    event = deepcopy(step.event)
    if rng.random() < 0.3:
        event["type"] = "shop.order.address_changed.v1"
    else:
        event["data"]["reason"] = "another text under the same id"
    return Step(_later(step, rng), event)


def _raw(host: Step, headers: Json, value: str) -> Json:
    return {"raw": {"key": host.event["subject"], "headers": headers, "value": value}}


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _binary(event: Json) -> Json:
    headers = {f"ce_{name}": event[name] for name in event if name not in {"data", "datacontenttype"}}
    value = _compact(event["data"])
    return {
        "raw": {"key": event["subject"], "headers": {"content-type": "application/json", **headers}, "value": value}
    }


def _without(attribute: str) -> Callable[[Json], Json]:
    def form(event: Json) -> Json:
        envelope = {name: value for name, value in event.items() if name != attribute}
        return {"raw": {"key": event["subject"], "headers": STRUCTURED, "value": _compact(envelope)}}

    return form


def _malformed(number: int, host: Step, rng: Random) -> Iterator[Step]:
    """One broken record in the name of the host's order; the first of a kind is sent again, or mended under its id."""
    event = deepcopy(host.event) | {"id": f"{host.event['subject']}-x"}
    at = _later(host, rng)
    if number >= 6 * len(BROKEN):
        yield Step(at, NO_EVENT[number % len(NO_EVENT)](host, event))
        return
    broken = BROKEN[number % len(BROKEN)](event)
    yield Step(at, broken)
    if number < len(BROKEN) and broken.get("merchant") in MERCHANTS:
        second = deepcopy(broken)
        if number % 2:
            second |= {"type": "shop.order.closed.v1", "data": {"reason": "mended under the same id"}}
        yield Step(at + timedelta(minutes=1), second)


def _typed(kind: str, data: Any) -> Callable[[Json], Json]:
    return lambda event: event | {"type": f"shop.order.{kind}", "data": data}


def _merchant(name: str) -> Callable[[Json], Json]:
    return lambda event: event | {"merchant": name}


def _no_json(event: Json) -> Json:
    envelope = {name: event[name] for name in ("specversion", "id", "source", "subject", "time", "merchant")}
    headers = {f"ce_{name}": value for name, value in envelope.items()}
    headers |= {"ce_type": "shop.order.shipped.v1", "content-type": "application/json"}
    return {"raw": {"key": event["subject"], "headers": headers, "value": '{"order_lines": [{"reference":'}}


LINE = {"reference": "A", "name": "A", "quantity": 1, "unit_price": 100, "total_amount": 100}
PLACED: Json = {
    "payment": {"provider": "klarna", "authorization_token": "sbx-x"}, "purchase_country": "GB",
    "purchase_currency": "GBP", "order_amount": 100, "order_lines": [LINE],
}  # fmt: skip
BROKEN: list[Callable[[Json], Json]] = [
    _typed("shipped.v2", {}),
    _typed("shipped.v1", {"order_lines": "all"}),
    _typed("teleported.v1", {"to": "the moon"}),
    _typed("shipped.v1", {"order_lines": [{"reference": "A", "quantity": -1}]}),
    _typed("shipped.v1", {"captured_amount": 10.5}),
    _typed("returned.v1", {"refunded_amount": 10**19}),
    _typed("cancelled.v1", {"reason": "a NUL \0 within"}),
    _typed("shipped.v1", {"captured_amount": True}),
    _typed("placed.v1", {name: value for name, value in PLACED.items() if name != "payment"}),
    _typed("placed.v1", PLACED | {"order_lines": []}),
    _typed("placed.v1", PLACED | {"order_amount": -100}),
    _typed("placed.v1", PLACED | {"order_lines": [LINE | {"name": ""}]}),
    _merchant("toys"),
    _no_json,
]


def _lacking(attribute: str) -> Callable[[Step, Json], Json]:
    def make(host: Step, event: Json) -> Json:
        return _raw(host, STRUCTURED, _compact({name: event[name] for name in event if name != attribute}))

    return make


NO_EVENT: list[Callable[[Step, Json], Json]] = [
    _lacking("id"),
    _lacking("type"),
    _lacking("source"),
    _lacking("specversion"),
    lambda host, event: _raw(host, STRUCTURED, _compact(event | {"subject": "s" * 256})),
    lambda host, _: _raw(host, STRUCTURED, "<order>no JSON</order>"),
    lambda host, _: _raw(host, STRUCTURED, "[]"),
    lambda host, _: _raw(host, {}, "hello"),
]
