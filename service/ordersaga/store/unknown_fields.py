"""Fields of stored JSON that this version's types lack: a newer version wrote them, and they survive a rewrite."""

import hashlib
from collections.abc import Hashable
from typing import Any, Final

import msgspec
from msgspec import inspect
from msgspec.structs import replace

from ordersaga.domain.model.order import Details, Key, Order, UnknownFields

_IDS: Final = ("id", "token", "reference", "reason", "operation_id")


def fingerprint(kind: type) -> str:
    """Equal for equal types: what was written with it has no unknown fields."""
    schema = msgspec.json.encode(msgspec.json.schema(kind))
    return hashlib.blake2b(schema, digest_size=6).hexdigest()


def with_unknown_fields(new: Any, old: Any, kind: inspect.Type) -> Any:
    """Decoded JSON `new` of this type, with the fields of `old` that the type lacks. Members of lists are matched by their ids."""
    if isinstance(kind, inspect.UnionType):
        kind = next((one for one in kind.types if not isinstance(one, inspect.NoneType)), kind)
    match new, old, kind:
        case list(), list(), inspect.StructType():
            types = [field.type for field in kind.fields]
            known = [with_unknown_fields(*each) for each in zip(new, old, types, strict=False)]
            return [*known, *new[len(known) :], *old[len(types) :]]
        case dict(), dict(), inspect.StructType() if _identity(new, 0) != _identity(old, 0):
            return new
        case dict(), dict(), inspect.StructType():
            named = {field.encode_name: field.type for field in kind.fields}
            known_fields = {name: with_unknown_fields(item, old.get(name), named[name]) for name, item in new.items()}
            return {**known_fields, **{name: item for name, item in old.items() if name not in named}}
        case dict(), dict(), inspect.DictType():
            return {name: with_unknown_fields(item, old.get(name), kind.value_type) for name, item in new.items()}
        case list(), list(), inspect.VarTupleType():
            before = {_identity(item, place): item for place, item in enumerate(old)}
            return [
                with_unknown_fields(item, before.get(_identity(item, place)), kind.item_type)
                for place, item in enumerate(new)
            ]
        case _:
            return new


def _identity(item: Any, place: int) -> Hashable:
    """Of a member of a list; of one without ids: its place and first element."""
    if isinstance(item, dict):
        return tuple(str(item.get(name)) for name in _IDS) if any(name in item for name in _IDS) else place
    return place, item[0] if isinstance(item, list) and item and isinstance(item[0], Hashable) else None


_ORDER: Final = inspect.type_info(Order)
_DETAILS: Final = inspect.type_info(Details)
_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder().decode
_EMPTY: Final = Order(Key("", "", ""))


def bare(order: Order) -> Order:
    """Without what is stored beside its state."""
    return replace(order, details=_EMPTY.details, unknown_fields=_EMPTY.unknown_fields)


def merged(order: Order) -> dict[str, Any]:
    """The bare order as decoded JSON, with its unknown fields."""
    new = _decode(_encode(bare(order)))
    found: dict[str, Any] = with_unknown_fields(new, _decode(order.unknown_fields.state), _ORDER)
    return found


def merged_details(order: Order) -> bytes:
    """Its details with their unknown fields, as JSON."""
    return _encode(
        with_unknown_fields(_decode(_encode(order.details)), _decode(order.unknown_fields.details), _DETAILS)
    )


def unknown_fields_of(order: Order, state: bytes, details: bytes) -> UnknownFields:
    """Of an order that another version wrote: the JSON of its whole state and details, where they have unknown fields."""
    told = replace(order, unknown_fields=UnknownFields(state, details))
    same = _decode(_encode(bare(order)))
    in_state = merged(told) != with_unknown_fields(same, same, _ORDER)
    known = _decode(_encode(order.details))
    in_details = details and _decode(merged_details(told)) != with_unknown_fields(known, known, _DETAILS)
    return UnknownFields(state if in_state else b"", details if in_details else b"")
