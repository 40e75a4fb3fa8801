"""What Klarna's notifications name. They are unsigned, and nothing else in them is used."""

import re
from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

FRAUD: Final = "fraud"
KINDS: Final = (FRAUD, "authorization", "push")
"""`merchant_urls` notification, authorization and push."""
ORDER: Final = "order_id"
PUSH_ORDER: Final = "klarna_order_id"
PLACEHOLDER: Final = "{order.id}"
_PLACEHOLDERS: Final = frozenset({PLACEHOLDER, "{checkout.order.id}"})
_ID: Final = re.compile(r"[!-~]{1,255}")


class _Body(Struct):
    """Fraud notifications have an order id, authorization callbacks a token and a session id."""

    order_id: str | None = None


_body: Final = msgspec.json.Decoder(_Body)


def order_id_of(what: str, body: bytes, query: Mapping[str, str]) -> str | None:
    """The id of the order; None: it names none. ValueError: Klarna sends no such thing.

    A push has no body, its query has what the shop put there. A placeholder that wasn't replaced names nothing.
    """
    named = None
    if what != "push":
        try:
            named = _body.decode(body).order_id
        except (msgspec.MsgspecError, RecursionError) as error:
            raise ValueError("the body isn't a JSON object like Klarna's") from error
    named = named or query.get(PUSH_ORDER) or query.get(ORDER)
    if named is None or named in _PLACEHOLDERS:
        return None
    if not _ID.fullmatch(named):
        raise ValueError("the order id isn't one of Klarna's")
    return named
