"""What the books of a run find in a stream of outcomes."""

import pytest

from ordersaga_local import accounts
from ordersaga_local.outcomes import Books, Told

Position = tuple[int, int]


def books_of(*positions: Position, kind: str = "order") -> Books:
    books = Books()
    add(books, *positions, kind=kind)
    return books


def add(books: Books, *positions: Position, kind: str = "order") -> None:
    for epoch, sequence in positions:
        data = {"final": False, "operation": None, "cause": None, "order": {"at": (epoch, sequence)}}
        books.add(Told("1", "default", kind, "captured", epoch, sequence, f"{kind}-{epoch}-{sequence}", 0.0, data), b"")


@pytest.mark.parametrize(
    "positions",
    [
        [(1, 1), (1, 2), (1, 2), (1, 1), (1, 3)],
        [(1, 1), (1, 2), (1, 3), (2, 2), (2, 3), (2, 4)],
        [(1, 1), (2, 1), (3, 2)],
        [(2, 1), (2, 2)],
    ],
    ids=["repetitions", "sequences repeat in a new epoch", "several new epochs", "an order of a later epoch"],
)
def test_positions_without_a_gap_are_fine(positions: list[Position]) -> None:
    assert books_of(*positions).gaps == []


@pytest.mark.parametrize(
    ("positions", "gap"),
    [
        ([(1, 2)], "default/1: 1/2 after 0/0"),
        ([(1, 1), (1, 3)], "default/1: 1/3 after 1/1"),
        ([(1, 1), (2, 3)], "default/1: 2/3 after 1/1"),
        ([(1, 1), (2, 2), (1, 2)], "default/1: 1/2 after 2/2"),
    ],
    ids=["at the beginning", "within an epoch", "at a new epoch", "an earlier epoch after a later one"],
)
def test_a_gap_is_found(positions: list[Position], gap: str) -> None:
    assert books_of(*positions).gaps == [gap]


def test_orders_and_subscriptions_are_counted_apart() -> None:
    books = books_of((1, 1), (1, 2))
    add(books, (1, 1), kind="subscription")
    assert books.gaps == []


def test_the_newest_outcome_is_that_of_the_highest_epoch() -> None:
    [newest] = books_of((1, 1), (1, 2), (1, 3), (2, 2)).last_of_each().values()
    assert newest.position == (2, 2)


def test_an_order_and_a_subscription_of_one_id_are_two() -> None:
    books = books_of((1, 1))
    add(books, (1, 1), kind="subscription")
    assert set(books.last_of_each()) == {("default", "order", "1"), ("default", "subscription", "1")}


def authorized(token: str, reference: str | None) -> dict[str, str | None]:
    return {"account": "default", "kind": "authorize", "token": token, "reference": reference}


@pytest.mark.parametrize(
    ("effects", "doubled"),
    [
        ([authorized("sbx-1", None), authorized("sbx-2", None)], []),
        ([authorized("sbx-1", None), authorized("sbx-1", None)], ["default authorize sbx-1"]),
        ([authorized("customer", "536365"), authorized("customer", "536366")], []),
        ([authorized("customer", "536365"), authorized("customer", "536365")], ["default authorize 536365"]),
    ],
    ids=["two authorizations", "one used twice", "two orders by a customer token", "one order made twice"],
)
def test_an_authorization_makes_one_order_and_a_customer_token_one_for_each_reference(
    effects: list[dict[str, str | None]], doubled: list[str]
) -> None:
    assert accounts.doubled(effects) == doubled


def effect(kind: str, amount: int | None, **more: str) -> dict[str, str | int | None]:
    told = {
        "account": "default",
        "provider": "mollie",
        "kind": kind,
        "order_id": "ord_1",
        "amount": amount,
        "by": "merchant",
    }
    return told | {"reference": None, "token": None, "idempotency_key": None} | more


def test_each_capture_at_mollie_is_known_by_its_key_and_each_payment_by_its_order() -> None:
    assert accounts.doubled([effect("capture", 50, idempotency_key=key) for key in ("1", "2")]) == []
    assert accounts.doubled([effect("capture", 50, idempotency_key="1")] * 2) == ["default capture 1"]
    assert accounts.doubled([effect("capture", 50, by="customer")] * 2) == ["default capture ord_1"]
    assert accounts.doubled([effect("capture", 50, by="portal")] * 2) == []


def test_money_of_the_ledger_is_by_merchant_and_provider() -> None:
    mollie = [
        effect("create", None),
        effect("payment", None),
        effect("authorize", 200),
        effect("capture", 120),
        effect("shipment", None),
        effect("release", 30),
        effect("refund", 70),
        effect("refund", 20),
        effect("fail_refund", 20),
    ]
    klarna = [effect("authorize", 90, provider="klarna"), effect("update", 80, provider="klarna")]
    assert accounts.of_ledger([*mollie, *klarna]) == {
        ("default", "mollie"): {"captured": 120, "refunded": 70, "uncaptured": 50},
        ("default", "klarna"): {"uncaptured": 80},
    }


def test_an_order_that_is_changed_and_cancelled_before_it_is_paid_was_never_authorized() -> None:
    unpaid = [effect("create", None), effect("update", 90), effect("cancel", 0)]
    assert accounts.of_ledger(unpaid) == {("default", "mollie"): {"uncaptured": 0}}


def test_mollies_amount_of_an_order_keeps_what_was_cancelled() -> None:
    effects = [effect("authorize", 200), effect("release", 50), effect("update", 250)]
    assert accounts.of_ledger(effects) == {("default", "mollie"): {"uncaptured": 200}}


def test_columns_disagree_where_one_has_another_amount_or_none() -> None:
    one: accounts.Money = {("default", "mollie"): {"captured": 5, "refunded": 0, "uncaptured": 0}}
    other: accounts.Money = {("default", "mollie"): {"captured": 5}, ("gifts", "klarna"): {}}
    assert accounts.disagreements([one, other]) == []
    other["gifts", "klarna"]["refunded"] = 3
    assert accounts.disagreements([one, other]) == ["gifts klarna, refunded: [0, 3]"]
