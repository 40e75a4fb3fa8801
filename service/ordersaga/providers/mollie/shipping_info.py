"""Tracking of a shipment: Mollie has one entry, of a carrier and a code; the other fields have no place there.

Sources: mollie/api-documentation, create-shipment.rst, update-shipment.rst.
"""

from typing import Final

from msgspec import UNSET, UnsetType

from ordersaga.domain.model.fields import Given
from ordersaga.providers import limits
from ordersaga.providers.limits import Messages
from ordersaga.providers.mollie.requests import Json

_NAMES: Final = {"shipping_company": "carrier", "tracking_number": "code", "tracking_uri": "url"}
_REQUIRED: Final = ("shipping_company", "tracking_number")
_MOST: Final = 100


def tracking(entries: tuple[Given, ...] | UnsetType) -> Json:
    """`tracking` of a request, or nothing."""
    if entries is UNSET or not entries:
        return {}
    return {"tracking": {ours: entries[0][name] for name, ours in _NAMES.items() if entries[0].get(name)}}


def refusals(entries: tuple[Given, ...] | UnsetType, least: int = 0) -> Messages:
    if entries is UNSET:
        return
    if not least <= len(entries) <= 1:
        yield f"$.shipping_info: {len(entries)} entries, {'1' if least else 'at most 1'}"
    for position, entry in enumerate(entries[:1]):
        path = f"$.shipping_info[{position}]"
        for name in _REQUIRED:
            if not entry.get(name):
                yield f"{path}.{name}: is needed"
            yield from limits.text(f"{path}.{name}", entry.get(name, UNSET), _MOST)
