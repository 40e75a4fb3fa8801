"""Commands that read and change the store, on a real Postgres."""

import asyncio
import base64
import io
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from msgspec.structs import replace

from ordersaga.domain.model.events import Cause
from ordersaga.domain.model.fields import OrderLine
from ordersaga.domain.model.order import (
    Allocation,
    Attention,
    Capture,
    Details,
    Key,
    Line,
    Operation,
    Order,
    Pending,
    Refund,
    Request,
)
from ordersaga.domain.model.outcomes import Entry
from ordersaga.store.appended import AppendedRows
from ordersaga.store.dead_letters import Content, DeadLetter
from ordersaga.store.engine import Engine
from ordersaga.store.intake import Change
from ordersaga.store.store import Store
from ordersaga.store.vault import Vault
from roles_harness import run_sql

from .conftest import KEY, Run
from .database import put

PERSONAL = "Ada Lovelace"
VAULT = Vault({"1": base64.b64decode(KEY)}, "1")
PLACED = Cause("/shop", "placed-1", "shop.order.placed.v1")


def an_order() -> Order:
    """Half of it captured, some of that refunded, one capture under way, one event waiting."""
    bought = OrderLine(name=PERSONAL, quantity=6, unit_price=255, total_amount=1530, reference="85123A")
    return Order(
        Key("default", "order", "536365"),
        provider="klarna",
        provider_order_id="f3392f8b",
        status="part_captured",
        fraud_status="ACCEPTED",
        currency="GBP",
        order_amount=123_456,
        captured_amount=765,
        refunded_amount=255,
        accepted=True,
        lines=(Line("85123A", "physical", 6, 255, 2000, 1530, captured_quantity=3, captured=765),),
        captures=(Capture("capture-1", 765, allocations=(Allocation(0, 3, 765),), refunded=255),),
        refunds=(Refund("refund-1", 255, "capture-1"),),
        operations=(
            Operation("operation-1", "capture", PLACED, 765, 1.7e9, 1.7e9, attempts=2, unknown=True, last_sent=1.7e9),
        ),
        pending=(Pending(Cause("/shop", "returned-1", "shop.order.returned.v1"), "t", 1.7e9, "shipment", 1.8e9),),
        attentions=(Attention("slow", 1.7e9),),
        placed_at=1.7e9,
        details=Details(lines=(bought,), requests={"operation-1": Request("POST", "/captures", f'"{PERSONAL}"')}),
    )


def journal(key: Key) -> list[tuple[Key, Entry]]:
    entries = [
        Entry("event", 1.7e9, PLACED.type, event_id=PLACED.id),
        Entry("call", 1.7e9 + 1, "capture", operation_id="operation-1", amount=765, status=503, duration=0.25,
              correlation_id="corr-1", note="no answer"),
    ]  # fmt: skip
    return [(key, entry) for entry in entries]


def letter(**fields: Any) -> DeadLetter:
    content = Content(b"536365", f'{{"name": "{PERSONAL}"'.encode(), (("ce_id", b"\xff"), ("content-type", b"x")))
    made = {"code": "not_json", "reason": "$: truncated", "fingerprint": "not_json", "subject": "536365"}
    return DeadLetter("shop.orders", 3, 42, content, **(made | fields))


def within(database: str, work: Callable[[Store], Awaitable[None]]) -> None:
    async def run() -> None:
        async with Store(Engine(database), VAULT) as store:
            await work(store)

    asyncio.run(run())


@pytest.fixture
def order(stored: str) -> Order:
    made = an_order()

    async def put(store: Store) -> None:
        async with store.intake_transaction() as tx:
            await tx.write([Change(made, None, 1.7e9, False)], "", 0.0)
            await tx.write(appended=AppendedRows(entries=journal(made.key)))

    within(stored, put)
    return made


@pytest.fixture
def letters(stored: str) -> list[DeadLetter]:
    made = [letter(), letter(code="id_reused", merchant="default")]

    async def bury(store: Store) -> None:
        for number, one in enumerate(made):
            async with store.intake_transaction() as tx:
                await tx.write(appended=AppendedRows(dead_letters=[DeadLetter(one.topic, one.partition, number, one.content, one.code, one.reason,
                                          one.fingerprint, one.merchant, one.subject)]))  # fmt: skip

    within(stored, bury)
    return made


def test_an_order_is_shown_with_its_books_and_its_journal(run: Run, order: Order) -> None:
    result = run("order", "show", "536365")
    assert (result.code, result.err) == (0, "")
    for words in (
        "Order 536365 of merchant default",
        "part_captured",
        "klarna f3392f8b",
        "1,234.56 GBP",
        "3 for 7.65",
        "capture-1",
        "refund-1",
        "unknown",
        "shop.order.returned.v1",
        "shipment",
        "slow, since 2023-11-14 22:13:20.000",
        "no answer",
        "corr-1",
        "250",
    ):
        assert words in result.out, words
    assert PERSONAL not in result.out
    assert result.out.index("placed-1") < result.out.index("corr-1")


def test_an_order_fits_100_columns_with_its_ids_in_one_piece(run: Run, stored: str) -> None:
    ids = [str(UUID(int=number)) for number in range(2**127, 2**127 + 6)]
    small = an_order()
    event = Cause("/shop", ids[0], "shop.order.reference_changed.v1")
    cause = Entry("event", 1.7e9, event.type, event_id=event.id)
    call = Entry("call", 1.7e9, "cancel_authorization", operation_id=ids[1], amount=123_456_789, status=503,
                 duration=12.5, correlation_id=ids[2], note=f"{'send: rejected '}{'X' * 200}")  # fmt: skip
    made = replace(
        small,
        provider_order_id=ids[3],
        captures=(replace(small.captures[0], id=ids[4]),),
        refunds=(Refund(ids[5], 255, ids[4]),),
        operations=(replace(small.operations[0], id=ids[1], type="cancel_authorization", amount=123_456_789),),
        pending=(Pending(event, "t", 1.7e9, "dead_letter", 1.8e9),),
    )
    bad = letter(code="invalid_envelope", merchant="default")
    put(stored, made, appended=AppendedRows([(made.key, cause), (made.key, call)], dead_letters=[bad]))
    result = run("order", "show", "536365")
    assert max(map(len, result.out.splitlines())) <= 100
    for name in (*ids, event.type, str(bad.id), "1,234,567.89"):
        assert name in result.out, name
    assert "remaining" in result.out
    assert json.loads(run("order", "show", "536365", "--json").out)["dead_letters"] == [str(bad.id)]


def test_an_order_as_json_holds_no_personal_data(run: Run, order: Order) -> None:
    result = run("order", "show", "536365", "--merchant", "default", "--json")
    shown = json.loads(result.out)
    assert shown["order"]["captured_amount"] == 765
    assert "details" not in shown["order"]
    assert shown["order"]["remaining"] == 123_456 - 765
    assert shown["order"]["lines"][0]["captured_quantity"] == 3
    assert shown["order"]["captures"][0]["allocations"] == [{"position": 0, "quantity": 3, "amount": 765}]
    assert [entry["what"] for entry in shown["journal"]] == ["event", "call"]
    assert PERSONAL not in result.out


def test_an_order_that_is_not_there_is_named(run: Run, stored: str) -> None:
    result = run("order", "show", "1", "--merchant", "gifts")
    assert (result.code, result.out) == (1, "")
    assert result.err == "there is no order '1' of merchant 'gifts'\n"


def test_dead_letters_are_listed_without_their_content(run: Run, letters: list[DeadLetter]) -> None:
    result = run("dead-letters", "list")
    assert result.code == 0
    for words in ("not_json", "id_reused", "shop.orders[3]@0", "$: truncated", "536365"):
        assert words in result.out
    assert PERSONAL not in result.out


def test_dead_letters_as_json_are_one_array(run: Run, letters: list[DeadLetter]) -> None:
    result = run("dead-letters", "list", "--json", "--limit", "100000")
    found = json.loads(result.out)
    assert [one["code"] for one in found] == ["id_reused", "not_json"]
    assert PERSONAL not in result.out
    after = json.loads(run("dead-letters", "list", "--json", "--limit", "1", "--after", found[0]["id"]).out)
    assert after == found[1:]
    assert json.loads(run("dead-letters", "list", "--json", "--state", "replayed").out) == []


def test_no_dead_letters(run: Run, stored: str) -> None:
    assert run("dead-letters", "list").out == "There are no open dead letters.\n"
    assert run("dead-letters", "list", "--json").out == "[]\n"


def test_the_content_of_a_dead_letter_is_shown_only_when_asked_for(run: Run, letters: list[DeadLetter]) -> None:
    found = json.loads(run("dead-letters", "list", "--json").out)[1]
    result = run("dead-letters", "show", found["id"])
    assert result.code == 0
    assert PERSONAL not in result.out
    assert "--reveal" in result.out
    assert PERSONAL in run("dead-letters", "show", found["id"], "--reveal").out
    told = json.loads(run("dead-letters", "show", found["id"], "--reveal", "--json").out)
    assert told["value"] == f'{{"name": "{PERSONAL}"'
    assert told["headers"] == [["ce_id", "base64:/w=="], ["content-type", "x"]]
    missing = uuid4()
    assert run("dead-letters", "show", str(missing)).err == f"there is no dead letter {missing}\n"


def test_pause_and_resume(run: Run, stored: str) -> None:
    result = run("pause", "--merchant", "default", "--provider", "klarna", "--by", "grace")
    assert result.code == 0
    assert "grace" in result.out
    again = run("pause", "--by", "ada")
    assert "grace" in again.out
    assert "ada" in again.out
    assert [one["by"] for one in json.loads(run("pauses", "--json").out)] == ["ada", "grace"]
    assert len(json.loads(run("pauses", "--json", "--merchant", "default").out)) == 2
    assert run("pauses", "--merchant", "gifts").code == 1
    resumed = run("resume", "--merchant", "default", "--provider", "klarna")
    assert resumed.code == 0
    assert "grace" not in resumed.out
    assert run("resume").out == "Nothing is paused.\n"
    assert run("pauses").out == "Nothing is paused.\n"


def test_a_resume_that_resumes_nothing_says_so(run: Run, stored: str) -> None:
    run("pause", "--by", "ada")
    result = run("resume", "--merchant", "default")
    assert result.code == 1
    assert "Nothing was resumed: there is no pause of this merchant and provider." in result.out
    assert "ada" in result.out


def test_a_pause_of_what_is_not_configured_is_refused(run: Run, stored: str) -> None:
    result = run("pause", "--merchant", "defualt")
    assert (result.code, result.err) == (1, "merchant 'defualt' isn't configured; there are: default\n")
    assert run("pause", "--provider", "mollie").code == 1
    assert run("pauses").out == "Nothing is paused.\n"


def test_restored_wants_to_be_sure(run: Run, stored: str) -> None:
    result = run("restored")
    assert result.code == 2
    assert "--yes" in result.err
    assert run("restored", "--yes").out.startswith("Epoch 2: ")
    assert run("restored", "--yes").out.startswith("Epoch 3: ")


async def test_migrate_makes_the_schema_and_says_so(run: Run, stored: str) -> None:
    connection = await asyncpg.connect(stored)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await connection.close()
    result = await asyncio.to_thread(run, "order", "show", "1")
    assert result.code == 1
    assert "run `ordersaga migrate`" in result.err
    first = await asyncio.to_thread(run, "migrate")
    assert first.code == 0
    assert "was upgraded from nothing to " in first.out
    assert "is already at " in (await asyncio.to_thread(run, "migrate")).out
    assert (await asyncio.to_thread(run, "order", "show", "1")).err == "there is no order '1' of merchant 'default'\n"


def test_postgres_away_or_a_setting_that_it_refuses_is_one_line(
    run: Run, stored: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDERSAGA_DATABASE", "postgresql://saga:hunter2@127.0.0.1:1/orders")
    result = run("dead-letters", "list")
    assert result.code == 1
    assert result.err.startswith("Postgres at 127.0.0.1:1/orders: ")
    assert len(result.err.splitlines()) == 1
    monkeypatch.setenv("ORDERSAGA_DATABASE", "postgresql://saga:hunter2@127.0.0.1:1/orders?speed=high")
    refused = run("dead-letters", "list")
    assert refused.code == 2
    assert refused.err == "ORDERSAGA_DATABASE: unknown parameters in the database URL: speed\n"
    assert "hunter2" not in result.err + refused.err


def test_a_command_that_reads_records_no_master_key(run: Run, stored: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERSAGA_ENCRYPTION_KEY", base64.b64encode(bytes(32)).decode())
    for command in (["dead-letters", "list"], ["order", "show", "1"], ["resume"]):
        run(*command)
    assert asyncio.run(run_sql(stored, "SELECT FROM master_keys")) == []


@pytest.mark.parametrize(
    ("broken", "line"),
    [
        ("ALTER TABLE journal DROP COLUMN note", "lacks journal.note: run `ordersaga migrate`"),
        ("CREATE ROLE {0}; ALTER DATABASE {0} SET role = {0}", "the role {0} at "),
    ],
)
def test_a_database_that_cannot_be_used_ends_the_service_with_one_line(
    run: Run, stored: str, broken: str, line: str
) -> None:
    name = stored.rpartition("/")[2]
    asyncio.run(execute(stored, broken.format(name)))
    result = run("run")
    asyncio.run(execute(stored, f"SET ROLE NONE; ALTER DATABASE {name} RESET role; DROP ROLE IF EXISTS {name}"))
    assert result.code == 2
    assert line.format(name) in result.err
    assert len(result.err.splitlines()) == 1


def test_a_database_of_a_newer_version_is_told_by_migrate(run: Run, stored: str) -> None:
    asyncio.run(execute(stored, "UPDATE alembic_version SET version_num = '9999'"))
    result = run("migrate")
    assert result.code == 1
    last = result.err.splitlines()[-1]
    assert last.startswith("the database's schema isn't known to this version: a newer version has upgraded it")
    assert "Traceback" not in result.err


async def execute(database: str, statements: str) -> None:
    connection = await asyncpg.connect(database)
    await connection.execute(statements)
    await connection.close()


def test_tls_to_a_port_without_it_is_one_line(run: Run, stored: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERSAGA_DATABASE", f"{stored}?sslmode=require")
    for command in (["dead-letters", "list"], ["migrate"]):
        result = run(*command)
        assert result.code == 1
        assert len(result.err.splitlines()) == 1
        assert "rejected SSL upgrade" in result.err


def test_another_master_key_is_told(run: Run, order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERSAGA_ENCRYPTION_KEY", base64.b64encode(bytes(32)).decode())
    result = run("order", "show", "536365")
    assert result.code == 1
    assert result.err.startswith("the master key '1' isn't the one that this database knows")


def test_a_discard_that_nobody_answers_discards_nothing(
    run: Run, letters: list[DeadLetter], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    result = run("dead-letters", "discard", str(letters[0].id))
    assert (result.code, result.err) == (1, "nothing was discarded\n")


def test_a_repaired_value_that_cannot_be_read_is_named(run: Run, letters: list[DeadLetter], tmp_path: Path) -> None:
    result = run("dead-letters", "replay", str(letters[0].id), "--file", str(tmp_path / "none.json"))
    assert (result.code, result.err) == (1, f"{tmp_path / 'none.json'} can't be read: No such file or directory\n")
