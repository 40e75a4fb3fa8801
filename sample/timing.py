"""Whether a story ends the same however fast the service and the provider are.

A return may be decided as soon as, or long after, its goods were captured; a cancellation or closing waits for a
capture in flight, and shipments told after it may be decided first. A story belongs into the sample only where none
of this shows in its end.
"""

from collections.abc import Iterator

from sample.oracle import Event, replay
from sample.oracle_checks import fits_schema, what_of
from sample.oracle_mollie import LATER, customer_of, method_of
from sample.oracle_parts import Unsaid

PASSES = {"returned": {"shipped", "cancelled", "closed"}, "cancelled": {"shipped", "returned"}}
PASSES["closed"] = PASSES["cancelled"]


def same_whatever_the_timing(events: list[Event]) -> bool:
    """Whether every order of deciding that timing may bring about has one end, which the contract states."""
    events = [event for event in events if fits_schema(what_of(event.type) or "", event.data)]
    try:
        end = replay(events)
        return all(replay(other) == end for other in _other_orders(events))
    except Unsaid:
        return False


def _is_paid_first(event: Event) -> bool:
    """Of an order that is paid before it ships nothing waits for its shipments, and no call is a capture."""
    if what_of(event.type) != "placed" or event.data["payment"]["provider"] != "mollie":
        return False
    return method_of(event.data, customer_of(event.data)) not in LATER


def _other_orders(events: list[Event]) -> Iterator[list[Event]]:
    if any(_is_paid_first(event) for event in events):
        return
    kinds = [what_of(event.type) or "" for event in events]
    for here, kind in enumerate(kinds):
        for step in (1, -1) if kind == "returned" else (1,) if kind in PASSES and "shipped" in kinds[:here] else ():
            there = here + step
            while 0 <= there < len(events) and kinds[there] in PASSES[kind]:
                others = events[:here] + events[here + 1 :]
                yield [*others[:there], events[here], *others[there:]]
                there += step
