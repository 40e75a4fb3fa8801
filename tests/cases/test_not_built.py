"""No case is forgotten: those that can't run yet are listed, and the list ends with the reason for it."""

import pytest

from e2e.play import placed
from ordersaga.domain.model.events import TYPES

from .conftest import Shared
from .files import Case, cases
from .not_built import NEEDS, NOT_BUILT
from .runner import Run

WAITING = [case for case in cases() if not case.built]
NEEDED = sorted({need for needs in NOT_BUILT.values() for need in needs})


def test_exactly_the_cases_that_are_not_built_are_listed() -> None:
    assert NOT_BUILT.keys() == {case.name for case in WAITING}


@pytest.mark.parametrize("case", WAITING, ids=lambda case: case.name)
def test_a_listed_case_needs_what_the_list_says_and_nothing_else(case: Case) -> None:
    published = [entry for entry in case.events if "specversion" in entry]
    payments = [event["data"]["payment"] for event in published if "payment" in event["data"]]
    used = {event["type"] for event in published}
    needed = {
        name for name, need in NEEDS.items() if need.types & used or any(need.includes(payment) for payment in payments)
    }
    assert needed == set(NOT_BUILT[case.name])
    assert used - TYPES.keys() <= {name for need in needed for name in NEEDS[need].types}


@pytest.mark.parametrize("need", NEEDED)
async def test_what_a_listed_case_needs_is_not_supported_yet(shared: Shared, need: str) -> None:
    waiting = [name for name, needs in NOT_BUILT.items() if need in needs]
    then = f"{need} is supported now: take it off the list, so that these cases run: {waiting}"
    assert not NEEDS[need].types & TYPES.keys(), then
    if NEEDS[need].payment is not None:
        assert await _outcome_of(shared, need) == ("rejected", "unsupported_by_provider"), then


async def _outcome_of(shared: Shared, need: str) -> tuple[str, str | None]:
    """Of an order that is paid this way."""
    event = placed(f"not-built-{need.replace(' ', '-')}") | {"id": need}
    address = {"given_name": "A", "family_name": "B", "street_address": "C 1", "postal_code": "1", "city": "D"}
    event["data"] |= {"locale": "en-GB", "billing_address": address | {"email": "a@example.com", "country": "GB"}}
    event["data"]["payment"] = NEEDS[need].payment
    run = Run(shared.play, shared.producer, Case(need, 900, "", "", "", "built", [event], []))
    await run.complete()
    told = run.finals(need)[0]
    return told.what, (told.data.get("error") or {}).get("code")
