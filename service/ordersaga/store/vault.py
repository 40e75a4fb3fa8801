"""Encryption at rest: each value has a random data key of its own, which a master key wraps (both AES-256-GCM)."""

import os
from collections.abc import Mapping
from typing import Final

import cramjam
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from ordersaga.store.errors import MasterKeyError, MasterKeyMissingError

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_FORMAT: Final = b"\x01"  # lz4 block, data key of 32 bytes
_MAX_ID_LENGTH: Final = 64


class Sealed(Struct, frozen=True):
    """`key`: the id of the master key and the wrapped data key. Deleting it erases `data`."""

    key: bytes
    data: bytes


class Vault:
    """`keys`: master keys of 32 bytes by id. `current` encrypts, the others only decrypt older values.

    A data key is used once, so a rewritten value is wrapped by the current master key. One master key suffices for 2^32
    values (random nonces of 96 bits).
    """

    def __init__(self, keys: Mapping[str, bytes], current: str) -> None:
        for name, key in keys.items():
            if len(key) != KEY_BYTES:
                raise MasterKeyError(f"master key {name!r} has {len(key)} bytes, not {KEY_BYTES}")
            if not 1 <= len(name.encode()) <= _MAX_ID_LENGTH:
                raise MasterKeyError(f"the id of a master key must have 1 to {_MAX_ID_LENGTH} bytes, {name!r} hasn't")
        if current not in keys:
            raise MasterKeyError(f"the current master key {current!r} isn't among the given ones")
        self.current: Final = current
        self._masters: Final = {name.encode(): AESGCM(key) for name, key in keys.items()}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name.decode() for name in self._masters)

    def seal(self, payload: bytes, associated: bytes) -> Sealed:
        """`associated`: what the value belongs to; it can only be decrypted with the same."""
        return self.seal_as(self.current, payload, associated)

    def seal_as(self, name: str, payload: bytes, associated: bytes) -> Sealed:
        """With the master key of that id."""
        tag = name.encode()
        fresh = os.urandom(KEY_BYTES + 2 * _NONCE_BYTES)
        data_key, nonce = fresh[:KEY_BYTES], fresh[KEY_BYTES:-_NONCE_BYTES]
        wrap_nonce = fresh[-_NONCE_BYTES:]
        wrapped = self._masters[tag].encrypt(wrap_nonce, data_key, associated)
        packed = bytes(cramjam.lz4.compress_block(payload))
        return Sealed(
            _FORMAT + bytes((len(tag),)) + tag + wrap_nonce + wrapped,
            nonce + AESGCM(data_key).encrypt(nonce, packed, associated),
        )

    def open(self, sealed: Sealed, associated: bytes) -> bytes:
        """Raises MasterKeyError if the master key or what it belongs to is another one, or the value is damaged."""
        name, wrapped = self._parts(sealed.key)
        master = self._masters.get(name)
        if master is None:
            known = ", ".join(self.names)
            raise MasterKeyMissingError(
                f"it needs the master key {name.decode(errors='replace')!r}; there are: {known}"
            )
        try:
            data_key = master.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], associated)
            packed = AESGCM(data_key).decrypt(sealed.data[:_NONCE_BYTES], sealed.data[_NONCE_BYTES:], associated)
        except (InvalidTag, ValueError):
            raise MasterKeyError(
                f"the master key {name.decode()!r} isn't the one that encrypted it, or the value is damaged"
            ) from None
        return bytes(cramjam.lz4.decompress_block(packed))

    @staticmethod
    def _parts(key: bytes) -> tuple[bytes, bytes]:
        if key[:1] != _FORMAT or len(key) < 2:
            raise MasterKeyError("it is encrypted in a format that this version doesn't know")
        end = 2 + key[1]
        return key[2:end], key[end:]
