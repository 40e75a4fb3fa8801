"""Callbacks of Checkout, which the shop answers while the customer waits: what its answer may be, and what stands in for one.

Sources: the OpenAPI document of Checkout's callbacks (docs.klarna.com/api/checkout-merchant); "Validate order" for the time.
"""

import re
from typing import Final

import msgspec
from msgspec import Raw, Struct

from ordersaga.providers.http import Answer

VALIDATION: Final = "validation"
KINDS: Final = (VALIDATION, "address_update", "shipping_option_update", "country_change")
"""The names in `merchant_urls`."""
_REDIRECTS: Final = frozenset({301, 302, 303, 307})
_LOCATION: Final = re.compile(r"https?://[!-~]{1,2000}", re.IGNORECASE)
_JSON: Final = {"content-type": "application/json"}
_CHANGEABLE: Final = ("order_amount", "order_tax_amount", "order_lines", "purchase_currency")
"""What an answer has to contain."""


class _Options(Struct):
    require_validate_callback_success: bool = False


class _Order(Struct):
    options: _Options | None = None


_OBJECT: Final = msgspec.json.Decoder(dict[str, Raw])
_ORDER: Final = msgspec.json.Decoder(_Order)


def passed_on(kind: str, answer: Answer) -> Answer | str:
    """What Klarna gets of the shop's answer, without its headers; a string: why it isn't one that Klarna knows.

    200 with the changed order (to a validation: with anything), 301, 302, 303 or 307 with the page that the customer is sent
    to, or 400 with an `error_type`.
    """
    if answer.status in _REDIRECTS:
        location = answer.headers.get("location", "")
        return Answer(answer.status, {"location": location}) if _LOCATION.fullmatch(location) else "no_location"
    if answer.status not in {200, 400}:
        return f"http_{answer.status}"
    if _object(answer.body) is not None:
        return Answer(answer.status, _JSON, answer.body)
    return approval() if kind == VALIDATION and answer.status == 200 else "not_json"


def approval() -> Answer:
    return Answer(200, {})


def denial(error_type: str, error_text: str) -> Answer:
    """The customer stays in Checkout and reads the text."""
    return Answer(400, _JSON, msgspec.json.encode({"error_type": error_type, "error_text": error_text}))


def unchanged(asked: bytes) -> Answer | None:
    """The order as the callback has it, digit for digit. None: it has no whole order."""
    order = _object(asked)
    if order is None or any(name not in order for name in _CHANGEABLE):
        return None
    return Answer(200, _JSON, msgspec.json.encode({name: order[name] for name in _CHANGEABLE}))


def requires_success(asked: bytes) -> bool:
    """Whether Klarna waits longer for this validation, and lets the purchase fail without a 200."""
    try:
        options = _ORDER.decode(asked).options
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return options is not None and options.require_validate_callback_success


def _object(body: bytes) -> dict[str, Raw] | None:
    try:
        return _OBJECT.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
