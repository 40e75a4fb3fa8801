"""Amounts and VAT as Mollie has them. The VAT figures are those of real answers, gathered from public issues."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from iso4217 import Currency

from ordersaga.providers.mollie import money


@pytest.mark.parametrize(
    ("total", "rate", "vat"),
    [
        (4994, 2650, 1046),
        (3120, 2100, 541),
        (-3650, 2000, -608),
        (-395, 1600, -54),
        (395, 900, 33),
        (33653, 2100, 5841),
        (514, 0, 0),
    ],
)
def test_the_vat_is_what_mollie_expects(total: int, rate: int, vat: int) -> None:
    assert money.vat_amount(total, rate) == vat


@pytest.mark.parametrize(
    ("minor", "currency", "value"),
    [
        (1050, "EUR", "10.50"),
        (5, "EUR", "0.05"),
        (0, "EUR", "0.00"),
        (-1, "eur", "-0.01"),
        (-3650, "SEK", "-36.50"),
        (1050, "JPY", "1050"),
        (-7, "ISK", "-7"),
    ],
)
def test_an_amount_has_the_exact_decimals_of_its_currency(minor: int, currency: str, value: str) -> None:
    sent = money.amount(minor, currency)
    assert sent == {"currency": currency.upper(), "value": value}
    assert money.minor_of(sent, currency.upper()) == minor


@given(st.integers(-(2**53), 2**53).filter(lambda one: abs(one) < 10**15), st.sampled_from(["EUR", "JPY", "USD"]))
def test_amounts_come_back_as_they_went(minor: int, currency: str) -> None:
    assert money.minor_of(money.amount(minor, currency), currency) == minor


@pytest.mark.parametrize(
    "given_amount",
    [
        {"currency": "EUR", "value": "1.001"},
        {"currency": "EUR", "value": "1e3"},
        {"currency": "EUR", "value": "NaN"},
        {"currency": "EUR", "value": " 1.00"},
        {"currency": "EUR", "value": 1.0},
        {"currency": "USD", "value": "1.00"},
        {"currency": "EUR"},
    ],
)
def test_what_is_no_amount_of_the_currency_is_not_read(given_amount: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        money.minor_of(given_amount, "EUR")


def test_a_yen_has_no_decimals() -> None:
    with pytest.raises(msgspec.ValidationError):
        money.minor_of({"currency": "JPY", "value": "10.50"}, "JPY")


def test_only_currencies_are_known_of_which_mollie_and_iso_have_the_same_decimals() -> None:
    """By the tables of a library: 2 in both, or 0 in both."""
    same = {one.code for one in Currency if one.exponent == 2} | {"ISK", "JPY"}
    for one in Currency:
        if one.exponent is not None:
            assert money.is_known(one.code) == (one.code in same), one.code


def test_a_rate_has_two_decimals() -> None:
    assert [money.vat_rate(rate) for rate in (2100, 0, 905, 10_000)] == ["21.00", "0.00", "9.05", "100.00"]
