"""`ordersaga dead-letters`: inputs that couldn't be processed."""

import base64
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from ordersaga.cli.output import CommandError, at, console, table

if TYPE_CHECKING:
    from ordersaga.operating.replay import Replay
    from ordersaga.store.dead_letters import Content, Listed


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
        Which of them.
    limit
        How many at most.
    after
        Those that follow this one: the last of the page before.
    json
        As one JSON array.

    """
    from ordersaga import config

    settings = config.load(config.StoreSettings)
    from ordersaga.cli.connections import opened_store

    async with opened_store(settings) as store:
        letters = await store.list_dead_letters(state, limit, after)
    if json:
        _print_json([_facts(letter) for letter in letters])
    elif letters:
        columns = ("id", "at (UTC)", "code", "merchant", "order", "place", "reason")
        rows = ((one.id, at(one.at), one.code, one.merchant, one.subject, _place(one), one.reason) for one in letters)
        table(f"Dead letters, {state}", columns, rows)
    else:
        console().print(f"There are no dead letters that are {state}.")


async def show(letter: UUID, /, *, reveal: bool = False, json: bool = False) -> None:
    """Print a dead letter. Its content may hold personal data.

    Parameters
    ----------
    letter
        Its id.
    reveal
        Also key, headers and value of the record, decrypted.
    json
        As one JSON object.

    """
    from ordersaga import config

    settings = config.load(config.StoreSettings)
    from ordersaga.cli.connections import opened_store

    async with opened_store(settings) as store:
        found = await store.get_dead_letter(letter)
    if found is None:
        raise CommandError(f"there is no dead letter {letter}")
    facts = _facts(found[0]) | (_revealed(found[1]) if reveal else {})
    if json:
        _print_json(facts)
    else:
        table(f"Dead letter {letter}", ("", ""), ((name, value) for name, value in facts.items() if value is not None))
        if not reveal:
            console().print("Its content may hold personal data: --reveal shows it.")


async def replay(letter: UUID, *, file: Path | None = None, new_id: str | None = None) -> None:
    """Take a dead letter's event in again, as if it came now.

    Parameters
    ----------
    letter
        Its id.
    file
        The repaired value of the record; without it the value stays as it was.
    new_id
        Another event id, for one whose id was used before.

    """
    value = None if file is None else _content(file)
    async with _replaying() as replaying:
        key = await replaying.replay(letter, value, new_id)
    console().print(f"Taken in, for order {key.subject} of merchant {key.merchant}.", highlight=False)


async def discard(letter: UUID, *, yes: bool = False) -> None:
    """Give a dead letter up: its event ends in a final rejection where the shop was told of it.

    Parameters
    ----------
    letter
        Its id.
    yes
        Don't ask.

    """
    if not yes and not _confirmed(f"Discard dead letter {letter} for good? (yes/no) "):
        raise CommandError("nothing was discarded")
    async with _replaying() as replaying:
        await replaying.discard(letter)
    console().print("Discarded.")


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CommandError(f"{file} can't be read: {error.strerror}") from error


def _confirmed(question: str) -> bool:
    """No where nobody answers."""
    try:
        return console().input(question) == "yes"
    except EOFError:
        return False


@asynccontextmanager
async def _replaying() -> AsyncIterator["Replay"]:
    from ordersaga import config

    settings = config.load()
    from ordersaga.cli.wiring import opened
    from ordersaga.operating.replay import Replay, ReplayError

    try:
        async with opened(settings) as (store, rulebook):
            yield Replay(store, settings.merchants.keys(), rulebook, settings.instance)
    except ReplayError as error:
        raise CommandError(str(error)) from error


def _place(letter: "Listed") -> str:
    return f"{letter.topic}[{letter.partition}]@{letter.offset}"


def _facts(letter: "Listed") -> dict[str, Any]:
    return {
        "id": str(letter.id),
        "at": at(letter.at),
        "state": letter.state,
        "code": letter.code,
        "reason": letter.reason,
        "fingerprint": letter.fingerprint,
        "merchant": letter.merchant,
        "subject": letter.subject,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
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


def _print_json(value: object) -> None:
    import msgspec

    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
