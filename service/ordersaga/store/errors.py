"""The store's errors: each class says who raises it and what the caller has to do."""

from uuid import UUID

from ordersaga.domain.model.order import Key


class StoreError(Exception):
    """The base of all errors of the store."""


class StoreUnavailableError(StoreError):
    """Any statement: the database can't do it now, and no input causes that. A COMMIT may have succeeded: wait, then repeat.

    Everything that isn't known to be an input's fault: Postgres is unavailable, a right is missing, the disk is full, …
    """


class AccessDeniedError(StoreUnavailableError):
    """Any statement: Postgres refuses the login, or the role lacks a right."""


class DatabaseReplacedError(StoreUnavailableError):
    """Any statement of a role: another server or timeline than before, and nobody has raised the epoch yet: wait, then repeat."""

    def __init__(self) -> None:
        super().__init__("the database was restored or failed over, and the epoch isn't raised yet")


class OutdatedError(StoreUnavailableError):
    """Opening, and any statement of a role: newer processes have taken over, and this one may not write any more."""

    def __init__(self) -> None:
        super().__init__(
            "a newer version of ordersaga writes to this database, and no process of this version did for a while: "
            "run the newer version"
        )


class PoolerError(StoreError):
    """Opening: a pooler changes the server connection between our statements."""

    def __init__(self, where: str) -> None:
        super().__init__(
            f"a pooler at {where} pools transactions, but ordersaga needs prepared statements and settings that last for a "
            "session: connect to Postgres directly, or set pool_mode = session in pgbouncer"
        )


class ConflictError(StoreError):
    """Any transaction: another one was first. Nothing was written: repeat the unit from its first statement."""


class OffsetsMovedError(StoreError):
    """Writing a batch of input: another consumer has advanced the partition. Nothing was written: drop what it has taken in."""

    def __init__(self, topic: str, partition: int, first: int) -> None:
        self.topic, self.partition, self.first = topic, partition, first
        super().__init__(
            f"{topic}[{partition}] was already taken in beyond offset {first}: another consumer reads it now"
        )


class DatabaseWentBackError(StoreError):
    """Writing a batch of input: the database lacks offsets that were committed. Nothing was written: read from its offsets."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        super().__init__(f"the database went back: it lacks offsets of {topic} that were committed")


class LeaseLostError(StoreError):
    """Settling: an order has changed although it was locked. Nothing was written. It is a bug."""

    def __init__(self, key: Key) -> None:
        super().__init__(f"order {key.subject!r} of merchant {key.merchant!r}: its lease was lost under the lock")


class TopicRecreatedError(StoreError):
    """Intake: records before the stored offset were never taken in. Nothing was written: a person has to look into it."""

    def __init__(self, topic: str) -> None:
        super().__init__(f"{topic} was recreated: the offsets in the store are those of the old topic")


class InputRefusedError(StoreError):
    """Any write: a value that the database will never accept (NUL, a number out of range, amounts that break I2).

    `key`: of the order, where it is known. Repeating doesn't help: halve the unit until only its cause is left.
    """

    def __init__(self, reason: str, key: Key | None = None) -> None:
        self.key, self.reason = key, reason
        of = f"order {key.subject!r} of merchant {key.merchant!r}: " if key else ""
        super().__init__(f"{of}{reason}")


class UnreadableError(StoreError):
    """Reading one row: a newer version wrote it, it is damaged, or its master key is missing. Other rows aren't affected."""

    def __init__(self, what: Key | UUID, reason: str) -> None:
        self.key = what if isinstance(what, Key) else None
        of = f"order {what.subject!r} of merchant {what.merchant!r}" if isinstance(what, Key) else f"dead letter {what}"
        super().__init__(f"{of} can't be read: {reason}")


class UnreadableHereError(UnreadableError):
    """Reading one row: a newer version wrote it, or its master key is missing. Another process may be able to read it."""


class ReadableElsewhereError(StoreError):
    """Locking orders: another process that is live can read them, and this one can't. Nothing was written: leave them to it."""

    def __init__(self, keys: frozenset[Key]) -> None:
        self.keys = keys
        first = min(keys)
        more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
        super().__init__(
            f"order {first.subject!r} of merchant {first.merchant!r}{more} can't be read by this process: it lacks a "
            "master key, or a newer version wrote it. A process that is live can read it, or it isn't known yet whether one is"
        )


class SchemaMissingError(StoreError):
    """Any statement: the database lacks tables or columns that this version needs. Run `ordersaga migrate`."""


class MasterKeyError(StoreError):
    """Opening the store, or decrypting: the master key is missing or isn't the one that encrypted the value."""


class MasterKeyMissingError(MasterKeyError):
    """Decrypting: a value needs a master key that isn't given."""


class SettingError(StoreError):
    """A database setting that can't be used. The message is one line that names it."""
