"""What Klarna takes of shipping information: for a capture, or for one that was made before."""

from typing import Final

from msgspec import UNSET, UnsetType

from ordersaga.domain.model.fields import Given
from ordersaga.providers.klarna import limits
from ordersaga.providers.klarna.limits import Messages

_MOST: Final = 500
_METHODS: Final = frozenset(
    (
        "PickUpStore",
        "Home",
        "BoxReg",
        "BoxUnreg",
        "PickUpPoint",
        "Own",
        "Postal",
        "DHLPackstation",
        "Digital",
        "Undefined",
        "PickUpWarehouse",
        "ClickCollect",
        "PalletDelivery",
    )
)
_TEXTS: Final = {
    "shipping_company": 100,
    "tracking_number": 100,
    "return_shipping_company": 100,
    "return_tracking_number": 100,
    "tracking_uri": 1024,
    "return_tracking_uri": 1024,
}


def refusals(entries: tuple[Given, ...] | UnsetType, least: int = 0) -> Messages:
    if entries is UNSET:
        return
    if not least <= len(entries) <= _MOST:
        yield f"$.shipping_info: {len(entries)} entries, {f'{least} to' if least else 'at most'} {_MOST}"
    for position, info in enumerate(entries):
        path = f"$.shipping_info[{position}]"
        yield from limits.texts(path, info, _TEXTS)
        method = info.get("shipping_method")
        if method is not None and method not in _METHODS:
            yield f"{path}.shipping_method: one of {', '.join(sorted(_METHODS))}"
