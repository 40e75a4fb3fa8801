"""Addresses. Source: mollie/api-documentation, create-order.rst and overview/common-data-types.rst (address object)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ordersaga_sandbox.mollie.errors import invalid

_REQUIRED: Final = ("givenName", "familyName", "email", "streetAndNumber", "city", "country")
_OPTIONAL: Final = ("organizationName", "title", "phone", "streetAdditional", "postalCode", "region")
_FORMS: Final = {
    "country": (re.compile(r"[A-Za-z]{2}"), "a two-letter ISO 3166-1 code"),
    "email": (re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+"), "a valid email address"),
    "phone": (re.compile(r"\+[1-9]\d{1,14}"), "in the E.164 format"),
}
_WITHOUT_POSTAL_CODES: Final = re.compile(
    "AE|AG|AO|AW|BF|BI|BJ|BO|BS|BW|BZ|CF|CG|CI|CK|CM|DJ|DM|ER|FJ|GA|GD|GH|GM|GQ|GY|HK|IE|JM|KE|KI|KM|KN|KP|LC|ML|MO|MR|MS|MW"
    "|NR|NU|PA|QA|RW|SB|SC|SL|SR|ST|SY|TD|TG|TK|TO|TT|TV|UG|VU|YE|ZW"
)


def parse(body: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """None: not given. Raises MollieError with the path of the first wrong field."""
    address = body.get(name)
    if address is None:
        return None
    if not isinstance(address, dict):
        raise invalid(f"The '{name}' field should be an object", name)
    for field, value in address.items():
        path = f"{name}.{field}"
        if field not in _REQUIRED and field not in _OPTIONAL:
            raise invalid(f'Non-existent body parameter "{path}" for this API call.', path)
        if value is not None and not isinstance(value, str):
            raise invalid(f"The '{path}' field should be a string", path)
    for field in _required(address):
        if not address.get(field):
            raise invalid(f"The '{name}.{field}' field is missing", f"{name}.{field}")
    for field, (form, text) in _FORMS.items():
        if address.get(field) and form.fullmatch(address[field]) is None:
            raise invalid(f"The '{name}.{field}' field should be {text}", f"{name}.{field}")
    return {field: value for field, value in address.items() if value is not None}


def _required(address: Mapping[str, Any]) -> Sequence[str]:
    country = str(address.get("country") or "").upper()
    return _REQUIRED if _WITHOUT_POSTAL_CODES.fullmatch(country) else (*_REQUIRED, "postalCode")
