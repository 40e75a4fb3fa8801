"""What Mollie's notifications name: `id=ord_…` of an order, `id=tr_…` of a payment that came to nothing.

They are unsigned, and nothing else is in them. Sources: mollie/api-documentation, overview/webhooks.rst, create-order.rst
(`webhookUrl`, `payment.webhookUrl`).
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs

ORDER: Final = "order"
PAYMENT: Final = "payment"
KINDS: Final = (ORDER, PAYMENT)
_IDS: Final = {
    ORDER: re.compile(r"ord_[A-Za-z0-9._-]{1,100}"),
    PAYMENT: re.compile(r"tr_[A-Za-z0-9._-]{1,100}"),
}


def order_id_of(what: str, body: bytes, _query: Mapping[str, str]) -> str | None:
    """The id of the order, or of its payment. ValueError: Mollie sends no such thing."""
    try:
        given = parse_qs(body.decode("ascii"), strict_parsing=True, max_num_fields=20).get("id", [])
    except ValueError as error:
        raise ValueError("the body isn't a form like Mollie's") from error
    if len(given) != 1 or not any(form.fullmatch(given[0]) for form in _IDS.values()):
        raise ValueError(f"the id of the {what} isn't one of Mollie's")
    return given[0]


def is_order_id(given: str) -> bool:
    """Else it is a payment's."""
    return _IDS[ORDER].fullmatch(given) is not None
