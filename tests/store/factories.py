"""Makes orders and their rows."""

from collections.abc import Iterable, Sequence

from ordersaga.domain.model.events import Cause
from ordersaga.domain.model.fields import OrderLine
from ordersaga.domain.model.order import Details, Key, Line, Operation, Order, Request
from ordersaga.domain.model.outcomes import CALL_KINDS, Entry
from ordersaga.store.claims import Claimed, FreeSlots
from ordersaga.store.intake import Change, InboxLookup, InboxRow, IntakeTransaction
from ordersaga.store.rows import Known, Lease, OutboxRow, Row
from ordersaga.store.store import Store

OWNER = "worker-1"
LEASE = 30.0


def free_slots(merchant: str, provider: str, count: int) -> FreeSlots:
    """So many of each kind and in all."""
    return FreeSlots(merchant, provider, dict.fromkeys(("", *CALL_KINDS), count), count)


FREE = free_slots("default", "klarna", 1_000)
SECRET = "Ada Lovelace, 12 St James's Square"


def key(subject: str = "1", merchant: str = "default") -> Key:
    return Key(merchant, "order", subject)


def order(subject: str = "1", *, lines: int = 2, **fields: object) -> Order:
    """An open order at Klarna, as a `placed` makes it."""
    bought = tuple(
        OrderLine(
            name=f"White hanging heart t-light holder no. {number}",
            quantity=6,
            unit_price=255,
            total_amount=1530,
            tax_rate=2000,
            total_tax_amount=255,
            reference=f"85123A-{number}",
            product_url=f"https://shop.example/products/85123A-{number}",
        )
        for number in range(lines)
    )
    cause = Cause("/shop", f"placed-{subject}", "shop.order.placed.v1")
    operation = Operation(
        f"operation-{subject}", "create_order", cause, 1530 * lines, 1_764_000_000.25, 1_764_000_000.5
    )
    request = Request("POST", "/payments/v1/authorizations/t/order", f'{{"name":"{SECRET}"}}')
    details = Details(lines=bought, requests={operation.id: request})
    made = {
        "provider": "klarna",
        "currency": "GBP",
        "country": "GB",
        "order_amount": 1530 * lines,
        "lines": tuple(Line(b.reference, b.type, b.quantity, b.unit_price, b.tax_rate, b.total_amount) for b in bought),
        "operations": (operation,),
        "sequence": 1,
        "details": details,
    }
    return Order(key(subject), **{**made, **fields})  # type: ignore[arg-type]  # any field of an order


async def put(store: Store, *orders: Order, due_at: float | None = 0.0, lease: bool = False) -> list[Lease]:
    """New orders, in one batch."""
    async with store.intake_transaction() as tx:
        return await tx.write([Change(one, None, due_at, lease) for one in orders], OWNER, LEASE)


async def claim(store: Store, owner: str = OWNER, lease: float = LEASE, free: Sequence[FreeSlots] = (FREE,)) -> Claimed:
    return await store.claim(free, owner, lease)


async def look_up_inbox(tx: IntakeTransaction, rows: Sequence[InboxRow]) -> InboxLookup:
    return (await tx.look_up(rows))[0]


async def locked(tx: IntakeTransaction, keys: Iterable[Key]) -> dict[Key, Row]:
    return (await tx.look_up([], keys))[1]


def unknown(*keys: Key) -> list[Known]:
    """Orders whose rows aren't known."""
    return [Known(Order(one), 0, 0.0) for one in keys]


def inbox(name: str, digest: bytes = b"content") -> InboxRow:
    return InboxRow("default", "/shop", name, digest)


def outcome(of: Key, sequence: int = 1) -> OutboxRow:
    return OutboxRow(of, sequence, "payments.order.authorized.v1", b"headers", b"payload")


def entry(name: str = "create_order", **fields: object) -> Entry:
    return Entry("decision", 1_764_000_000.0, name, **fields)  # type: ignore[arg-type]  # any field of an entry
