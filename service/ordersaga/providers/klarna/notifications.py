"""What Klarna's notifications name. They are unsigned, and nothing else in them is used."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec
from msgspec import Struct

FRAUD: Final = "fraud"
PUSH: Final = "push"
KINDS: Final = (FRAUD, "authorization", PUSH)
"""`merchant_urls` notification, authorization and push."""
ORDER: Final = "order_id"
PUSH_ORDER: Final = "klarna_order_id"
PLACEHOLDER: Final = "{order.id}"
CHECKOUT_PLACEHOLDER: Final = "{checkout.order.id}"
_PLACEHOLDERS: Final = frozenset({PLACEHOLDER, CHECKOUT_PLACEHOLDER})
_MOST_OF_URL: Final = 2_000
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
    if what != PUSH:
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


def checkout_urls(address_of: Callable[[str], str], callbacks: Iterable[str]) -> dict[str, str]:
    """The `merchant_urls` by which Klarna reaches us from a Checkout order, each with the order's id in its query.

    `callbacks`: the kinds that are handed on. An address that is longer than Klarna takes is left out.
    """
    kinds = {"push": PUSH, "notification": FRAUD, **{kind: kind for kind in callbacks}}
    urls = {name: f"{address_of(kind)}?{PUSH_ORDER}={CHECKOUT_PLACEHOLDER}" for name, kind in kinds.items()}
    return {name: url for name, url in urls.items() if len(url) <= _MOST_OF_URL}
