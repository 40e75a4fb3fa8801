"""The consumer in the contract's document does what the document says."""

from collections.abc import Callable
from typing import Any

from ordersaga.bus.outcomes import encode, headers_of
from ordersaga.domain.model.order import Key
from ordersaga.domain.model.outcomes import Outcome

from .documents import ROOT, examples

Headers = list[tuple[str, bytes]]


def consumer() -> Callable[[Headers], bool]:
    [code] = [one.text for one in examples(ROOT / "contracts" / "README.md") if one.language == "python"]
    lines = [line for line in code.partition("def ")[2].splitlines() if line.strip()]
    assert len(lines) <= 10
    names: dict[str, Any] = {}
    exec(compile(code, "contracts/README.md", "exec"), names)
    is_new: Callable[[Headers], bool] = names["is_new"]
    return is_new


def headers(epoch: int, sequence: int, subject: str = "1", kind: str = "order", merchant: str = "default") -> Headers:
    attributes = {"merchant": merchant, "kind": kind, "subject": subject, "epoch": epoch, "sequence": sequence}
    return [
        ("content-type", b"application/json"),
        *((f"ce_{name}", str(one).encode()) for name, one in attributes.items()),
    ]


def taken(*positions: tuple[int, int]) -> list[tuple[int, int]]:
    is_new = consumer()
    return [one for one in positions if is_new(headers(*one))]


def test_repetitions_are_dropped() -> None:
    assert taken((1, 1), (1, 2), (1, 1), (1, 2), (1, 3)) == [(1, 1), (1, 2), (1, 3)]


def test_repeated_sequences_of_a_higher_epoch_are_taken() -> None:
    stream = [(1, 1), (1, 2), (1, 3), (2, 2), (2, 2), (2, 3), (2, 4)]
    assert taken(*stream) == [(1, 1), (1, 2), (1, 3), (2, 2), (2, 3), (2, 4)]


def test_what_an_earlier_epoch_published_late_is_dropped() -> None:
    assert taken((1, 1), (2, 1), (1, 2), (2, 2)) == [(1, 1), (2, 1), (2, 2)]


def test_a_refund_after_a_restore_isnt_taken_for_the_capture_that_was_lost() -> None:
    is_new, key = consumer(), Key("default", "order", "1")
    authorized, captured = Outcome("authorized", 1, 0.0, final=True), Outcome("captured", 2, 0.0, final=True)
    refunded = Outcome("refunded", 2, 0.0, final=True)
    stream = [(1, authorized), (1, captured), (1, captured), (2, refunded), (2, refunded)]
    encoded = [encode(key, outcome, epoch, "main") for epoch, outcome in stream]
    assert [one.type for one in encoded if is_new(headers_of(one.headers))] == [
        f"payments.order.{what}.v1" for what in ("authorized", "captured", "refunded")
    ]


def test_sequences_are_compared_as_numbers() -> None:
    assert taken((1, 9), (1, 10), (9, 1), (10, 1)) == [(1, 9), (1, 10), (9, 1), (10, 1)]


def test_orders_kinds_and_merchants_are_counted_apart() -> None:
    is_new = consumer()
    assert is_new(headers(1, 1))
    assert is_new(headers(1, 1, subject="2"))
    assert is_new(headers(1, 1, kind="subscription"))
    assert is_new(headers(1, 1, merchant="other"))
    assert not is_new(headers(1, 1))
