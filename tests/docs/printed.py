"""Tables of the documents that are made of tables in the code: `PYTHONPATH=service:tests .venv/bin/python -m docs.printed`.

Each stands between `<!-- name -->` and `<!-- end of name -->`.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Final, assert_never

from domain import mollie_rows
from domain.matrix import TABLES
from domain.matrix_of_mollie import SUBSCRIPTIONS as MOLLIE_SUBSCRIPTIONS
from domain.matrix_of_mollie import TABLES as MOLLIE_TABLES
from domain.matrix_rows import STATES, SUBSCRIPTION_STATES, Row, Table, items
from ordersaga.domain.model.order import OperationType
from ordersaga.domain.operations import (
    OPERATIONS,
    ByCheckoutRead,
    ByKey,
    ByReading,
    ByRepeating,
    ByTokenRead,
    Evidence,
    NoEvidence,
    OperationSpec,
)
from ordersaga.providers.klarna.operations.table import OPERATIONS as KLARNA_OPERATIONS
from ordersaga.providers.mollie.operations.table import OPERATIONS as MOLLIE_OPERATIONS

from .documents import EVIDENCE, KLARNA, MOLLIE

Keys = dict[OperationType, float]
"""By operation that the provider has, seconds."""

_KLARNA_KEYS: Final[Keys] = {name: row.key_seconds for name, row in KLARNA_OPERATIONS.items()}
_MOLLIE_KEYS: Final[Keys] = {name: row.key_seconds for name, row in MOLLIE_OPERATIONS.items()}
_OUTCOMES: Final = frozenset(outcome for row in OPERATIONS.values() for outcome in row.outcomes)


def code(text: str) -> str:
    return f"`{text}`"


def _table(head: str, rows: Iterator[list[str]]) -> str:
    columns = [one.strip() for one in head.split("|")]
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(
        "| " + " | ".join(cells) + " |" if cells[0] != "---" else "|---" * len(cells) + "|" for cells in lines
    )


# the matrix


def states(what: str, named: dict[str, str]) -> str:
    return _table(f"the {what} | is", ([code(name), about] for name, about in named.items()))


def matrix(tables: Sequence[Table]) -> str:
    return "\n\n".join(_of_event(event, list(of_it)) for event, of_it in groupby(tables, lambda table: table.event))


def _of_event(event: str, tables: list[Table]) -> str:
    parts = [f"### {event}"]
    for table in tables:
        if table.about:
            parts.append(
                f"{table.about[0].upper()}{table.about[1:]}:" if table.about[0] != "`" else f"With {table.about}:"
            )
        parts.append(_table("when | waits for | calls | outcome", map(_cells, table.rows)))
    return "\n\n".join(parts)


def _cells(row: Row) -> list[str]:
    when = ", ".join(code(state) for state in items(row.states))
    waits = ", then ".join(mollie_rows.WAITS[one] for one in items(row.waits))
    calls = ", ".join(code(call) for call in items(row.calls))
    outcome = ", or ".join(_outcome(one) for one in row.outcomes)
    besides = f"; of `placed`: {_outcome(row.besides)}" if row.besides else ""
    return [when, waits, calls, outcome + besides]


def _outcome(outcome: str) -> str:
    return code(outcome) if outcome in _OUTCOMES else f"`rejected` {code(outcome)}"


# evidence


def evidence() -> str:
    rows = (
        [code(name), _evidence(row), *(_key(operations, row) for operations in (_KLARNA_KEYS, _MOLLIE_KEYS))]
        for name, row in OPERATIONS.items()
    )
    return _table("operation | what resolves a lost response | Klarna: its key or token is trusted for | Mollie", rows)


def _evidence(row: OperationSpec) -> str:
    if row.only_reads:
        return "nothing to resolve: a read is made again"
    return _told(row.evidence)


def _told(evidence: Evidence) -> str:
    match evidence:
        case ByReading(search=search):
            look = "a search among the provider's orders" if search else "a read of the order"
            return f"a retry while its key is trusted, then {look}"
        case ByRepeating():
            return "a retry of the same request, then the cancellation of the authorization"
        case ByKey():
            return f"a retry with its key, {_after_key(evidence)}"
        case ByTokenRead():
            return "a read of the customer token"
        case ByCheckoutRead():
            return "a retry; if that is refused, a read of the Checkout order"
        case NoEvidence():
            return _repeated(evidence)
        case _:
            assert_never(evidence)


def _after_key(evidence: ByKey) -> str:
    if evidence.harmless:
        return "for a minute if other events wait; then it ends with `no_answer`"
    return f"then an operator, who looks up {evidence.look_up}"


def _repeated(evidence: NoEvidence) -> str:
    if evidence.harmless:
        return "a retry; what the lost one did is harmless, and a refusal of the retry ends it"
    if evidence.once:
        return f"an operator at once, who looks up {evidence.look_up}"
    return "a retry; a 404 to it proves it" if evidence.gone_is_done else "a retry, then an operator"


def _key(keys: Keys, row: OperationSpec) -> str:
    if row.name not in keys:
        return "\N{EN DASH}"  # the provider lacks it
    seconds = keys[row.name]
    if row.only_reads:
        return ""
    if not seconds:
        return "no key"
    return f"{seconds / 3600:.0f} h" if seconds >= 3600 else f"{seconds / 60:.0f} min"


PRINTED: Final[tuple[tuple[Path, str, Callable[[], str]], ...]] = (
    (KLARNA, "states", partial(states, "order", STATES)),
    (KLARNA, "states of subscriptions", partial(states, "subscription", SUBSCRIPTION_STATES)),
    (KLARNA, "matrix", partial(matrix, TABLES)),
    (MOLLIE, "states", partial(states, "order", mollie_rows.STATES)),
    (MOLLIE, "matrix", partial(matrix, (*MOLLIE_TABLES, *MOLLIE_SUBSCRIPTIONS))),
    (EVIDENCE, "operations", evidence),
)


def ends_of(name: str) -> tuple[str, str]:
    return f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"


def main() -> None:
    for document, name, made in PRINTED:
        start, end = ends_of(name)
        text = document.read_text()
        before, _, rest = text.partition(start)
        _, _, after = rest.partition(end)
        document.write_text(f"{before}{start}{made()}{end}{after}")


if __name__ == "__main__":
    main()
