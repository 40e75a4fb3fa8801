"""What Mollie's notifications name."""

import pytest

from ordersaga.providers.mollie.notifications import KINDS, order_id_of


def test_a_notification_names_an_order_or_a_payment() -> None:
    assert order_id_of("order", b"id=ord_8wmqcHMN4U", {}) == "ord_8wmqcHMN4U"
    assert order_id_of("payment", b"id=tr_7UhSN1zuXS", {"operation": "x"}) == "tr_7UhSN1zuXS"
    assert KINDS == ("order", "payment")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"id=",
        b"id=ord_1&id=ord_2",
        b"id=re_1",
        b"id=ord_1%2F..",
        b"id=ord_" + b"x" * 101,
        b'{"id":"ord_1"}',
        b"\xff\xfe",
        b"&".join(b"a=1" for _ in range(30)),
    ],
)
def test_anything_else_is_not_mollies(body: bytes) -> None:
    with pytest.raises(ValueError, match="Mollie"):
        order_id_of("order", body, {})
