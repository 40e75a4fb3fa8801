"""A settle that violates an invariant is counted, and any other isn't."""

import pytest
from msgspec.structs import replace
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from domain.shop import Story, snapshot
from domain.uncertain import GONE, LOST, NO, lose, open_operation, request, shows
from ordersaga.domain import saga
from ordersaga.domain.deciding.builder import DecisionBuilder
from ordersaga.domain.model.order import Operation, Order, Refusal
from ordersaga.domain.model.outcomes import Call, Decision, Elapsed, Read, Revoke, Send
from ordersaga.domain.model.results import Rejected, Result, Succeeded
from ordersaga.domain.uncertainty import settling
from ordersaga.telemetry.logs import KNOWN_FIELDS
from ordersaga.worker.violations import violations
from roles_harness import Roles, Shop, gives, roles

RULES = Story().rules
A_REFUSAL = Refusal("no")


def violated(invariant: str) -> float:
    return REGISTRY.get_sample_value("ordersaga_invariant_violations_total", {"invariant": invariant}) or 0.0


def refused_at_once(work: DecisionBuilder, operation: Operation, refusal: Refusal, _status: int | None) -> None:
    """A violation of I3: any refusal ends an unknown operation."""
    settling.fail(work, operation, refusal)


def ended(order: Order) -> Decision:
    """The current operation failed, and its event is rejected."""
    work = DecisionBuilder(order, 0.0, Story().rules)
    settling.fail(work, order.operations[0], A_REFUSAL)
    return work.decision()


def lost(name: str = "capture") -> tuple[Order, Send]:
    """An order whose current operation is unknown, and its call."""
    story = open_operation(name)
    call = Send(story.operation, request(story))
    lose(story)
    return story.order, call


@pytest.mark.parametrize("result", [NO, GONE, LOST, None])
def test_an_unknown_operation_that_ends_by_no_evidence_is_seen(result: Result | None) -> None:
    order, call = lost()
    assert list(violations(order, call, result, ended(order), RULES)) == ["I3"]
    assert list(violations(order, Elapsed(), None, ended(order), RULES)) == ["I3"]
    known = replace(order, operations=(replace(order.operations[0], unknown=False),))
    assert list(violations(known, call, result, ended(known), RULES)) == []


def test_an_unknown_operation_that_is_sent_anew_by_no_evidence_is_seen() -> None:
    order, call = lost()
    forgot = replace(order, operations=(replace(order.operations[0], unknown=False),))
    assert list(violations(order, call, NO, Decision(forgot), RULES)) == ["I3"]
    assert list(violations(order, call, NO, Decision(order), RULES)) == []


@pytest.mark.parametrize("name", ["capture", "refund", "cancel", "release", "amend"])
def test_a_read_proves_something_when_it_shows_the_effect_or_is_the_second_that_does_not(name: str) -> None:
    story = open_operation(name)
    lose(story)
    order, read = story.order, Read("f33", story.operation)
    without = snapshot(order)
    assert list(violations(order, read, Succeeded(snapshot=without), ended(order), RULES)) == ["I3"]
    again = replace(order, operations=(replace(order.operations[0], absent=1),))
    assert list(violations(again, read, Succeeded(snapshot=without), ended(again), RULES)) == []
    shown = snapshot(order, **shows(story))
    assert list(violations(order, read, Succeeded(snapshot=shown), ended(order), RULES)) == []
    assert list(violations(order, Read("f33"), Succeeded(snapshot=shown), ended(order), RULES)) == ["I3"]


@pytest.mark.parametrize(
    ("call", "result"),
    [(Send, Succeeded("1")), (Revoke, Succeeded())],
)
def test_a_success_proves_something(call: type[Send | Revoke], result: Result) -> None:
    order, sent = lost()
    assert list(violations(order, call(sent.operation, sent.request), result, ended(order), RULES)) == []


def test_an_authorization_that_is_gone_was_cancelled_by_us() -> None:
    order, call = lost()
    cancelling = replace(order.operations[0], type="cancel_authorization")
    order = replace(order, operations=(cancelling,))
    call = replace(call, operation=cancelling)
    assert list(violations(order, call, Rejected("NOT_FOUND", status=404), ended(order), RULES)) == []
    assert list(violations(order, call, Rejected("NO", status=403), ended(order), RULES)) == ["I3"]


def test_an_event_of_which_nothing_would_be_told_is_seen() -> None:
    story = open_operation("capture")
    story.returned("A:1")  # it waits for the capture
    order, call = story.order, Send(story.operation, request(story))
    silent = Decision(replace(order, operations=()))
    assert list(violations(order, call, Succeeded("1"), silent, RULES)) == ["I6"]
    silent = Decision(replace(order, pending=()))
    assert list(violations(order, call, Succeeded("1"), silent, RULES)) == ["I6"]
    assert list(violations(order, call, Succeeded("1"), Decision(order), RULES)) == []


async def mark_uncertain(r: Roles) -> None:
    """A placed order whose capture was leased by a worker that died."""
    shop = Shop()
    await r.take(shop.placed())
    await r.worker.claim()
    await r.until_idle()
    await r.take(shop.shipped(quantity=3))
    assert (await r.claim_as("gone", 0.0)).orders


async def test_a_refusal_that_ends_an_unknown_operation_is_counted(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "_refused", refused_at_once)
    async with roles(database, dispatcher=False) as r:
        await mark_uncertain(r)
        r.fake.on_call = gives(Rejected("CAPTURE_NOT_ALLOWED", status=403))
        before = violated("I3")
        with capture_logs() as lines:
            await r.worker.claim()
            await r.until_idle()
        assert (await r.outcome_types())[:2] == ["authorized", "rejected"]
        assert violated("I3") == before + 1
        (line,) = [one for one in lines if one["event"] == "a guarantee was violated"]
        assert (line["invariant"], line["merchant"], line["subject"]) == ("I3", "default", "1")
        assert (line["log_level"], line["operation"]) == ("warning", "capture")
        assert line.keys() - {"log_level"} <= KNOWN_FIELDS


async def test_an_event_that_a_settle_forgets_is_counted(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = saga.settle

    def settle(order: Order, call: Call | Elapsed, result: Result | None, now: float, rules: object) -> Decision:
        decision = right(order, call, result, now, rules)  # type: ignore[arg-type]  # passed on
        return replace(decision, order=replace(decision.order, sequence=order.sequence), outcomes=())

    monkeypatch.setattr(saga, "settle", settle)
    async with roles(database) as r:
        before = violated("I6")
        await r.take(Shop().placed())
        await r.until_idle()
        assert await r.outcome_types() == []
        assert violated("I6") == before + 1
