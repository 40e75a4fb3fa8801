"""The contract's examples of orders at Mollie are what the saga tells, with Mollie's own terms and the model of Mollie."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from domain.matrix_of_mollie import TABLES
from domain.mollie_cells import (
    WAYS,
    Cell,
    authorized,
    captured,
    failed,
    paid,
    part_captured,
    then,
    there,
    unpaid,
)
from domain.mollie_life import to_pay
from domain.shop import DAY, line, part, voucher
from ordersaga.bus.outcomes import encode

Json = dict[str, Any]

EXAMPLES: Final = Path(__file__).parents[2] / "contracts" / "examples"

ONE_UNIT: Final = {"order_lines": [part("A:1")]}


def paid_after_its_cancellation(cell: Cell) -> None:
    unpaid(cell, "ideal")
    cell.tell("cancelled", {})
    cell.rest()
    cell.mollie.pay(cell.account)
    cell.look()


def shipped_without_room(cell: Cell) -> None:
    """Less than 0 with the voucher, more than is left without it."""
    cell.did("placed", **to_pay(line("A", 4, 25), voucher("V", 90)))
    cell.mollie.pay(cell.account)
    cell.look()
    cell.did("shipped", **ONE_UNIT)
    cell.wait(DAY)
    cell.rest()


MORE: Final = {"order_amount": 125, "order_lines": [line("A", 5, 25)]}
STORIES: Final[dict[str, Callable[[Cell], None]]] = {
    "payment_pending mollie": unpaid,
    "payment_pending failed": failed,
    "payment_pending retried": then(failed, "payment_retried"),
    "authorized mollie-paid-later": authorized,
    "captured mollie-paid-at-once": paid,
    "captured mollie-shipment": captured,
    "captured mollie-by-another-hand": there(
        authorized, lambda mollie, order: mollie.ship_there(order, order.lines[0].id, 1)
    ),
    "shipment_recorded mollie": then(paid, "shipped", shipment_id="s1"),
    "refunded mollie-by-another-hand": there(captured, lambda mollie, order: mollie.refund_there(order, 30, 0.0)),
    "refund_failed mollie-bounced": WAYS["refund failed"][0],
    "reconciled mollie-lines-cancelled": there(
        authorized, lambda mollie, order: mollie.cancel_line_there(order, order.lines[0].id, 2)
    ),
    "cancelled mollie-paid-meanwhile": paid_after_its_cancellation,
    "lines_cancelled mollie": then(authorized, "cancelled", **ONE_UNIT),
    "expired mollie-never-paid": WAYS["expired"][0],
    "rejected mollie-refused": then(part_captured, "amended", **MORE),
    "rejected mollie-nothing-to-pay": then(authorized, "payment_retried"),
    "attention_required mollie-shipment-waits": shipped_without_room,
}


def _prefix(ident: str | None) -> str | None:
    return None if ident is None else ident.partition("_")[0]


def _share(amount: int, of: int) -> str:
    return "none" if not amount else "all" if amount == of else "some"


def shape(data: Json) -> Json:
    """What doesn't depend on the order's figures: ids by their form, amounts by their share of the order."""
    operation, cause, order = data["operation"], data["cause"], data["order"]
    named = {name: _prefix(value) for name, value in data["result"].items() if name.endswith("_id")}
    amounts = ("captured_amount", "released_amount", "refunded_amount", "remaining_authorized_amount")
    return {
        "ids": (data["provider"], _prefix(data["provider_order_id"])),
        "operation": operation
        and (operation["type"], _prefix(operation["provider_id"]), operation["amount"] is not None),
        "cause": cause and cause["type"],
        "final": data["final"],
        "order": (
            order["status"],
            order["fraud_status"],
            [_share(order[name], order["order_amount"]) for name in amounts],
        ),
        "result": {**dict.fromkeys(data["result"]), **named, "payment_status": data["result"].get("payment_status")},
        "error": data.get("error", {}).get("code"),
    }


@pytest.mark.parametrize("example", STORIES)
def test_an_example_is_what_the_saga_tells(example: str) -> None:
    what, _, name = example.partition(" ")
    cell = Cell(TABLES[0])
    STORIES[example](cell)
    outcome = cell.outcomes[-1]
    said = json.loads((EXAMPLES / f"payments.order.{what}.v1" / f"valid-{name}.json").read_text())
    assert outcome.what == what
    assert shape(json.loads(encode(cell.order.key, outcome, 1, "i").payload)) == shape(said)


def test_each_example_of_mollie_has_its_story() -> None:
    of_mollie = {
        f"{file.parent.name.split('.')[2]} {file.stem.removeprefix('valid-')}"
        for file in EXAMPLES.glob("payments.order.*/valid-*.json")
        if json.loads(file.read_text())["provider"] == "mollie"
    }
    assert of_mollie == set(STORIES)
