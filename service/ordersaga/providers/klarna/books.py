"""The books of an order as a read of Order Management v1 shows them."""

from datetime import UTC, datetime
from typing import Any, Final, Literal, cast

import msgspec
from msgspec import Struct

from ordersaga.domain.model.results import CaptureSeen, RefundSeen, Snapshot

_Status = Literal["authorized", "part_captured", "captured", "cancelled", "expired", "closed"]


class _Line(Struct):
    reference: str | None = None
    quantity: int | None = None
    total_amount: int | None = None


class _Capture(Struct):
    capture_id: str
    captured_amount: int
    reference: str | None = None
    refunded_amount: int | None = None
    order_lines: list[_Line] | None = None
    shipping_info: list[dict[str, Any]] | None = None


class _Refund(Struct):
    refunded_amount: int
    refund_id: str = ""
    reference: str | None = None
    order_lines: list[_Line] | None = None


class _Order(Struct):
    order_id: str
    status: Literal["AUTHORIZED", "PART_CAPTURED", "CAPTURED", "CANCELLED", "EXPIRED", "CLOSED"]
    fraud_status: str
    purchase_currency: str
    order_amount: int
    captured_amount: int
    refunded_amount: int
    remaining_authorized_amount: int
    original_order_amount: int | None = None
    expires_at: str | None = None
    captures: list[_Capture] | None = None
    refunds: list[_Refund] | None = None
    merchant_reference1: str | None = None
    merchant_reference2: str | None = None
    shipping_address: dict[str, Any] | None = None
    shipping_info: list[dict[str, Any]] | None = None


_ORDER: Final = msgspec.json.Decoder(_Order)


def snapshot(body: bytes) -> Snapshot:
    """The order that a read answered with. Raises msgspec.MsgspecError when it isn't one."""
    seen = _ORDER.decode(body)
    return Snapshot(
        provider_id=seen.order_id,
        status=cast("_Status", seen.status.lower()),
        fraud_status=seen.fraud_status,
        currency=seen.purchase_currency,
        order_amount=seen.order_amount,
        captured_amount=seen.captured_amount,
        refunded_amount=seen.refunded_amount,
        remaining_amount=seen.remaining_authorized_amount,
        expires_at=_seconds(seen.expires_at),
        captures=tuple(
            CaptureSeen(
                one.capture_id, one.captured_amount, one.reference, one.refunded_amount or 0, _lines(one.order_lines)
            )
            for one in seen.captures or ()
        ),
        refunds=tuple(
            RefundSeen(one.refund_id, one.refunded_amount, one.reference, _lines(one.order_lines))
            for one in seen.refunds or ()
        ),
        original_amount=seen.original_order_amount,
        facts={
            "merchant_reference1": seen.merchant_reference1 or "",
            "merchant_reference2": seen.merchant_reference2 or "",
            "shipping_address": seen.shipping_address or {},
            "shipping_info": seen.shipping_info or [],
            "captures": {one.capture_id: one.shipping_info or [] for one in seen.captures or ()},
        },
    )


def _lines(lines: list[_Line] | None) -> tuple[tuple[str, int, int], ...]:
    return tuple((line.reference or "", line.quantity or 0, line.total_amount or 0) for line in lines or ())


def _seconds(time: str | None) -> float | None:
    """ISO 8601 to seconds since the epoch; None where it can't be read."""
    try:
        at = datetime.fromisoformat(time or "")
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
