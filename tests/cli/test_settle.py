"""`ordersaga order settle`, on a real Postgres."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest
from msgspec.structs import replace

from domain.uncertain import stuck
from ordersaga.domain.model.order import Key, Order
from ordersaga.domain.model.outcomes import Entry
from ordersaga.store.appended import AppendedRows
from ordersaga.store.engine import Engine
from ordersaga.store.intake import Change
from ordersaga.store.reads import Shown
from ordersaga.store.rows import ProviderId
from ordersaga.store.store import Store
from ordersaga.store.vault import Vault

from .conftest import KEY, Run, Said

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


class Dispatcher:
    """Settles the one operation of an order."""

    def __init__(self, run: Run, database: str, order: Order) -> None:
        self.run = run
        self.database = database
        self.order = order
        self.operation = order.operations[0].id

    def put(self, order: Order, *ids: str, lease: bool = False, entries: tuple[Entry, ...] = ()) -> None:
        async def put(store: Store) -> None:
            told = AppendedRows(
                [(order.key, entry) for entry in entries],
                ids=[ProviderId(order.key, "klarna", name, "capture") for name in ids],
            )
            async with store.taking_in() as tx:
                await tx.write([Change(order, None, 0.0 if lease else None, lease)], "worker", 30.0, told)

        within(self.database, put)

    def settle(self, *words: str) -> Said:
        return self.run("order", "settle", self.order.key.subject, self.operation, *words)

    def shown(self) -> Shown:
        found = within(self.database, lambda store: store.show_order(self.order.key))
        assert found is not None
        return found

    def outcomes(self) -> list[dict[str, Any]]:
        rows = within(self.database, lambda store: store.read_outbox(range(64), 100))
        return [{"type": one.row.type, **json.loads(one.row.payload)} for one in rows]

    def owner(self, name: str) -> Key | None:
        return within(self.database, lambda store: store.find("default", "klarna", name))


@pytest.fixture
def dispatcher(run: Run, stored: str) -> Dispatcher:
    """At which a capture is stuck."""
    made = Dispatcher(run, stored, stuck("capture").order)
    made.put(made.order)
    return made


def test_a_capture_that_took_effect_is_booked_once(dispatcher: Dispatcher) -> None:
    said = dispatcher.settle(*TOOK_EFFECT)
    assert (said.code, said.out, said.err) == (0, "Settled: captured (final).\n", "")
    shown = dispatcher.shown()
    assert (shown.order.captured_amount, shown.order.operations, shown.attention) == (50, (), None)
    assert shown.due_at is not None, "it is read"
    (outcome,) = dispatcher.outcomes()
    assert (outcome["type"], outcome["final"]) == ("payments.order.captured.v1", True)
    assert outcome["result"] == {"capture_id": "capture-9"}
    assert [(one.what, one.name, one.note) for one in shown.journal] == [
        ("by_hand", "took_effect", "capture capture-9, by grace"),
        ("outcome", "captured", None),
    ]
    assert dispatcher.owner("capture-9") == dispatcher.order.key
    assert "by grace" in dispatcher.run("order", "show", "536365").out

    for words in (TOOK_EFFECT, ("--had-no-effect", "--reason", "x", *BY), ("--try-again", *BY)):
        again = dispatcher.settle(*words)
        assert (again.code, again.out) == (1, "")
        assert "was settled by hand before (took_effect: capture capture-9, by grace); nothing was changed" in again.err
    assert dispatcher.shown() == shown
    assert len(dispatcher.outcomes()) == 1


def test_a_capture_that_had_no_effect_is_rejected(dispatcher: Dispatcher) -> None:
    said = dispatcher.settle("--had-no-effect", "--reason", "it isn't there", *BY)
    assert (said.code, said.out) == (0, "Settled: rejected (final).\n")
    (outcome,) = dispatcher.outcomes()
    assert outcome["error"] == {"code": "settled_by_hand", "messages": ["it isn't there"]}
    assert dispatcher.shown().order.captured_amount == 0


def test_what_is_looked_for_once_more_is_due(dispatcher: Dispatcher) -> None:
    assert dispatcher.shown().due_at is None
    said = dispatcher.settle("--try-again", *BY)
    assert (said.code, said.out.partition(":")[0]) == (0, "It goes on")
    shown = dispatcher.shown()
    assert (shown.order.operations[0].stage, shown.attention) == ("read", None)
    assert shown.due_at is not None
    again = dispatcher.settle("--try-again", *BY)
    assert again.code == 1
    assert "isn't stuck" in again.err


def test_an_order_that_a_worker_has_is_left_alone(run: Run, stored: str) -> None:
    dispatcher = Dispatcher(run, stored, stuck("capture").order)
    dispatcher.put(dispatcher.order, lease=True)
    said = dispatcher.settle(*TOOK_EFFECT)
    assert (said.code, said.out) == (1, "")
    assert said.err == "order '536365' of merchant 'default': a worker has it in its hands: say it again in a minute\n"
    assert dispatcher.shown().order == dispatcher.order


def test_an_id_that_another_order_has_is_refused(dispatcher: Dispatcher) -> None:
    dispatcher.put(Order(OTHER, provider="klarna", provider_order_id="capture-9"), "capture-9")
    said = dispatcher.settle(*TOOK_EFFECT)
    assert said.code == 1
    assert "'capture-9' is order 'other''s: look its own id up" in said.err
    assert dispatcher.shown().order == dispatcher.order
    assert dispatcher.owner("capture-9") == OTHER
    assert dispatcher.outcomes() == []


def test_an_id_that_was_named_for_another_order_by_mistake_is_free(dispatcher: Dispatcher) -> None:
    dispatcher.put(Order(OTHER, provider="klarna"), "capture-9")
    assert dispatcher.settle(*TOOK_EFFECT).code == 0
    assert dispatcher.owner("capture-9") == dispatcher.order.key


def test_an_operation_that_ended_by_itself_is_told_from_one_that_never_was(run: Run, stored: str) -> None:
    dispatcher = Dispatcher(run, stored, stuck("capture").order)
    dispatcher.put(
        replace(dispatcher.order, operations=()),
        entries=(Entry("call", 1.7e9, "capture", operation_id=dispatcher.operation),),
    )
    said = dispatcher.settle(*TOOK_EFFECT)
    assert said.code == 1
    assert "has ended; `ordersaga order show` says how. Nothing was changed" in said.err
    never = run("order", "settle", "536365", "nonsense", *TOOK_EFFECT)
    assert never.code == 1
    assert "it has no operation nonsense under way; there is: none" in never.err


def test_an_order_or_merchant_that_is_not_there_is_named(run: Run, stored: str) -> None:
    said = run("order", "settle", "1", "x", "--try-again", *BY)
    assert (said.code, said.err) == (1, "order '1' of merchant 'default': there is no such order\n")
    said = run("order", "settle", "1", "x", "--try-again", *BY, "--merchant", "gifts")
    assert (said.code, said.err) == (1, "order '1' of merchant 'gifts': its merchant isn't configured\n")


def test_what_the_saga_refuses_is_one_line(dispatcher: Dispatcher) -> None:
    said = dispatcher.settle("--took-effect", *BY)
    assert (said.code, said.out) == (1, "")
    assert said.err.endswith("needs the id that the provider gave it: look it up there\n")
    assert len(said.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ((), "say one of"),
        (("--took-effect", "--try-again"), "say one of"),
        (("--had-no-effect",), "--had-no-effect needs a --reason"),
        (("--took-effect", "--reason", "x"), "--had-no-effect needs a --reason"),
        (("--try-again", "--provider-id", "x"), "--provider-id goes with --took-effect alone"),
    ],
)
def test_words_that_do_not_go_together_change_nothing(
    dispatcher: Dispatcher, words: tuple[str, ...], wanted: str
) -> None:
    said = dispatcher.settle(*words, *BY)
    assert (said.code, said.out) == (2, "")
    assert wanted in said.err
    assert dispatcher.shown().order == dispatcher.order


def test_a_name_is_needed(dispatcher: Dispatcher) -> None:
    assert dispatcher.settle("--try-again").code == 2
    assert dispatcher.shown().order == dispatcher.order
