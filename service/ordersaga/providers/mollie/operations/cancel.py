"""DELETE /v2/orders/{id}: cancels an order, or what is left of one that was shipped in part. Answered with the order.

Not while a payment is open, nor once it was paid. Source: mollie/api-documentation, cancel-order.rst.
"""

from collections.abc import Collection
from functools import partial
from typing import Final

import msgspec
from msgspec import Struct

from ordersaga.domain.model.events import Data
from ordersaga.domain.model.order import Operation, Order, Request
from ordersaga.domain.model.results import Result, Succeeded, Unknown
from ordersaga.providers.http import Answer
from ordersaga.providers.mollie.operation import MollieOperation
from ordersaga.providers.mollie.requests import order_path, write


class _Ended(Struct):
    status: str


_ORDER: Final = msgspec.json.Decoder(_Ended)
_CANCELLED: Final = frozenset({"canceled"})
_ENDED: Final = _CANCELLED | {"completed"}


def _freeze(order: Order, operation: Operation, _data: Data | None, _after: Order | None) -> Request:
    return write("DELETE", order_path(order, operation))


def _success(
    as_wanted: Collection[str], answer: Answer, _operation: Operation | None, correlation_id: str | None
) -> Result:
    """An order of which another hand has shipped some isn't cancelled, but completed."""
    if _ORDER.decode(answer.body).status not in as_wanted:
        return Unknown("not_ended", correlation_id, answer.status)
    return Succeeded(correlation_id=correlation_id)


CANCEL: Final = MollieOperation(name="cancel", freeze=_freeze, success=partial(_success, _CANCELLED))
RELEASE: Final = MollieOperation(name="release", freeze=_freeze, success=partial(_success, _ENDED))
