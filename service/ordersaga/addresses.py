"""The addresses at which providers notify us: unguessable, and derived from secrets that can be rotated."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

import msgspec
from msgspec import Struct

from ordersaga.domain.model.order import Key

PREFIX: Final = "/notify"
OPERATION: Final = "operation"
"""The query parameter with the signed operation."""
_BYTES: Final = 24


class NamedOperation(Struct, frozen=True):
    """An operation whose request bore an address of ours."""

    key: Key
    operation_id: str


def path_secret(secret: str, provider: str, merchant: str) -> str:
    """192 bits, fit for a URL: differs for each merchant and provider, and tells nothing of `secret`."""
    return _mac(secret, "path", provider, merchant)


def sign(secret: str, named: NamedOperation) -> str:
    """The operation and the order's kind and subject, legible, with a signature that holds for the order's merchant alone."""
    key = named.key
    text = _text(msgspec.json.encode([key.kind, key.subject, named.operation_id]))
    return f"{text}.{_mac(secret, 'operation', key.merchant, text)}"


def verify(secrets: Sequence[str], merchant: str, signed: str) -> NamedOperation | None:
    """None: none of the secrets has signed it for this merchant."""
    text, _, signature = signed.partition(".")
    if not any(_equal(signature, _mac(secret, "operation", merchant, text)) for secret in secrets):
        return None
    padded = text + "=" * (-len(text) % 4)
    kind, subject, operation_id = msgspec.json.decode(urlsafe_b64decode(padded), type=tuple[str, str, str])
    return NamedOperation(Key(merchant, kind, subject), operation_id)


class Addresses:
    """`secrets`: the first makes addresses, all are accepted. `base_url`: under which the web role is reached."""

    def __init__(self, secrets: Sequence[str], base_url: str = "") -> None:
        self._secrets = tuple(secrets)
        self._base_url = base_url.rstrip("/")

    def of(self, provider: str, merchant: str, what: str) -> str:
        """The current address of one kind of notification."""
        secret = path_secret(self._secrets[0], provider, merchant)
        return f"{self._base_url}{PREFIX}/{secret}/{provider}/{quote(merchant, safe='')}/{what}"

    def of_operation(self, provider: str, what: str, named: NamedOperation) -> str:
        """The same, for notifications of what this operation makes."""
        address = self.of(provider, named.key.merchant, what)
        return f"{address}?{OPERATION}={sign(self._secrets[0], named)}"

    def accepts(self, given: str, provider: str, merchant: str) -> bool:
        """Was the address made by one of the secrets? It takes as long for each of them."""
        equal = [_equal(given, path_secret(secret, provider, merchant)) for secret in self._secrets]
        return True in equal

    def operation(self, merchant: str, signed: str) -> NamedOperation | None:
        return verify(self._secrets, merchant, signed)


def _mac(secret: str, *parts: str) -> str:
    """Of the parts as a list, so that no two lists look the same."""
    return _text(hmac.digest(secret.encode(), msgspec.json.encode(parts), "sha256")[:_BYTES])


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _equal(given: str, ours: str) -> bool:
    return hmac.compare_digest(given.encode(), ours.encode())
