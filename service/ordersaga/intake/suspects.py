"""Whether a record causes the error on which it fails alone, or whether any record would fail on it."""

from ordersaga.bus.records import Record
from ordersaga.failures import ENOUGH, kind_of
from ordersaga.intake.inputs import Batch, Input, key_of
from ordersaga.store.errors import StoreError, UnreadableError


class NoInputAtFaultError(StoreError):
    """One record after the other fails alone with the same error: none is a dead letter. It is tried again until it heals."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"one record after the other fails with the same error, so no record causes it: {kind}")


class Suspects:
    """Records that failed alone with the same error, one for each order, since a record was last taken in."""

    def __init__(self) -> None:
        self._kind = ""
        self._orders: set[object] = set()

    def clear(self) -> None:
        """A record was taken in: the database and our own code work."""
        self._kind = ""
        self._orders.clear()

    def add(self, record: Record, decoded: Input, error: Exception) -> None:
        """With another error than those before it, it is the first one."""
        kind = kind_of(error)
        if kind != self._kind:
            self.clear()
            self._kind = kind
        self._orders.add(_order_of(record, decoded))

    def check(self) -> None:
        """Raises NoInputAtFaultError if there are enough of them."""
        if len(self._orders) >= ENOUGH:
            raise NoInputAtFaultError(self._kind)


def others_after(batch: Batch, record: Record, decoded: Input) -> Batch:
    """The next records of other orders, at most one for each: enough to tell whether they fail too."""
    place = next(number for number, (one, _) in enumerate(batch) if one is record)
    found = {_order_of(*one): one for one in reversed(batch[place + 1 :])}
    found.pop(_order_of(record, decoded), None)
    return [*reversed(found.values())][: ENOUGH - 1]


def is_of_one_order(error: Exception) -> bool:
    """Errors that can't be those of any other order."""
    return isinstance(error, UnreadableError)


def _order_of(record: Record, decoded: Input) -> object:
    return key_of(decoded) or (record.topic, record.partition, record.offset)
