"""`ordersaga order settle`, on a real Postgres."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest
from msgspec.structs import replace

from domain.shop import SUBSCRIPTION, Story
from domain.uncertain import stuck
from ordersaga.domain.model.order import Key, Order
from ordersaga.domain.model.outcomes import Entry
from ordersaga.domain.model.results import Unknown
from ordersaga.store.appended import AppendedRows
from ordersaga.store.engine import Engine
from ordersaga.store.intake import Change
from ordersaga.store.reads import OrderView
from ordersaga.store.rows import ProviderId
from ordersaga.store.store import Store
from ordersaga.store.vault import Vault

from .conftest import KEY, CommandResult, Run

VAULT = Vault({"1": base64.b64decode(KEY)}, "1")
T = TypeVar("T")
BY = ("--by", "grace")
TOOK_EFFECT = ("--took-effect", "--provider-id", "capture-9", *BY)
OTHER = Key("default", "order", "other")


def within(database: str, work: Callable[[Store], Awaitable[T]]) -> T:
    async def run() -> T:
        async with Store(Engine(database), VAULT) as store:
            return await work(store)

    return asyncio.run(run())


class StuckOrder:
    """An order with one operation, and the command that settles it."""

    def __init__(self, run: Run, database: str, order: Order) -> None:
        self.run = run
        self.database = database
        self.order = order
        self.operation = order.operations[0].id

    def put(self, order: Order, *ids: str, lease: bool = False, entries: tuple[Entry, ...] = ()) -> None:
        async def put(store: Store) -> None:
            appended = AppendedRows(
                [(order.key, entry) for entry in entries],
                provider_ids=[ProviderId(order.key, "klarna", name, "capture") for name in ids],
            )
            async with store.intake_transaction() as tx:
                await tx.write([Change(order, None, 0.0 if lease else None, lease)], "worker", 30.0, appended)

        within(self.database, put)

    def settle(self, *words: str) -> CommandResult:
        return self.run("order", "settle", self.order.key.subject, self.operation, *words)

    def shown(self) -> OrderView:
        found = within(self.database, lambda store: store.show_order(self.order.key))
        assert found is not None
        return found

    def outcomes(self) -> list[dict[str, Any]]:
        rows = within(self.database, lambda store: store.read_outbox(range(64), 100))
        return [{"type": one.row.type, **json.loads(one.row.payload)} for one in rows]

    def owner(self, name: str) -> Key | None:
        return within(self.database, lambda store: store.find("default", "klarna", name))


@pytest.fixture
def stuck_order(run: Run, stored: str) -> StuckOrder:
    """Its capture is stuck."""
    made = StuckOrder(run, stored, stuck("capture").order)
    made.put(made.order)
    return made


def test_a_capture_that_took_effect_is_booked_once(stuck_order: StuckOrder) -> None:
    result = stuck_order.settle(*TOOK_EFFECT)
    assert (result.code, result.out, result.err) == (0, "Settled: captured (final).\n", "")
    shown = stuck_order.shown()
    assert (shown.order.captured_amount, shown.order.operations, shown.attention) == (50, (), None)
    assert shown.due_at is not None, "it is read"
    (outcome,) = stuck_order.outcomes()
    assert (outcome["type"], outcome["final"]) == ("payments.order.captured.v1", True)
    assert outcome["result"] == {"capture_id": "capture-9"}
    assert [(one.what, one.name, one.note) for one in shown.journal] == [
        ("manual", "took_effect", "capture capture-9, by grace"),
        ("outcome", "captured", None),
    ]
    assert stuck_order.owner("capture-9") == stuck_order.order.key
    assert "by grace" in stuck_order.run("order", "show", "536365").out

    for words in (TOOK_EFFECT, ("--had-no-effect", "--reason", "x", *BY), ("--try-again", *BY)):
        again = stuck_order.settle(*words)
        assert (again.code, again.out) == (1, "")
        assert "was already settled by hand (took_effect: capture capture-9, by grace)" in again.err
    assert stuck_order.shown() == shown
    assert len(stuck_order.outcomes()) == 1


def test_a_capture_that_had_no_effect_is_rejected(stuck_order: StuckOrder) -> None:
    result = stuck_order.settle("--had-no-effect", "--reason", "it isn't there", *BY)
    assert (result.code, result.out) == (0, "Settled: rejected (final).\n")
    (outcome,) = stuck_order.outcomes()
    assert outcome["error"] == {"code": "settled_by_hand", "messages": ["it isn't there"]}
    assert stuck_order.shown().order.captured_amount == 0


def test_what_is_looked_for_once_more_is_due(stuck_order: StuckOrder) -> None:
    assert stuck_order.shown().due_at is None
    result = stuck_order.settle("--try-again", *BY)
    assert (result.code, result.out.partition(":")[0]) == (0, "It continues")
    shown = stuck_order.shown()
    assert (shown.order.operations[0].stage, shown.attention) == ("read", None)
    assert shown.due_at is not None
    again = stuck_order.settle("--try-again", *BY)
    assert again.code == 1
    assert "isn't stuck" in again.err


def test_an_order_that_a_worker_has_is_left_alone(run: Run, stored: str) -> None:
    stuck_order = StuckOrder(run, stored, stuck("capture").order)
    stuck_order.put(stuck_order.order, lease=True)
    result = stuck_order.settle(*TOOK_EFFECT)
    assert (result.code, result.out) == (1, "")
    assert result.err == "order '536365' of merchant 'default': a worker is processing it: try again in a minute\n"
    assert stuck_order.shown().order == stuck_order.order


def test_an_id_that_another_order_has_is_refused(stuck_order: StuckOrder) -> None:
    stuck_order.put(Order(OTHER, provider="klarna", provider_order_id="capture-9"), "capture-9")
    result = stuck_order.settle(*TOOK_EFFECT)
    assert result.code == 1
    assert "'capture-9' belongs to order 'other': look up the id of this order" in result.err
    assert stuck_order.shown().order == stuck_order.order
    assert stuck_order.owner("capture-9") == OTHER
    assert stuck_order.outcomes() == []


def test_an_id_that_was_named_for_another_order_by_mistake_is_free(stuck_order: StuckOrder) -> None:
    stuck_order.put(Order(OTHER, provider="klarna"), "capture-9")
    assert stuck_order.settle(*TOOK_EFFECT).code == 0
    assert stuck_order.owner("capture-9") == stuck_order.order.key


def test_an_operation_that_ended_by_itself_is_told_from_one_that_never_was(run: Run, stored: str) -> None:
    stuck_order = StuckOrder(run, stored, stuck("capture").order)
    stuck_order.put(
        replace(stuck_order.order, operations=()),
        entries=(Entry("call", 1.7e9, "capture", operation_id=stuck_order.operation),),
    )
    result = stuck_order.settle(*TOOK_EFFECT)
    assert result.code == 1
    assert "has ended; `ordersaga order show` shows how. Nothing was changed" in result.err
    never = run("order", "settle", "536365", "nonsense", *TOOK_EFFECT)
    assert never.code == 1
    assert "it has no operation nonsense under way; there is: none" in never.err


def test_an_order_or_merchant_that_is_not_there_is_named(run: Run, stored: str) -> None:
    result = run("order", "settle", "1", "x", "--try-again", *BY)
    assert (result.code, result.err) == (1, "order '1' of merchant 'default': there is no such order\n")
    result = run("order", "settle", "1", "x", "--try-again", *BY, "--merchant", "gifts")
    assert (result.code, result.err) == (1, "order '1' of merchant 'gifts': its merchant isn't configured\n")


def test_what_the_saga_refuses_is_one_line(stuck_order: StuckOrder) -> None:
    result = stuck_order.settle("--took-effect", *BY)
    assert (result.code, result.out) == (1, "")
    assert result.err.endswith("needs the id that the provider gave it: look it up there\n")
    assert len(result.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ((), "give one of"),
        (("--took-effect", "--try-again"), "give one of"),
        (("--had-no-effect",), "--had-no-effect needs a --reason"),
        (("--took-effect", "--reason", "x"), "--had-no-effect needs a --reason"),
        (("--try-again", "--provider-id", "x"), "--provider-id is only for --took-effect"),
    ],
)
def test_words_that_do_not_go_together_change_nothing(
    stuck_order: StuckOrder, words: tuple[str, ...], wanted: str
) -> None:
    result = stuck_order.settle(*words, *BY)
    assert (result.code, result.out) == (2, "")
    assert wanted in result.err
    assert stuck_order.shown().order == stuck_order.order


def test_a_name_is_needed(stuck_order: StuckOrder) -> None:
    assert stuck_order.settle("--try-again").code == 2
    assert stuck_order.shown().order == stuck_order.order


@pytest.mark.parametrize("command", ["settle", "show", "explain"])
def test_an_order_that_this_process_cannot_read_says_what_is_missing(run: Run, stored: str, command: str) -> None:
    order = stuck("capture").order

    async def put() -> None:
        other = Vault({"1": base64.b64decode(KEY), "2": bytes(32)}, "2")
        async with Store(Engine(stored), other) as store, store.intake_transaction() as tx:
            await tx.write([Change(order, None, None)])

    asyncio.run(put())
    words = {"settle": (order.operations[0].id, "--try-again", *BY)}.get(command, ())
    result = run("order", command, order.key.subject, *words)
    assert (result.code, result.out) == (1, "")
    assert "order '536365' of merchant 'default' can't be read: it needs the master key '2'; there are: 1" in result.err
    assert result.err.count("\n") == 1


def test_a_customer_token_is_kept_for_its_subscription_and_shown_nowhere(run: Run, stored: str) -> None:
    made = StuckOrder(run, stored, stuck_subscription())
    made.put(made.order)
    token = "a-customer-token"
    words = ("--took-effect", "--provider-id", token, *BY)
    assert "there is no such order" in made.settle(*words).err
    result = made.settle(*words, "--kind", "subscription")
    assert (result.code, result.out, result.err) == (0, "Settled: customer_token_created (final).\n", "")
    shown = made.shown()
    assert (shown.order.status, shown.order.details.customer_token) == ("active", token)
    assert made.owner(token) is None
    assert token not in f"{shown.journal}"
    assert token not in run("order", "show", made.order.key.subject, "--kind", "subscription", "--json").out
    (outcome,) = made.outcomes()
    assert outcome["result"] == {"customer_token": token}


def stuck_subscription() -> Order:
    """The answer to the creation of its customer token was lost."""
    story = Story(eager=False, key=SUBSCRIPTION)
    data = {"authorization_token": "t", "purchase_country": "GB", "purchase_currency": "GBP", "locale": "en-GB"}
    story.tell("customer_token_requested", {**data, "description": "Tea", "intended_use": "SUBSCRIPTION"})
    story.answer(Unknown("lost"))
    return story.order
