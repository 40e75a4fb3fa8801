"""The committed sample: its totals agree with each other, it holds what it claims, and no personal data."""

import ast
import gzip
import json
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sample.carts import CUSTOMERS
from sample.expected import expected
from sample.oracle import read, replay
from sample.oracle_changes import OUTCOMES
from sample.timing import same_whatever_the_timing

Json = dict[str, Any]
SAMPLE = Path(__file__).resolve().parents[2] / "sample"
KINDS = ("order", "subscription")
PLACED = "shop.order.placed.v1"
STARTED = "shop.order.checkout_started.v1"
EVENTS, EXPECTED = SAMPLE / "events.ndjson.gz", SAMPLE / "expected.json.gz"


@cache
def records() -> list[Json]:
    return [json.loads(line) for line in gzip.decompress(EVENTS.read_bytes()).splitlines()]


@cache
def summary() -> Json:
    return dict(json.loads(gzip.decompress(EXPECTED.read_bytes())))


def test_the_files_are_small_and_hold_no_time() -> None:
    assert EVENTS.stat().st_size + EXPECTED.stat().st_size <= 2_000_000
    assert EVENTS.read_bytes()[4:8] == EXPECTED.read_bytes()[4:8] == bytes(4)


def test_the_expectations_are_what_the_oracle_says_of_the_events() -> None:
    orders = summary()["orders"]
    kinds = {(order["merchant"], order["kind"], order["subject"]): order["history"] for order in orders}
    assert json.loads(json.dumps(expected(read(records()), kinds))) == summary()


def test_counts_agree() -> None:
    said, events = summary(), [e for order in summary()["orders"] for e in order["events"].values()]
    assert said["events"] == len(records())
    no_new_event = said["dead_letters"]["id_reused"] + said["dead_letters"]["invalid_envelope"]
    assert said["events"] == said["distinct"] + said["duplicates"] + no_new_event
    assert said["distinct"] == len(events) + said["dead_letters"]["unknown_merchant"]
    final = [event for event in events if event.get("final", True)]
    assert Counter(event["type"] for event in final) == said["outcomes"]
    assert Counter(event["code"] for event in final if "code" in event) == said["codes"]
    assert said["open"]["invalid_event"] == said["dead_letters"]["invalid_event"] == len(events) - len(final)


def test_the_money_agrees_with_the_books_and_with_what_the_outcomes_moved() -> None:
    books: Counter[tuple[str, str, str, str]] = Counter()
    moved: Counter[tuple[str, str, str, str]] = Counter()
    names = {"authorized": "authorized", "captured": "captured", "refunded": "refunded"}
    names |= dict.fromkeys(("released", "cancelled", "lines_cancelled"), "released")
    for order in summary()["orders"]:
        key = (order["merchant"], order["provider"], order["currency"])
        for name in ("captured", "refunded", "released"):
            books[(*key, name)] += order[name] or 0
        moved[(*key, "authorized")] += order.get("bought", 0)
        for event in order["events"].values():
            if event["type"] in names:
                moved[(*key, names[event["type"]])] += event.get("amount", 0)
    for merchant, providers in summary()["money"].items():
        for provider, currencies in providers.items():
            for currency, sums in currencies.items():
                assert {name: moved[merchant, provider, currency, name] for name in sums} == sums
                assert all(books[merchant, provider, currency, n] == sums[n] for n in sums if n != "authorized")


def test_a_share_of_the_orders_of_each_merchant_goes_by_mollie() -> None:
    accepted = Counter((order["merchant"], order["provider"]) for order in summary()["orders"] if order["provider"])
    for merchant in ("default", "gifts"):
        share = accepted[merchant, "mollie"] / (accepted[merchant, "klarna"] + accepted[merchant, "mollie"])
        assert 0.1 < share < 0.2, merchant


def test_the_books_of_every_order_balance() -> None:
    for order in summary()["orders"]:
        if order["order_amount"] is None:
            continue
        remaining = order["order_amount"] - order["captured"] - order["released"]
        assert 0 <= order["refunded"] <= order["captured"], order
        assert remaining >= 0, order
        assert (remaining > 0) == (order["status"] in {"authorized", "part_captured"}), order


def test_histories_do_not_depend_on_timing() -> None:
    for events in list(read(records()).events.values())[::5]:
        assert same_whatever_the_timing(events), events[0].subject


def test_what_comes_early_is_awaited_for_few_records_only() -> None:
    """So that no deadline passes while the sample is being published."""
    first_seen: dict[tuple[str, str], int] = {}
    for number, record in enumerate(records()):
        for events in read([record]).events.values():
            first_seen.setdefault((events[0].merchant, events[0].id), number)
    waits = []
    for events in read(records()).events.values():
        history = replay(events)
        if history.order is None and not history.refused:
            continue
        seen = [first_seen[event.merchant, event.id] for event in events]
        decided = list(history.outcomes)
        for index, event in enumerate(events):
            later = [
                i for i, other in enumerate(events) if decided.index(other.id) < decided.index(event.id) and i > index
            ]
            if event.type == PLACED:
                continue  # of an order that isn't paid yet: it has no deadline
            if later and history.outcomes[event.id].code not in {"over_refund", "shipment_unknown"}:
                waits.append(seen[max(later)] - seen[index])
    assert waits
    assert max(waits) <= 200


@pytest.mark.parametrize(
    "what",
    [
        "placed", "shipped", "returned", "cancelled", "closed", "amended", "tracking_added", "address_changed",
        "reference_changed", "authorization_extension_requested", "invoice_resend_requested",
        "due_date_extension_requested", "customer_token_requested", "customer_token_cancelled",
        "checkout_started", "checkout_updated", "checkout_abandoned", "payment_retried",
    ],
)  # fmt: skip
def test_every_type_of_event_is_there_for_both_merchants(what: str) -> None:
    kinds = Counter((r["merchant"], r["type"]) for r in records() if "raw" not in r)
    assert kinds["default", f"shop.order.{what}.v1"] > 5
    assert kinds["gifts", f"shop.order.{what}.v1"] > 5


@pytest.mark.parametrize(
    "code",
    [
        "422", "INVALID_OPERATION", "PAYMENT_METHOD_FAILED", "READ_ONLY_ORDER", "REJECTED", "TOKEN_CANCELED", "TOKEN_SUSPENDED",
        "UNAVAILABLE_PAYMENT_METHOD", "already_cancelled", "already_captured", "amounts_do_not_add_up", "cancelled_before_authorized",
        "checkout_not_completed",
        "not_acceptable_to_provider", "nothing_left_to_cancel", "nothing_left_to_capture", "order_exists",
        "order_rejected", "order_unknown", "over_cancel", "over_capture", "over_refund", "return_exists",
        "shipment_exists", "shipment_unknown", "unknown_line",
        "unsupported_by_provider",
    ],
)  # fmt: skip
def test_every_refusal_is_there(code: str) -> None:
    assert summary()["codes"][code] >= 5


def test_every_dead_letter_and_outcome_is_there() -> None:
    assert set(summary()["dead_letters"]) == {"id_reused", "invalid_envelope", "invalid_event", "unknown_merchant"}
    outcomes = {"authorized", "captured", "refunded", "cancelled", "lines_cancelled", "released", "amended", "rejected"}
    outcomes |= set(OUTCOMES.values()) | {"abandoned", "customer_token_created", "customer_token_cancelled"}
    outcomes |= {"checkout_created", "checkout_updated", "checkout_abandoned", "payment_pending", "shipment_recorded"}
    assert set(summary()["outcomes"]) == outcomes
    assert summary()["duplicates"] > 100


def test_the_untidy_orders_are_there() -> None:
    carts = [r["data"] for r in records() if r.get("type") == "shop.order.placed.v1" and r["data"].get("order_lines")]
    lines = [line for cart in carts for line in cart["order_lines"]]
    assert any(line.get("unit_price") == 0 for line in lines)
    assert any(line["quantity"] < 0 for line in lines)
    assert any(not line["name"] for line in lines)
    assert any(len(cart["order_lines"]) > 1000 for cart in carts)
    assert any(200 < len(cart["order_lines"]) <= 1000 for cart in carts)
    assert any(
        Counter(line.get("reference") for line in cart["order_lines"]).most_common(1)[0][1] > 1 for cart in carts
    )
    assert any(cart["order_amount"] == 0 for cart in carts)
    kinds = {line.get("type", "physical") for line in lines}
    assert kinds >= {"physical", "shipping_fee", "discount", "gift_card", "store_credit", "surcharge"}
    assert tokens(carts, "authorization_token") >= {"default", "gifts", "reject", "pending"}
    failing = {"suspended", "canceled", "failing", "unavailable"}
    assert tokens(carts, "customer_token") >= {"default", "gifts", "pending"} | failing
    assert any("tokenize" in cart.get("payment", {}) for cart in carts)


def tokens(carts: list[Json], name: str) -> set[str]:
    """What tells the sandbox's answer."""
    return {cart["payment"][name].split("-")[1] for cart in carts if name in cart.get("payment", {})}


def test_tracking_comes_before_with_and_after_its_shipment() -> None:
    first_seen = {r["id"]: number for number, r in reversed(list(enumerate(records()))) if "raw" not in r}
    shipments = {
        (r["subject"], r["data"].get("shipment_id", r["id"])): r
        for r in records()
        if r.get("type") == "shop.order.shipped.v1" and isinstance(r["data"], dict)
    }
    found: Counter[str] = Counter()
    for record in records():
        if record.get("type") != "shop.order.tracking_added.v1":
            continue
        shipment = shipments.get((record["subject"], record["data"].get("shipment_id")))
        if shipment is not None and shipment["id"] in first_seen:
            late = first_seen[record["id"]] > first_seen[shipment["id"]]
            found[
                "after" if late and record["time"][:16] > shipment["time"][:16] else "with" if late else "before"
            ] += 1
    assert min(found[name] for name in ("before", "with", "after")) > 20


def test_ids_of_subscriptions_are_ids_of_orders_too() -> None:
    subjects = {kind: {o["subject"] for o in summary()["orders"] if o["kind"] == kind} for kind in KINDS}
    assert len(subjects["subscription"] & subjects["order"]) > 10


def test_several_orders_are_paid_by_one_customer_token() -> None:
    paid = Counter(
        r["data"]["payment"]["customer_token"]
        for r in records()
        if r.get("type") == "shop.order.placed.v1" and "customer_token" in r["data"].get("payment", {})
    )
    assert sum(count > 2 for count in paid.values()) > 20


def test_what_is_bought_in_checkout_is_told_by_a_placed_or_by_none() -> None:
    bought = [order for order in summary()["orders"] if "bought" in order]
    told = [order for order in bought if "authorized" in {event["type"] for event in order["events"].values()}]
    assert len(told) > 30
    assert len(bought) - len(told) > 30
    started = [r["data"]["merchant_data"].split("-")[1] for r in records() if r.get("type") == STARTED]
    assert set(started) == {"default", "gifts", "pending", "quick", "refuse", "lapse"}


def test_every_purchase_in_checkout_is_needed_by_an_event() -> None:
    """So that it was found before the last event ends."""
    waits = {
        "authorized",
        "captured",
        "cancelled",
        "lines_cancelled",
        "released",
        "refunded",
        "amended",
        "tracking_added",
    }
    for order in summary()["orders"]:
        if "bought" in order:
            assert waits & {event["type"] for event in order["events"].values()}, order


def test_both_content_modes_and_records_without_an_envelope_are_there() -> None:
    raw = [record["raw"] for record in records() if "raw" in record]
    assert any("ce_type" in one["headers"] for one in raw)
    assert any(one["headers"].get("content-type") == "application/cloudevents+json" for one in raw)
    assert any(not one["headers"] for one in raw)


def test_the_only_people_are_made_up() -> None:
    made_up = {(given, family) for given, family, *_ in CUSTOMERS}
    carts = [r["data"] for r in records() if r.get("type") == "shop.order.placed.v1"]
    addresses = [cart[name] for cart in carts for name in ("billing_address", "shipping_address") if name in cart]
    assert addresses
    assert all((address["given_name"], address["family_name"]) in made_up for address in addresses)
    assert all(address["email"].endswith("@example.com") for address in addresses)


def test_the_sample_knows_nothing_of_the_service() -> None:
    for script in SAMPLE.glob("*.py"):
        for node in ast.walk(ast.parse(script.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.split(".")[0].startswith("ordersaga") for name in names), script
