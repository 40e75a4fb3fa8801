"""One event in one state of an order, with the saga, Klarna's own terms and the model of Klarna."""

from typing import Any, Final

from msgspec.structs import replace

from ordersaga.domain import saga
from ordersaga.domain.model.events import Cause
from ordersaga.domain.model.order import Order, Refusal
from ordersaga.domain.model.outcomes import Wait
from ordersaga.providers.klarna.terms import KlarnaTerms

from .life import Life
from .matrix_rows import Table
from .shop import KEY, SUBSCRIPTION
from .whole_klarna import WholeKlarna

_LETTER: Final = "letter-1"


class Cell(Life):
    """One event in one state."""

    klarna: WholeKlarna

    def __init__(self, table: Table, *, allows: bool = True) -> None:
        self.ident = ""
        self.waited: list[str] = []
        super().__init__(KlarnaTerms(), SUBSCRIPTION if table.subscription else KEY)
        self.klarna = WholeKlarna(allows=allows)

    def rest(self) -> None:
        while self.act():
            pass

    def did(self, what: str, **data: Any) -> None:
        """An event of before, carried out."""
        self.tell(what, data)
        self.rest()

    def arrives(self, table: Table) -> None:
        self.ident = f"e{len(self.inputs)}"
        self.tell(table.event, table.data)

    def until_final(self) -> None:
        for _ in range(300):
            self.rest()
            if self.ident in self.finals:
                return
            following = saga.next_call(self.order, self.now, self.rules)
            assert isinstance(following, Wait), following
            self.wait(following.until - self.now)
        raise AssertionError("no final outcome")

    def discard(self) -> None:
        cause = Cause("/shop", "bad", "shop.order.shipped.v1")
        self.told.append(cause.id)
        refusal = Refusal("invalid_event")
        self._take(saga.refuse_for_good(self.order, cause, refusal, self.now, self.rules, unblocks=_LETTER))

    def block(self) -> None:
        self._change(replace(self.order, blocked=_LETTER))

    def outcome_of(self, ident: str) -> str:
        """The code, of one that is rejected."""
        (outcome,) = [one for one in self.outcomes if one.final and one.cause is not None and one.cause.id == ident]
        return outcome.what if outcome.refusal is None else outcome.refusal.code

    def _change(self, order: Order) -> None:
        super()._change(order)
        for pending in order.pending:
            if pending.cause.id == self.ident and [pending.waits_for] != self.waited[-1:]:
                self.waited.append(pending.waits_for)
