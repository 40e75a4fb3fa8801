"""An order as a row: amounts in columns, its state as JSON, and what may be personal data encrypted."""

from typing import Any, Final

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from ordersaga.domain.model.order import Details, Key, Order
from ordersaga.store.errors import InputRefusedError, MasterKeyError, UnreadableError
from ordersaga.store.vault import Sealed, Vault

STATE_VERSION: Final = 1
NO_DETAILS: Final = b""
"""In `sealed`: the order has no details. NULL means that they were erased; as an argument of a write: keep them."""
_EMPTY: Final = Order(Key("", "", "")).details


class _State(Struct, frozen=True):
    version: int
    order: Order


class _AnyState(Struct, frozen=True):
    version: int
    order: Raw


_encode: Final = msgspec.json.Encoder().encode
_any_state: Final = msgspec.json.Decoder(_AnyState)
_order: Final = msgspec.json.Decoder(Order)
_details: Final = msgspec.json.Decoder(Details)


def key_bytes(key: Key) -> bytes:
    """The key as bytes: what an encrypted value of the order is bound to. Ids contain no NUL."""
    return f"{key.merchant}\0{key.kind}\0{key.subject}".encode()


class Codec:
    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def state(self, order: Order) -> str:
        """Raises InputRefusedError for a string with NUL, which Postgres can't store."""
        bare = order if order.details is _EMPTY else replace(order, details=_EMPTY)
        text = _encode(_State(STATE_VERSION, bare)).decode()
        if "\\u0000" in text and "\0" in _strings(msgspec.json.decode(text)):
            raise InputRefusedError("a string with NUL can't be stored", order.key)
        return text

    def seal(self, order: Order, known: Order | None) -> tuple[bytes | None, bytes | None]:
        """Key and data; (None, None) if the details are those of `known`."""
        details = order.details
        if known is not None and details is known.details:
            return None, None
        if details == _EMPTY:
            return NO_DETAILS, NO_DETAILS
        sealed = self._vault.seal(_encode(details), key_bytes(order.key))
        return sealed.key, sealed.data

    def order(self, key: Key, state: str, sealed_key: bytes | None, sealed: bytes | None) -> Order:
        """Raises UnreadableError."""
        try:
            found = _any_state.decode(state)
            if found.version != STATE_VERSION:
                raise UnreadableError(
                    key, f"its state has version {found.version}, this service reads version {STATE_VERSION}"
                )
            order = _order.decode(found.order)
            if not sealed or not sealed_key:
                return order
            details = self._vault.open(Sealed(sealed_key, sealed), key_bytes(key))
            return replace(order, details=_details.decode(details))
        except MasterKeyError as error:
            raise UnreadableError(key, str(error)) from error
        except msgspec.MsgspecError as error:
            raise UnreadableError(key, f"its state doesn't decode to an order ({error})") from error


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
