"""Tables of the documents that are made of tables in the code: `PYTHONPATH=service:tests .venv/bin/python -m docs.printed`.

Each stands between `<!-- name -->` and `<!-- end of name -->`.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Final, assert_never

from domain.matrix import TABLES
from domain.matrix_of_mollie import SUBSCRIPTIONS as SUBSCRIPTIONS_AT_MOLLIE
from domain.matrix_of_mollie import TABLES as TABLES_OF_MOLLIE
from domain.matrix_rows import STATES, SUBSCRIPTION_STATES, Row, Table, items
from domain.mollie_rows import STATES as STATES_AT_MOLLIE
from domain.mollie_rows import WAITS
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
from ordersaga.providers.klarna.operation import KlarnaOperation
from ordersaga.providers.klarna.operations.table import OPERATIONS as KLARNA
from ordersaga.providers.mollie.operation import MollieOperation
from ordersaga.providers.mollie.operations.table import OPERATIONS as MOLLIE

from . import documents
from .documents import EVIDENCE, PROVIDERS

_SEARCH: Final = "a search for the order by the operation's id"
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


def states(given: Mapping[str, str], what: str) -> str:
    return _table(f"the {what} | is", ([code(name), about] for name, about in given.items()))


def matrix(given: tuple[Table, ...]) -> str:
    return "\n\n".join(_of_event(event, list(tables)) for event, tables in groupby(given, lambda table: table.event))


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
    waits = ", then ".join(WAITS[one] for one in items(row.waits))
    calls = ", ".join(code(call) for call in items(row.calls))
    outcome = ", or ".join(_outcome(one) for one in row.outcomes)
    besides = f"; of `placed`: {_outcome(row.besides)}" if row.besides else ""
    return [when, waits, calls, outcome + besides]


def _outcome(outcome: str) -> str:
    return code(outcome) if outcome in _OUTCOMES else f"`rejected` {code(outcome)}"


# evidence


def evidence() -> str:
    rows = (
        [code(name), _evidence(row), *(_key(table, row) for table in (KLARNA, MOLLIE))]
        for name, row in OPERATIONS.items()
    )
    return _table(
        "operation | what resolves a lost response | its key or token is trusted for, at Klarna | at Mollie", rows
    )


def _evidence(row: OperationSpec) -> str:
    if row.only_reads:
        return "nothing to resolve: a read is made again"
    return _told(row.evidence)


def _told(evidence: Evidence) -> str:
    match evidence:
        case ByReading(search=search):
            return f"a retry with its key, if it has one, then {_SEARCH if search else 'a read of the order'}"
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


def _key(table: Mapping[str, KlarnaOperation | MollieOperation], row: OperationSpec) -> str:
    if row.name not in table:
        return "it has none such"
    seconds = table[row.name].key_seconds
    if not seconds:
        return ""
    return f"{seconds / 3600:.0f} h" if seconds >= 3600 else f"{seconds / 60:.0f} min"


PRINTED: Final[tuple[tuple[Path, str, Callable[[], str]], ...]] = (
    (PROVIDERS, "states", partial(states, STATES, "order")),
    (PROVIDERS, "states of subscriptions", partial(states, SUBSCRIPTION_STATES, "subscription")),
    (PROVIDERS, "matrix", partial(matrix, TABLES)),
    (documents.MOLLIE, "states", partial(states, STATES_AT_MOLLIE, "order")),
    (documents.MOLLIE, "matrix", partial(matrix, (*TABLES_OF_MOLLIE, *SUBSCRIPTIONS_AT_MOLLIE))),
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
