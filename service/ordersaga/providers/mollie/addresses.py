"""Addresses: the contract's fields under Mollie's names. `attention` has no place there and is left out.

Sources: mollie/api-documentation, create-order.rst (order address details), overview/common-data-types.rst (address object).
"""

import re
from typing import Final

from msgspec import UNSET, UnsetType

from ordersaga.domain.model.fields import Given
from ordersaga.providers import limits
from ordersaga.providers.limits import Messages

_NAMES: Final = {
    "organization_name": "organizationName",
    "title": "title",
    "given_name": "givenName",
    "family_name": "familyName",
    "email": "email",
    "phone": "phone",
    "street_address": "streetAndNumber",
    "street_address2": "streetAdditional",
    "postal_code": "postalCode",
    "city": "city",
    "region": "region",
    "country": "country",
}
_REQUIRED: Final = ("given_name", "family_name", "email", "street_address", "city", "country")
_WITHOUT_POSTAL_CODES: Final = re.compile(
    "AE|AG|AO|AW|BF|BI|BJ|BO|BS|BW|BZ|CF|CG|CI|CK|CM|DJ|DM|ER|FJ|GA|GD|GH|GM|GQ|GY|HK|IE|JM|KE|KI|KM|KN|KP|LC|ML|MO|MR"
    "|MS|MW|NR|NU|PA|QA|RW|SB|SC|SL|SR|ST|SY|TD|TG|TK|TO|TT|TV|UG|VU|YE|ZW"
)
_COUNTRY: Final = re.compile("[A-Za-z]{2}")
_PHONE: Final = re.compile(r"\+[1-9][0-9]{1,14}")
_BETWEEN_DIGITS: Final = str.maketrans("", "", " -.()/")


def sent(given: Given) -> Given:
    """As Mollie gets it."""
    address = {ours: given[name] for name, ours in _NAMES.items() if given.get(name)}
    if "phone" in address:
        address["phone"] = _digits(address["phone"])
    if "country" in address:
        address["country"] = address["country"].upper()
    return address


def _digits(phone: str) -> str:
    return phone.translate(_BETWEEN_DIGITS)


def refusals(path: str, given: Given | UnsetType) -> Messages:
    """A whole address, for Mollie takes no other: billing and shipping alike."""
    if given is UNSET:
        return
    for name in _REQUIRED:
        if not given.get(name):
            yield f"{path}.{name}: is needed"
    country = given.get("country", "")
    if not given.get("postal_code") and not _WITHOUT_POSTAL_CODES.fullmatch(country.upper()):
        yield f"{path}.postal_code: is needed"
    if country:
        yield from limits.pattern(f"{path}.country", country, _COUNTRY)
    if given.get("phone") and not _PHONE.fullmatch(_digits(given["phone"])):
        yield f"{path}.phone: must have the form of E.164, +31208202070"


def shown(seen: object, wanted: Given) -> bool:
    """Whether an address that was read has all that was sent; countries come in lower case too."""
    if not isinstance(seen, dict):
        return False
    return all(_plain(name, seen.get(name)) == _plain(name, value) for name, value in wanted.items())


def _plain(name: str, value: object) -> object:
    return value.upper() if name == "country" and isinstance(value, str) else value
