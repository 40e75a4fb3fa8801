"""`ordersaga dead-letters`: inputs that couldn't be processed."""

import base64
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal
from uuid import UUID

from ordersaga.cli.dead_letter_selection import ALL, Selection
from ordersaga.cli.output import CommandError, at, console, counted, print_json, table

if TYPE_CHECKING:
    from ordersaga.operating.replay import Replay
    from ordersaga.store.dead_letters import Content, DeadLetterGroup, DeadLetterSummary
    from ordersaga.store.store import Store


async def list_(
    *,
    state: Literal["open", "replayed", "discarded"] = "open",
    selection: Selection = ALL,
    groups: bool = False,
    limit: int = 100,
    after: UUID | None = None,
    json: bool = False,
) -> None:
    """List the inputs that couldn't be processed, newest first, without their content.

    Parameters
    ----------
    state
        Only those in this state.
    selection
        Which of them.
    groups
        One line for all with the same problem, the largest group first.
    limit
        How many lines at most.
    after
        Only those after this one: the last of the previous page.
    json
        Print one JSON array.

    """
    from ordersaga import config

    settings = config.load(config.StoreSettings)
    from ordersaga.cli.connections import opened_store
    from ordersaga.operating.dead_letters import group_dead_letters, list_dead_letters

    async with opened_store(settings) as store:
        if groups:
            _print_groups(await group_dead_letters(store, state, selection.filter(), limit), state, json=json)
            return
        found = await list_dead_letters(store, state, selection.filter(), limit, after)
    if json:
        print_json([_facts(one) for one in found])
    elif found:
        columns = ("id", "at (UTC)", "code", "merchant", "order", "place", "reason")
        rows = ((one.id, at(one.at), one.code, one.merchant, one.subject, _place(one), one.reason) for one in found)
        table(f"Dead letters, {state}", columns, rows)
    else:
        console().print(f"There are no {state} dead letters.")


def _print_groups(found: "Sequence[DeadLetterGroup]", state: str, *, json: bool) -> None:
    if json:
        print_json(found)
    elif found:
        columns = ("#number", "code", "group", "first (UTC)", "last (UTC)", "last id")
        rows = ((one.number, one.code, one.fingerprint, at(one.first), at(one.last), one.example) for one in found)
        table(f"Dead letters, {state}, by problem", columns, rows)
    else:
        console().print(f"There are no {state} dead letters.")


async def show(dead_letter: UUID, /, *, reveal: bool = False, json: bool = False) -> None:
    """Print a dead letter. Its content may be personal data.

    Parameters
    ----------
    dead_letter
        Its id.
    reveal
        Also print key, headers and value of the record, decrypted.
    json
        Print one JSON object.

    """
    from ordersaga import config

    settings = config.load(config.StoreSettings)
    from ordersaga.cli.connections import opened_store
    from ordersaga.operating.dead_letters import get_dead_letter

    async with opened_store(settings) as store:
        listed, content = await get_dead_letter(store, dead_letter)
    facts = _facts(listed) | (_revealed(content) if reveal else {})
    if json:
        print_json(facts)
    else:
        rows = ((name, value) for name, value in facts.items() if value is not None)
        table(f"Dead letter {dead_letter}", ("", ""), rows)
        if not reveal:
            console().print("Its content may be personal data: --reveal shows it.")


async def replay(
    dead_letter: UUID | None = None,
    /,
    *,
    file: Path | None = None,
    new_id: str | None = None,
    selection: Selection = ALL,
    rate: float = 10.0,
    limit: int | None = None,
    yes: bool = False,
) -> int:
    """Process the event of a dead letter again, as if it had just arrived; or those of many, oldest first.

    Parameters
    ----------
    dead_letter
        Its id. Without one: all open ones that the filters select.
    file
        The repaired value of the record. Default: the value as it was.
    new_id
        A new event id, where the old one was used before.
    selection
        Of many: which.
    rate
        Of many: how many a second at most.
    limit
        Of many: how many at most.
    yes
        Of many: don't ask for confirmation.

    """
    if dead_letter is None:
        if file is not None or new_id is not None:
            raise CommandError("--file and --new-id are for one dead letter: give its id", 2)
        return await _in_turn("replay", selection, rate, limit, yes=yes)
    _only_one(selection)
    value = None if file is None else _read(file)
    async with _replay() as (replaying, _):
        key = (await replaying.replay(dead_letter, value, new_id)).key
    console().print(f"Taken in, for order {key.subject} of merchant {key.merchant}.", highlight=False)
    return 0


async def discard(
    dead_letter: UUID | None = None,
    /,
    *,
    selection: Selection = ALL,
    rate: float = 10.0,
    limit: int | None = None,
    yes: bool = False,
) -> int:
    """Discard a dead letter permanently, or many. An event that has no final outcome yet is rejected.

    Parameters
    ----------
    dead_letter
        Its id. Without one: all open ones that the filters select.
    selection
        Of many: which.
    rate
        Of many: how many a second at most.
    limit
        Of many: how many at most.
    yes
        Don't ask for confirmation.

    """
    if dead_letter is None:
        return await _in_turn("discard", selection, rate, limit, yes=yes)
    _only_one(selection)
    if not yes and not _confirmed(f"Discard dead letter {dead_letter} permanently? (yes/no) "):
        raise CommandError("nothing was discarded")
    async with _replay() as (replaying, _):
        await replaying.discard(dead_letter)
    console().print("Discarded.")
    return 0


def _only_one(selection: Selection) -> None:
    if selection != ALL:
        raise CommandError("give an id or filters, not both", 2)


async def _in_turn(
    what: Literal["replay", "discard"], selection: Selection, rate: float, limit: int | None, *, yes: bool
) -> int:
    """The exit code: 1 if one of them stays open."""
    if selection == ALL:
        raise CommandError("give the id of a dead letter, or filters that select some", 2)
    from ordersaga.operating.dead_letters import each_in_turn

    wanted = selection.filter()
    async with _replay() as (replaying, store):
        number = sum(one.number for one in await store.group_dead_letters("open", wanted, _MANY))
        number = number if limit is None else min(number, limit)
        if number and not yes and not _confirmed(f"{what.capitalize()} {counted(number, 'dead letter')}? (yes/no) "):
            raise CommandError(f"nothing was {_DONE[what]}")
        act = replaying.replay if what == "replay" else replaying.discard
        result = await each_in_turn(store, wanted, act, rate=rate, most=limit)
    for one in result.not_done:
        sys.stderr.write(f"{one.reason}\n")
    stay = "stays" if len(result.not_done) == 1 else "stay"
    left = f", {len(result.not_done)} {stay} open" if result.not_done else ""
    console().print(f"{result.done} {_DONE[what]}{left}.")
    return 1 if result.not_done else 0


_DONE: Final = {"replay": "replayed", "discard": "discarded"}
_MANY: Final = 1_000_000


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CommandError(f"{file} can't be read: {error.strerror}") from error


def _confirmed(question: str) -> bool:
    """False without a terminal that answers."""
    try:
        return console().input(question) == "yes"
    except EOFError:
        return False


@asynccontextmanager
async def _replay() -> AsyncIterator[tuple["Replay", "Store"]]:
    from ordersaga import config

    settings = config.load()
    from ordersaga.cli.connections import opened_store_and_rulebook
    from ordersaga.operating.replay import Replay

    async with opened_store_and_rulebook(settings) as (store, rulebook):
        yield Replay(store, settings.merchants.keys(), rulebook, settings.instance), store


def _place(listed: "DeadLetterSummary") -> str:
    return f"{listed.topic}[{listed.partition}]@{listed.offset}"


def _facts(listed: "DeadLetterSummary") -> dict[str, Any]:
    return {
        "id": str(listed.id),
        "at": at(listed.at),
        "state": listed.state,
        "code": listed.code,
        "reason": listed.reason,
        "fingerprint": listed.fingerprint,
        "merchant": listed.merchant,
        "subject": listed.subject,
        "topic": listed.topic,
        "partition": listed.partition,
        "offset": listed.offset,
    }


def _revealed(content: "Content") -> dict[str, Any]:
    """Text where it is text, else base64."""
    return {
        "key": _text(content.key),
        "headers": [(name, _text(value)) for name, value in content.headers],
        "value": _text(content.value),
    }


def _text(value: bytes | None) -> str | None:
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return f"base64:{base64.b64encode(value).decode()}"
