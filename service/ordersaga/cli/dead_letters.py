"""`ordersaga dead-letters`: inputs that couldn't be processed."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from ordersaga.cli.output import CommandError, at, console, print_json, table

if TYPE_CHECKING:
    from ordersaga.operating.replay import Replay
    from ordersaga.store.dead_letters import Content, DeadLetterSummary


async def list_(
    *,
    state: Literal["open", "replayed", "discarded"] = "open",
    limit: int = 100,
    after: UUID | None = None,
    json: bool = False,
) -> None:
    """List the inputs that couldn't be processed, newest first, without their content.

    Parameters
    ----------
    state
        Only those in this state.
    limit
        How many at most.
    after
        Only those after this one: the last of the previous page.
    json
        Print one JSON array.

    """
    from ordersaga import config

    settings = config.load(config.StoreSettings)
    from ordersaga.cli.connections import opened_store
    from ordersaga.operating.dead_letters import list_dead_letters

    async with opened_store(settings) as store:
        found = await list_dead_letters(store, state, limit, after)
    if json:
        print_json([_facts(one) for one in found])
    elif found:
        columns = ("id", "at (UTC)", "code", "merchant", "order", "place", "reason")
        rows = ((one.id, at(one.at), one.code, one.merchant, one.subject, _place(one), one.reason) for one in found)
        table(f"Dead letters, {state}", columns, rows)
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


async def replay(dead_letter: UUID, *, file: Path | None = None, new_id: str | None = None) -> None:
    """Process the event of a dead letter again, as if it had just arrived.

    Parameters
    ----------
    dead_letter
        Its id.
    file
        The repaired value of the record. Default: the value as it was.
    new_id
        A new event id, where the old one was used before.

    """
    value = None if file is None else _read(file)
    async with _replay() as replaying:
        key = (await replaying.replay(dead_letter, value, new_id)).key
    console().print(f"Taken in, for order {key.subject} of merchant {key.merchant}.", highlight=False)


async def discard(dead_letter: UUID, *, yes: bool = False) -> None:
    """Discard a dead letter permanently. An event that has no final outcome yet is rejected.

    Parameters
    ----------
    dead_letter
        Its id.
    yes
        Don't ask for confirmation.

    """
    if not yes and not _confirmed(f"Discard dead letter {dead_letter} permanently? (yes/no) "):
        raise CommandError("nothing was discarded")
    async with _replay() as replaying:
        await replaying.discard(dead_letter)
    console().print("Discarded.")


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
async def _replay() -> AsyncIterator["Replay"]:
    from ordersaga import config

    settings = config.load()
    from ordersaga.cli.connections import opened_store_and_rulebook
    from ordersaga.operating.replay import Replay

    async with opened_store_and_rulebook(settings) as (store, rulebook):
        yield Replay(store, settings.merchants.keys(), rulebook, settings.instance)


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
