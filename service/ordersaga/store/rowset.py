"""Many small values as one argument: rows as JSON. The driver encodes an array by its elements, at ten times the cost."""

from collections.abc import Sequence
from math import isfinite
from operator import attrgetter
from typing import Any, Final, Generic, TypeVar

import msgspec
from msgspec import Struct, inspect

from ordersaga.store.errors import InputRefusedError

_R = TypeVar("_R", bound=Struct)
_SQL_TYPES: Final[dict[type[inspect.Type], str]] = {
    inspect.StrType: "text",
    inspect.IntType: "bigint",
    inspect.FloatType: "float8",
    inspect.BoolType: "boolean",
    inspect.UUIDType: "uuid",
}
_encode: Final = msgspec.json.Encoder().encode


class Rowset(Generic[_R]):
    """The rows of a statement, whose columns are the fields of a struct: argument $1. A field that is left out is NULL.

    `arrays`: names and types of columns that are large or bytes: each is an array, from argument $2 on.
    """

    def __init__(self, row: type[_R], **arrays: str) -> None:
        fields = {field.encode_name: _SQL_TYPES[type(_type_of(field))] for field in inspect.type_info(row).fields}  # type: ignore[attr-defined]  # it is a struct
        self._numbers: Final = [name for name, kind in fields.items() if kind == "float8"]
        columns = ", ".join(f"{name} {kind}" for name, kind in fields.items())
        given = [f"json_to_recordset($1::json) AS ({columns})"]
        given += [f"unnest(${place}::{kind}[])" for place, kind in enumerate(arrays.values(), 2)]
        self.columns: Final = ", ".join([*fields, *arrays])
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


def _type_of(field: inspect.Field) -> Any:
    """Without None."""
    kind = field.type
    if not isinstance(kind, inspect.UnionType):
        return kind
    return next(one for one in kind.types if not isinstance(one, inspect.NoneType))
