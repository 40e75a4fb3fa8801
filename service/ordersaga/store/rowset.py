"""Many small values as one argument: rows as JSON. The driver encodes an array by its elements, at ten times the cost."""

from collections.abc import Sequence
from math import isfinite
from operator import attrgetter
from types import NoneType
from typing import Any, Final, Generic, TypeVar, get_args
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import fields

from ordersaga.store.errors import InputRefusedError

_R = TypeVar("_R", bound=Struct)
_SQL_TYPES: Final[dict[Any, str]] = {str: "text", int: "bigint", float: "float8", bool: "boolean", UUID: "uuid"}
_encode: Final = msgspec.json.Encoder().encode


class Rowset(Generic[_R]):
    """The rows of a statement, whose columns are the fields of a struct: argument $1. A field that is left out is NULL.

    `arrays`: names and types of columns that are large or bytes: each is an array, from argument $2 on.
    """

    def __init__(self, row: type[_R], **arrays: str) -> None:
        types = {field.encode_name: _sql_type(field.type) for field in fields(row)}
        self._numbers: Final = [name for name, kind in types.items() if kind == "float8"]
        columns = ", ".join(f"{name} {kind}" for name, kind in types.items())
        given = [f"json_to_recordset($1::json) AS ({columns})"]
        given += [f"unnest(${place}::{kind}[])" for place, kind in enumerate(arrays.values(), 2)]
        self.columns: Final = ", ".join([*types, *arrays])
        self.source: Final = f"ROWS FROM ({', '.join(given)}) WITH ORDINALITY AS g({self.columns}, position)"
        """A FROM item with the alias g, and the column `position`, by which it is in the order given."""

    def encode(self, rows: Sequence[_R]) -> str:
        """The argument $1. Raises InputRefusedError for half a surrogate pair, and for a number that isn't finite."""
        for name in self._numbers:  # JSON has no such numbers: they would become NULL
            if not all(map(_is_finite, map(attrgetter(name), rows))):
                raise InputRefusedError(f"{name} isn't a finite number")
        try:
            return _encode(rows).decode()
        except UnicodeEncodeError as error:
            raise InputRefusedError("a string isn't Unicode") from error


def _is_finite(value: float | None) -> bool:
    return value is None or isfinite(value)


def _sql_type(annotation: Any) -> str:
    """Of a type, or of one that may be None."""
    (kind,) = (one for one in get_args(annotation) or (annotation,) if one is not NoneType)
    return _SQL_TYPES[kind]
