from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace

from ordersaga.store.appended import AppendedRows
from ordersaga.store.dead_letters import Content, DeadLetter
from ordersaga.store.engine import Engine
from ordersaga.store.errors import UnreadableError
from ordersaga.store.store import Store
from ordersaga.store.vault import Vault

from .conftest import Connection
from .factories import SECRET, inbox, look_up_inbox

CONTENT = Content(b"536365", f'{{"name":"{SECRET}"}}'.encode(), (("ce_id", b"e-1"), ("ce_id", b"\xff\0")))
LETTER = DeadLetter(
    "shop.orders", 3, 17, CONTENT, "invalid_event", "$.order_lines: too short", "f-1", "default", "536365"
)


async def bury(store: Store, *letters: DeadLetter) -> None:
    async with store.intake_transaction() as tx:
        await tx.write(appended=AppendedRows(dead_letters=letters))


async def test_an_input_is_kept_whole_and_sealed(store: Store, connection: Connection) -> None:
    await bury(store, LETTER)
    found = await store.get_dead_letter(LETTER.id)
    assert found is not None
    listed, content = found
    assert content == CONTENT
    assert (listed.topic, listed.partition, listed.offset, listed.state) == ("shop.orders", 3, 17, "open")
    assert (listed.merchant, listed.subject, listed.code, listed.fingerprint) == (
        "default",
        "536365",
        "invalid_event",
        "f-1",
    )
    row = await connection.fetchrow("SELECT d::text AS whole, sealed FROM dead_letters d")
    assert row is not None
    assert "Ada" not in row["whole"]
    assert b"Ada" not in row["sealed"]
    assert await store.get_dead_letter(uuid4()) is None


async def test_input_that_is_read_again_adds_none(store: Store) -> None:
    await bury(store, LETTER, LETTER)
    await bury(store, LETTER)
    assert len(await store.list_dead_letters()) == 1


async def test_another_record_at_the_same_place_is_another_one(store: Store) -> None:
    await bury(store, LETTER, replace(LETTER, content=Content(None, None)))
    assert len(await store.list_dead_letters()) == 2


async def test_what_could_not_be_read_may_hold_anything(store: Store) -> None:
    odd = replace(LETTER, content=Content(None, b"\0\xff"), merchant=None, subject="a\0b", reason="\0")
    await bury(store, odd)
    [listed] = await store.list_dead_letters()
    assert (listed.merchant, listed.subject) == (None, "a\N{REPLACEMENT CHARACTER}b")


async def test_a_list_goes_page_by_page_newest_first(store: Store) -> None:
    for offset in range(5):
        await bury(store, replace(LETTER, offset=offset))
    pages: list[list[int]] = []
    last: UUID | None = None
    while page := await store.list_dead_letters(limit=2, after=last):
        pages.append([listed.offset for listed in page])
        last = page[-1].id
    assert pages == [[4, 3], [2, 1], [0]]


async def test_a_replayed_input_is_new_to_the_inbox(store: Store) -> None:
    event = replace(inbox("e-1"), dead_letter=LETTER.id)
    async with store.intake_transaction() as tx:
        await look_up_inbox(tx, [event])
        await tx.write(appended=AppendedRows(dead_letters=[LETTER]))
    async with store.intake_transaction() as tx:
        assert (await look_up_inbox(tx, [event])).matches == ["same"]
    async with store.intake_transaction() as tx:
        assert await tx.resolve(LETTER.id, "replayed")
        assert (await look_up_inbox(tx, [inbox("e-1")])).matches == ["new"]
    async with store.intake_transaction() as tx:
        assert not await tx.resolve(LETTER.id, "replayed")
    assert [listed.state for listed in await store.list_dead_letters("replayed")] == ["replayed"]


async def test_a_discarded_input_is_still_known_to_the_inbox(store: Store) -> None:
    event = replace(inbox("e-1"), dead_letter=LETTER.id)
    async with store.intake_transaction() as tx:
        await look_up_inbox(tx, [event])
        await tx.write(appended=AppendedRows(dead_letters=[LETTER]))
        assert await tx.resolve(LETTER.id, "discarded")
    async with store.intake_transaction() as tx:
        assert (await look_up_inbox(tx, [event])).matches == ["same"]
        assert not await tx.resolve(LETTER.id, "replayed")


async def test_with_a_wrong_key_it_says_which_one_cannot_be_read(store: Store, database: str) -> None:
    await bury(store, LETTER)
    other = Store(Engine(database), Vault({"k1": bytes(32)}, "k1"))
    with pytest.raises(UnreadableError, match=f"dead letter {LETTER.id} can't be read"):
        await other.get_dead_letter(LETTER.id)
    await other.close()
