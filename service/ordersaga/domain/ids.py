"""Names that come out the same on every machine and in every run."""

from typing import Final
from uuid import UUID, uuid5

from ordersaga.domain.events import Cause
from ordersaga.domain.order import Key

_OPERATIONS: Final = UUID("6f1d7c4e-6d0e-5b0f-9a5c-2f1d4a3f7b10")
_OUTCOMES: Final = UUID("0c9e3a52-91c6-5f7b-8b53-7a1e5d2c6f20")
_UNIT: Final = 2**64


def operation_id(key: Key, cause: Cause, step: int) -> str:
    """The id of an operation: its idempotency key and the `reference` that the provider keeps."""
    return str(uuid5(_OPERATIONS, "\0".join((key.merchant, key.kind, key.subject, cause.source, cause.id, str(step)))))


def outcome_id(key: Key, epoch: int, sequence: int) -> str:
    return str(uuid5(_OUTCOMES, "\0".join((key.merchant, key.kind, key.subject, str(epoch), str(sequence)))))


def jitter(operation: str, attempt: int) -> float:
    """A share in [0, 1) that spreads retries and is the same in every replay."""
    return (uuid5(_OPERATIONS, f"{operation}\0{attempt}").int % _UNIT) / _UNIT
