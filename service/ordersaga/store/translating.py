"""Errors of asyncpg, the pool and the system become the store's own: what an input causes, and what is waited for."""

from collections.abc import Awaitable
from typing import Final, TypeVar

import asyncpg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ordersaga.store.errors import (
    AccessDeniedError,
    ConflictError,
    InputRefusedError,
    SchemaMissingError,
    StoreError,
    StoreUnavailableError,
)
from ordersaga.store.tables import INPUT_CONSTRAINTS

_T = TypeVar("_T")
_CONFLICT: Final = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.InvalidCachedStatementError,  # the schema has changed under a prepared statement
)
_NO_SCHEMA: Final = (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError)
_DENIED: Final = (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InsufficientPrivilegeError)
_CLIENT: Final = (asyncpg.InterfaceError, asyncpg.InternalClientError, SQLAlchemyError, OSError, TimeoutError)
"""Of the drivers and the system: the connection broke, or no connection is free."""

_INPUT_CLASSES: Final = ("22", "54")
"""Data exceptions, and limits that a value exceeds."""
_NOT_INPUT: Final = "22023"  # a value of a setting

_CHECK: Final = {
    "08P01": "if a pooler is between, it must allow the session's settings",
    "25006": "this server is read-only: connect to the primary",
    "26000": "if a pooler is between, it must pool sessions, not transactions",
    "42P05": "if a pooler is between, it must pool sessions, not transactions",
    "42501": "grant the role its rights",
    "53100": "free disk space on the server",
    "P0001": "a trigger or a function on the server raises it",
    "23": "a constraint that isn't ordersaga's, or data that others wrote: see the server's log",
    "28": "check user, password and the server's pg_hba.conf",
    "3D": "check the database's name",
    "53": "the server lacks memory, disk space or connections",
    "58": "check the server's disks and its log",
    "XX": "the server's data may be damaged: see its log",
}
"""What to check, by SQLSTATE or its class."""
_SAFE_MESSAGES: Final = ("08", "25", "26", "28", "3D", "42", "53", "55", "57", "58")
"""Classes of errors whose messages don't quote values, unless a function on the server raises them."""


async def translate_errors(work: Awaitable[_T], where: str) -> _T:
    """The result of `work`. Whatever isn't known to be an input's fault becomes a StoreUnavailableError."""
    try:
        return await work
    except Exception as error:  # it is translated or raised again
        known = _translated(error, where)
        if known is None:
            raise
        raise known from error


def _translated(error: BaseException, where: str) -> StoreError | None:
    """None: it is neither the database's nor the drivers'."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        return _translated(error.orig.__cause__ or error.orig, where)
    if isinstance(error, _CONFLICT):
        return ConflictError(_message(error))
    if isinstance(error, _NO_SCHEMA):
        return SchemaMissingError(f"{_message(error)} at {where}: run `ordersaga migrate`")
    if isinstance(error, UnicodeEncodeError):  # half a surrogate pair
        return InputRefusedError(_refusal(error))
    if isinstance(error, asyncpg.PostgresError):
        return _of_server(error, where)
    return StoreUnavailableError(f"Postgres at {where}: {_message(error)}") if isinstance(error, _CLIENT) else None


def _of_server(error: asyncpg.PostgresError, where: str) -> StoreError:
    code = error.sqlstate or ""
    if code.startswith(_INPUT_CLASSES) and code != _NOT_INPUT:
        return InputRefusedError(_refusal(error))
    if isinstance(error, asyncpg.IntegrityConstraintViolationError) and error.constraint_name in INPUT_CONSTRAINTS:
        return InputRefusedError(_refusal(error))
    safe = code.startswith(_SAFE_MESSAGES) and "function" not in (error.context or "")
    text = _message(error) if safe else type(error).__name__
    table = f" on {error.table_name}" if error.table_name and error.table_name not in text else ""
    check = _CHECK.get(code) or _CHECK.get(code[:2]) or "see the server's log"
    kind = AccessDeniedError if isinstance(error, _DENIED) else StoreUnavailableError
    return kind(f"Postgres at {where}: {text}{table} (SQLSTATE {code}): {check}")


def _message(error: BaseException) -> str:
    text = str(error).splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__


def _refusal(error: BaseException) -> str:
    """Names the error and the constraint, and not the message, which may quote the value."""
    constraint = getattr(error, "constraint_name", None)
    return f"the database rejects it: {type(error).__name__}" + (f" ({constraint})" if constraint else "")
