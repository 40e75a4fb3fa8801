"""Compares the results of a case with what it expects. Each check returns the problems, in words."""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

from ordersaga_local.outcomes import Told

from .files import Json, UnknownFormError, check_fields
from .runner import Run

_COUNTED: Final = frozenset({"acknowledge", "references"})
"""Effects without an amount: how often they happened."""
_EFFECT: Final = re.compile(r"(capture|refund|cancel|release|update)(_sum|_count)?")
_PARAMETER: Final = re.compile(r"\{\w+\}")
_OPTIONAL: Final = frozenset({"code", "amount", "operations", "order"})

Effects = Mapping[str, list[Json]]
"""By order, in the order of the ledger."""


async def problems_of(run: Run) -> list[str]:
    """What the case expects, and what must hold in every case."""
    effects = _effects(run)
    problems = [problem for entry in run.case.expected for problem in _check(run, effects, entry)]
    return problems + _books(run, effects) + _unexpected_dead_letters(run) + await run.new_problems()


def _effects(run: Run) -> Effects:
    effects: dict[str, list[Json]] = {}
    found = run.play.sandbox.effects()
    last = {effect["order_id"]: effect["merchant_reference1"] for effect in found}
    for effect in found:
        effects.setdefault(effect["merchant_reference1"] or last[effect["order_id"]], []).append(effect)
    return effects


def _check(run: Run, effects: Effects, entry: Json) -> list[str]:
    match entry:
        case {"event": _}:
            return _final(run, entry)
        case {"effects": wanted, **rest} if not rest:
            found = [_ledger(subject, effects.get(subject, []), form) for subject, form in wanted.items()]
            return [problem for problems in found for problem in problems]
    form, *others = entry
    if others or form not in FORMS:
        raise UnknownFormError(json.dumps(entry))
    return FORMS[form](run, entry[form])


# outcomes


def _final(run: Run, entry: Json) -> list[str]:
    check_fields(entry, "event", "final", optional=_OPTIONAL)
    event = entry["event"]
    finals = run.finals(event)
    if len(finals) != 1:
        return [f"{event}: {len(finals)} final outcomes"]
    told = finals[0]
    compared: list[tuple[str, Any, Any]] = [
        ("type", entry["final"], told.what),
        ("code", entry.get("code"), _code(told)),
    ]
    if "amount" in entry:
        compared.append(("amount", entry["amount"], _amount(told)))
    if "operations" in entry:
        amounts = [_amount(one) or 0 for one in run.outcomes(event)]
        compared.append(("sum of the operations", entry["operations"], sum(amounts)))
    books = told.data["order"] or {}
    compared += [(name, value, books.get(name)) for name, value in entry.get("order", {}).items()]
    return [f"{event}: {name} is {got!r}, expected {wanted!r}" for name, wanted, got in compared if wanted != got]


def _not_final(run: Run, form: Json) -> list[str]:
    """Such an outcome came, and the event has no final one unless the case expects one."""
    check_fields(form, "event", "type", "code")
    event = form["event"]
    found = [(told.what, _code(told)) for told in run.outcomes(event) if not told.data["final"]]
    problems = [] if (form["type"], form["code"]) in found else [f"{event}: outcomes {found}, expected {form}"]
    if any(entry.get("event") == event for entry in run.case.expected):
        return problems
    return problems + [f"{event}: ended with {told.what}" for told in run.finals(event)]


def _message(run: Run, form: Json) -> list[str]:
    check_fields(form, "event", "contains")
    errors = [told.data.get("error") or {} for told in run.outcomes(form["event"])]
    messages = [message for error in errors for message in error.get("messages", [])]
    if any(form["contains"] in message for message in messages):
        return []
    return [f"{form['event']}: messages {messages}, expected {form['contains']!r}"]


def _one_of(run: Run, form: Json) -> list[str]:
    check_fields(form, "events", "final", "others")
    events = form["events"]
    found = Counter((told.what, _code(told)) for event in events for told in run.finals(event))
    wanted = Counter({(form["final"], None): 1, tuple(form["others"]): len(events) - 1})
    return [] if found == wanted else [f"{events}: {dict(found)}, expected {dict(wanted)}"]


def _either(run: Run, form: Json) -> list[str]:
    """One of the pairs of type and code; a dead letter is its outcome, or of the type `dead_letter` if it has none."""
    check_fields(form, "event", "outcomes")
    event, dead_letter = form["event"], run.open_dead_letter(form["event"])
    found = [[told.what, _code(told)] for told in (run.outcomes(event) if dead_letter else run.finals(event))]
    found += [["dead_letter", dead_letter.code]] if dead_letter and not found else []
    return (
        [] if len(found) == 1 and found[0] in form["outcomes"] else [f"{event}: {found}, expected {form['outcomes']}"]
    )


def _dead_letters_at_least(run: Run, form: Json) -> list[str]:
    found = Counter(one.code for one in run.dead_letters)
    return [
        f"dead letters {code}: {found[code]}, expected {least}" for code, least in form.items() if found[code] < least
    ]


def _cause_null(run: Run, form: Json) -> list[str]:
    """One such outcome that no event caused, with this in its result."""
    check_fields(form, "type", "result_has")
    of_case = [told for told in run.play.books.seen.values() if told.order in run.subjects]
    found = [told for told in of_case if told.what == form["type"] and told.data["cause"] is None]
    if len(found) == 1 and found[0].data["result"].get(form["result_has"]):
        return []
    return [f"outcomes {form['type']} without a cause: {[told.data['result'] for told in found]}, expected {form}"]


def _count(run: Run, form: Json) -> list[str]:
    """So many outcomes of the order are of this type, whatever caused them."""
    check_fields(form, "order", "type", "is")
    found = [told for told in run.play.books.seen.values() if (told.order, told.what) == (form["order"], form["type"])]
    return (
        [] if len(found) == form["is"] else [f"{form['order']}: {len(found)} outcomes {form['type']}, expected {form}"]
    )


def _request(run: Run, form: Json) -> list[str]:
    """A request to this route, of an order of the case, with these fields in one of its lines."""
    check_fields(form, "route", "line")
    orders = {told.data["provider_order_id"] for told in run.play.books.seen.values() if told.order in run.subjects}
    lines: list[Json] = [
        line
        for sent in run.play.sandbox.requests()
        if f"{sent['method']} {_PARAMETER.sub('{id}', sent['route'] or '')}" == form["route"]
        and not orders.isdisjoint(sent["path"].split("/"))
        for line in _lines_of(json.loads(sent["request_body"] or "{}"))
    ]
    if any(form["line"].items() <= line.items() for line in lines):
        return []
    return [f"lines sent to {form['route']}: {lines}, expected one with {form['line']}"]


def _lines_of(body: Json) -> list[Json]:
    """Mollie's name for them, or Klarna's."""
    lines: list[Json] = body.get("lines") or body.get("order_lines") or []
    return lines


FORMS: Final[dict[str, Callable[[Run, Json], list[str]]]] = {
    "not_final": _not_final,
    "message": _message,
    "one_of": _one_of,
    "either": _either,
    "dead_letters_at_least": _dead_letters_at_least,
    "cause_null": _cause_null,
    "count": _count,
    "request": _request,
}


def _code(told: Told) -> str | None:
    code: str | None = (told.data.get("error") or {}).get("code")
    return code


def _amount(told: Told) -> int | None:
    amount: int | None = (told.data["operation"] or {}).get("amount")
    return amount


# the ledger


def _ledger(subject: str, effects: list[Json], form: Json) -> list[str]:
    """`capture`: the amounts, in order; `capture_sum` and `capture_count`: of these amounts."""
    problems = []
    for name, wanted in form.items():
        if name in _COUNTED:
            count = sum(one["kind"] == name for one in effects)
            problems += [] if count == wanted else [f"{subject}: {name} {count} times in the ledger, expected {wanted}"]
            continue
        effect = _EFFECT.fullmatch(name)
        if effect is None:
            raise UnknownFormError(f"effects of {subject}: {name}")
        kind, of = effect.groups()
        amounts = [one["amount"] for one in effects if one["kind"] == kind]
        found: Any = {None: amounts, "_sum": sum(amounts), "_count": len(amounts)}[of]
        if found != wanted:
            problems.append(f"{subject}: {name} in the ledger is {found}, expected {wanted}")
    return problems


# in every case


def _books(run: Run, effects: Effects) -> list[str]:
    """Every outcome's books balance, and the last ones are equal to the ledger."""
    told_of_case = [told for told in run.play.books.seen.values() if told.order in run.subjects and told.data["order"]]
    problems = [
        f"{told.order}, outcome {told.sequence}: the books don't balance: {told.data['order']}"
        for told in told_of_case
        if not _balance(told.data["order"])
    ]
    last = {told.order: told.data["order"] for told in sorted(told_of_case, key=lambda told: told.sequence)}
    for subject in run.subjects:
        books = last.get(subject, {"captured_amount": 0, "refunded_amount": 0})
        sums = {"capture_sum": books["captured_amount"], "refund_sum": books["refunded_amount"]}
        problems += _ledger(subject, effects.get(subject, []), sums)
    return problems


def _balance(order: Json) -> bool:
    parts = order["captured_amount"] + order["released_amount"] + order["remaining_authorized_amount"]
    return bool(order["order_amount"] == parts and order["refunded_amount"] <= order["captured_amount"])


def _unexpected_dead_letters(run: Run) -> list[str]:
    """Of events; a raw record always becomes one."""
    expected: set[str] = set()
    for entry in run.case.expected:
        match entry:
            case {"not_final": {"code": code}}:
                expected.add(code)
            case {"dead_letters_at_least": codes}:
                expected |= codes.keys()
            case {"either": {"outcomes": outcomes}}:
                expected |= {code for outcome, code in outcomes if outcome == "dead_letter" or code == "invalid_event"}
    found = [one.code for one in run.dead_letters if one.place not in run.raw_places and one.code not in expected]
    return [f"dead letter {code}" for code in found]
