"""An order as a row: amounts in columns, its state as JSON, and what may be personal data encrypted."""

from typing import Any, Final

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from ordersaga.domain.model.order import Details, Key, Order
from ordersaga.store.chunks import SIZE, Counts, contents, with_chunks, without_chunks
from ordersaga.store.errors import (
    InputRefusedError,
    MasterKeyError,
    MasterKeyMissingError,
    UnreadableError,
    UnreadableHereError,
)
from ordersaga.store.readers import STATE_VERSION, key_ids
from ordersaga.store.unknown_fields import bare, fingerprint, merged, merged_details, unknown_fields_of
from ordersaga.store.vault import Sealed, Vault

NO_DETAILS: Final = b""
"""In `sealed`: the order has no details. NULL means that they were erased; as an argument of a write: keep them."""
_EMPTY: Final = Order(Key("", "", "")).details
_NOTHING_UNKNOWN: Final = Order(Key("", "", "")).unknown_fields
_FIELDS: Final = fingerprint(Order)


class _State(Struct, frozen=True, omit_defaults=True):
    version: int
    fields: str
    order: Order
    chunks: Counts = {}


class _RawState(Struct, frozen=True):
    """`fields`: the fingerprint of the types that wrote it; empty: several versions did."""

    version: int
    order: Raw
    fields: str = ""
    chunks: Counts = {}


_encode: Final = msgspec.json.Encoder().encode
_raw_state: Final = msgspec.json.Decoder(_RawState)
_order: Final = msgspec.json.Decoder(Order)
_details: Final = msgspec.json.Decoder(Details)


def key_bytes(key: Key) -> bytes:
    """The key as bytes: what an encrypted value of the order is bound to. Ids contain no NUL."""
    return f"{key.merchant}\0{key.kind}\0{key.subject}".encode()


class Codec:
    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self.key_ids: Final = key_ids(vault.names)

    def state(self, order: Order) -> str:
        """Raises InputRefusedError for a string with NUL, which Postgres can't store."""
        text = _state_of(order).decode()
        if "\\u0000" in text and "\0" in _strings(msgspec.json.decode(text)):
            raise InputRefusedError("a string with NUL can't be stored", order.key)
        return text

    def seal(self, order: Order, known: Order | None) -> tuple[bytes | None, bytes | None]:
        """Key and data; (None, None) if the details are those of `known`."""
        details, unknown = order.details, order.unknown_fields.details
        if known is not None and details is known.details:
            return None, None
        if details == _EMPTY and not unknown:
            return NO_DETAILS, NO_DETAILS
        text = merged_details(order) if unknown else _encode(details)
        sealed = self._vault.seal(text, key_bytes(order.key))
        return sealed.key, sealed.data

    def order(
        self, key: Key, state: str, sealed_key: bytes | None, sealed: bytes | None, chunks: str | None = None
    ) -> Order:
        """Raises UnreadableError."""
        try:
            found = _raw_state.decode(state)
            if found.version > STATE_VERSION:
                raise UnreadableHereError(
                    key, f"its state has version {found.version}, this service reads version {STATE_VERSION}"
                )
            order, details = _order.decode(found.order), b""
            if sealed and sealed_key:
                details = self._vault.open(Sealed(sealed_key, sealed), key_bytes(key))
                order = replace(order, details=_details.decode(details))
            if found.chunks:
                order = with_chunks(order, found.chunks, chunks)
            if found.fields == _FIELDS:
                return order
            unknown = unknown_fields_of(order, _whole(bytes(found.order), chunks), details)
            return replace(order, unknown_fields=unknown)
        except MasterKeyMissingError as error:
            raise UnreadableHereError(key, str(error)) from error
        except MasterKeyError as error:
            raise UnreadableError(key, str(error)) from error
        except msgspec.MsgspecError as error:
            raise UnreadableError(key, f"its state doesn't decode to an order ({error})") from error


def _state_of(order: Order) -> bytes:
    cut, counts = without_chunks(order)
    if not order.unknown_fields.state:
        state = cut if order.details is _EMPTY and order.unknown_fields is _NOTHING_UNKNOWN else bare(cut)
        return _encode(_State(STATE_VERSION, "" if order.unknown_fields.details else _FIELDS, state, counts))
    whole = merged(order)
    for name, count in counts.items():
        whole[name] = whole[name][count * SIZE :]
    return _encode(_RawState(STATE_VERSION, Raw(_encode(whole)), "", counts))


def _whole(state: bytes, chunks: str | None) -> bytes:
    """The state as it would be without chunks."""
    order = msgspec.json.decode(state)
    for name, before in contents(chunks).items():
        order[name] = [*before, *order.get(name, [])]
    return _encode(order)


def _strings(value: Any) -> str:
    """All strings within a decoded JSON value, concatenated."""
    match value:
        case str():
            return value
        case dict():
            return "".join(name + _strings(item) for name, item in value.items())
        case list():
            return "".join(_strings(item) for item in value)
        case _:
            return ""
