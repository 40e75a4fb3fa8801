"""What can go wrong in the store: each class says who raises it and what the caller does."""

from uuid import UUID

from ordersaga.domain.model.order import Key


class StoreError(Exception):
    """Of all that the store raises."""


class StoreUnavailableError(StoreError):
    """Any statement: Postgres is away, overloaded or starting. Nothing is known of a commit under way: wait, then repeat the whole unit."""


class ConflictError(StoreError):
    """Any transaction: another one was first. Nothing was written: run the unit again, from its first statement."""


class OffsetsMovedError(StoreError):
    """Writing a batch of input: another consumer has taken the partition further. Nothing was written: go by the assignment anew."""

    def __init__(self, topic: str, partition: int, first: int) -> None:
        self.topic, self.partition, self.first = topic, partition, first
        super().__init__(
            f"{topic}[{partition}] was already taken in beyond offset {first}: another consumer has it now"
        )


class LeaseLostError(StoreError):
    """Settling: a locked order isn't any more what it was when it was locked. Nothing was written, and it is a fault of ours."""

    def __init__(self, key: Key) -> None:
        super().__init__(f"order {key.subject!r} of merchant {key.merchant!r}: its lease was lost under the lock")


class TopicAnewError(StoreError):
    """Intake: records from before the stored offset that nobody has taken in. Nothing was written: a person has to look."""

    def __init__(self, topic: str) -> None:
        super().__init__(f"{topic} was made anew: its offsets in the store are those of another topic")


class InputRefusedError(StoreError):
    """Any write: a value that the database will never take (NUL, a number out of range, books that break I2).

    `key` is the order, where it is known. Repeating is no use: halve the unit until the one that causes it stands alone.
    """

    def __init__(self, reason: str, key: Key | None = None) -> None:
        self.key = key
        of = f"order {key.subject!r} of merchant {key.merchant!r}: " if key else ""
        super().__init__(f"{of}{reason}")


class UnreadableError(StoreError):
    """Reading one row: it was written by a newer version, is damaged, or its key can't be opened. Others aren't concerned."""

    def __init__(self, what: Key | UUID, reason: str) -> None:
        self.key = what if isinstance(what, Key) else None
        of = f"order {what.subject!r} of merchant {what.merchant!r}" if isinstance(what, Key) else f"dead letter {what}"
        super().__init__(f"{of} can't be read: {reason}")


class SchemaMissingError(StoreError):
    """Any statement: the database lacks tables or columns of this version. Run `ordersaga migrate`."""


class MasterKeyError(StoreError):
    """Opening the store or a sealed value: the master key is missing or isn't the one that sealed it."""


class SettingError(StoreError):
    """A database setting that can't be used; one line that names it."""
