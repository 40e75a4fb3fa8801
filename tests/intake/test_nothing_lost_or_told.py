"""Every record is accounted for, and no personal data is readable."""

import json
from typing import Any

import pytest
from msgspec.structs import replace
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from ordersaga.bus.records import Record
from ordersaga.domain import saga
from ordersaga.intake import intake
from ordersaga.intake.decide import decide_inputs
from roles_harness import TOPIC, Shop, roles, run_sql

PERSONAL = ("Ada", "Lovelace", "ada@example.org", "St James", "1815-12-10", "authorization_token")
TABLES = ("journal", "provider_ids", "inbox", "intake_offsets", "switches")


def personal(shop: Shop, subject: str, **more: Any) -> Record:
    address = {
        "given_name": "Ada",
        "family_name": "Lovelace",
        "email": "ada@example.org",
        "street_address": "12 St James's Square",
        "postal_code": "SW1Y 4JH",
        "city": "London",
        "country": "GB",
    }
    placed = shop.placed(subject, **more)
    data = json.loads(placed.value or b"")
    told = {**data, "billing_address": address, "customer": {"date_of_birth": "1815-12-10"}}
    return replace(placed, value=json.dumps(told).encode())


async def test_every_record_has_an_inbox_row_or_a_dead_letter(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = saga.accept

    def accept(order: Any, event: Any, now: float, rules: Any, **_more: Any) -> Any:
        if event.cause.id == "placed-bug":
            raise ZeroDivisionError
        return right(order, event, now, rules)

    monkeypatch.setattr(saga, "accept", accept)
    async with roles(database, dispatcher=False) as r:
        shop = Shop()
        batch = [
            shop.placed("1"),
            shop.shipped("1"),
            shop.placed("1"),  # a duplicate
            shop.shipped("2", name="placed-1"),  # an id that was used before
            shop.placed("old", timestamp=0.0),
            shop.placed("bug"),
            shop.placed("3", merchant="stranger"),
            shop.event("placed", "4", {}),
            shop.event("placed", "5", b"no JSON"),
            shop.event("invented", "6", {}),
            shop.event("tracking_added", "7", {}),
            shop.event("placed", "8", b"x" * 1_100_000),
            replace(shop.placed("9"), headers=()),
            replace(shop.placed("10"), value=None),
        ]
        await r.take(*batch)
        assert await r.store.offsets(TOPIC) == {0: len(batch)}
        inbox = {row["id"] for row in await run_sql(database, "SELECT id FROM inbox")}
        letters = {row["offset"] for row in await run_sql(database, 'SELECT "offset" FROM dead_letters')}
        for record in batch:
            name = dict(record.headers).get("ce_id", b"").decode()
            assert name in inbox or record.offset in letters, record.offset
        assert len(letters) == 11


def violated() -> float:
    return REGISTRY.get_sample_value("ordersaga_invariant_violations_total", {"invariant": "I6"}) or 0.0


async def test_an_event_of_which_nothing_would_be_told_any_more_is_counted(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = saga.accept

    def accept(order: Any, event: Any, now: float, rules: Any, **_more: Any) -> Any:
        decision = right(order, event, now, rules)
        if event.cause.id == "dropped":
            return replace(decision, order=replace(decision.order, pending=()))
        return decision

    monkeypatch.setattr(saga, "accept", accept)
    async with roles(database, dispatcher=False) as r:
        shop, before = Shop(), violated()
        early = [shop.shipped("2", name="early"), shop.event("shipped", "2", {"order_lines": 1}, name="bad")]
        await r.take(shop.placed(), shop.shipped(), shop.placed(), *early)
        assert violated() == before
        with capture_logs() as lines:
            await r.take(shop.shipped("2", name="dropped"))
        logged = [one for one in lines if one["event"] == "a guarantee was violated"]
        assert [(one["invariant"], one["subject"]) for one in logged] == [("I6", "2")] * 2
        assert violated() == before + 2, "the event and the one that waited before it"
        await r.take(shop.placed("3"), shop.shipped("3", name="dropped"))
        assert violated() == before + 2, "its id was used"
        await r.take(shop.placed("4"), shop.event("closed", "4", {}, name="closed"))
        assert violated() == before + 2


async def test_a_record_that_comes_to_nothing_is_counted(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def all_but_one(inputs: Any, *more: Any) -> None:
        decide_inputs(list(inputs)[1:], *more)

    async with roles(database, dispatcher=False) as r:
        shop, before = Shop(), violated()
        monkeypatch.setattr(intake, "decide_inputs", all_but_one)
        with capture_logs() as lines:
            await r.take(shop.placed("1"), shop.placed("2"), shop.event("invented", "3", {}))
        assert violated() == before + 1
        assert [one["records"] for one in lines if one.get("invariant") == "I6"] == [1]


async def test_nothing_personal_stands_in_a_journal_a_log_an_error_or_an_outcome(
    database: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = saga.accept

    def accept(order: Any, event: Any, now: float, rules: Any, **_more: Any) -> Any:
        if event.cause.id == "bug":
            raise ValueError(f"of {event.data}")
        return right(order, event, now, rules)

    monkeypatch.setattr(saga, "accept", accept)
    async with roles(database) as r:
        shop = Shop()
        wrong = personal(shop, "2")
        await r.take(
            replace(wrong, value=(wrong.value or b"").replace(b'"order_amount": 3000', b'"order_amount": "3000"')),
            personal(shop, "1"),
            shop.shipped("1", 3),
            personal(shop, "3", name="bug"),
        )
        await r.until_idle()
        assert await r.outcome_types("1") == ["authorized", "captured"]
        assert await r.dead_letter_codes() == ["internal_error", "invalid_event"]
        texts = [str(await run_sql(database, f"SELECT t::text FROM {table} AS t")) for table in TABLES]
        texts.append(str(await run_sql(database, "SELECT state::text, attention FROM orders")))
        texts.append(str(await run_sql(database, "SELECT code, reason, fingerprint FROM dead_letters")))
        texts.append(str(await run_sql(database, "SELECT encode(sealed, 'escape') FROM orders")))
        texts.append(str(await run_sql(database, "SELECT encode(sealed, 'escape') FROM dead_letters")))
        texts.append(str(await r.outcomes()))
        told = capsys.readouterr()
        texts.append(told.out + told.err)
        assert "a batch failed" in texts[-1]
        for text in texts:
            assert [word for word in PERSONAL if word in text] == []
