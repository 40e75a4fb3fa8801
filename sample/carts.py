"""What the shop says of an order when it is placed: the `data` of `placed`, made from an invoice."""

from random import Random
from typing import Any

from sample.orders import Invoice, Item

Json = dict[str, Any]

COUNTRIES = {
    "United Kingdom": "GB", "Germany": "DE", "France": "FR", "EIRE": "IE", "Spain": "ES", "Netherlands": "NL",
    "Belgium": "BE", "Portugal": "PT", "Switzerland": "CH", "Australia": "AU", "Cyprus": "CY", "Finland": "FI",
    "Italy": "IT", "Channel Islands": "JE", "Norway": "NO", "Japan": "JP", "Sweden": "SE", "Poland": "PL",
    "Iceland": "IS", "Denmark": "DK", "Hong Kong": "HK", "Singapore": "SG", "Greece": "GR", "Austria": "AT",
    "Lebanon": "LB", "Lithuania": "LT", "Israel": "IL", "United Arab Emirates": "AE", "Czech Republic": "CZ",
    "Saudi Arabia": "SA", "Canada": "CA", "Bahrain": "BH",
}  # fmt: skip
EXPORT = {"CH", "AU", "JE", "NO", "JP", "IS", "HK", "SG", "LB", "IL", "AE", "SA", "CA", "BH"}
EURO = {"DE", "FR", "IE", "ES", "NL", "BE", "PT", "FI", "IT", "AT", "GR", "CY"}
# Klarna takes a return fee in these markets only.
RETURN_FEE_MARKETS = {"AT", "DE", "DK", "FI", "FR", "NL", "NO", "SE", "IT", "ES", "IE", "PT", "CZ", "AU", "GR"}
TYPES = {"POST": "shipping_fee", "DOT": "shipping_fee", "C2": "shipping_fee", "D": "discount"}
CUSTOMERS = [
    ("Ada", "Example", "1 Sample Street", "AB1 2CD", "Sampleton"),
    ("Ben", "Muster", "22 Muster Lane", "EF3 4GH", "Musterford"),
    ("Cleo", "Invented", "333 Nowhere Road", "IJ5 6KL", "Nowhere"),
    ("Dan", "Placeholder", "4 Placeholder Mews", "MN7 8OP", "Placebury"),
]


def merchant_of(invoice: Invoice) -> str:
    foreign = COUNTRIES.get(invoice.country, "GB") != "GB"
    return "gifts" if foreign or int(invoice.number) % 12 == 0 else "default"


def cart(invoice: Invoice, currency: str, payment: Json, rng: Random) -> Json:
    """The order as the shop places it, with the optional fields that only some orders have."""
    country = COUNTRIES.get(invoice.country, "GB")
    lines = [_line(item, country) for item in invoice.items]
    if all(line["total_amount"] >= 0 and line["quantity"] > 0 for line in lines):
        _touch_up(lines, rng)
    data: Json = {
        "payment": payment,
        "purchase_country": country,
        "purchase_currency": currency,
        "order_amount": sum(line["total_amount"] for line in lines),
        "order_lines": lines,
    }
    return data | _extras(lines, country, rng)


def tax_of(total: int, rate: int) -> int:
    """The tax within `total`, halves away from zero."""
    tax = (2 * abs(total) * rate + 10000 + rate) // (2 * (10000 + rate))
    return tax if total >= 0 else -tax


def _line(item: Item, country: str) -> Json:
    kind = "digital" if item.code.startswith("gift_") else TYPES.get(item.code, "physical")
    line = {"type": kind} if kind != "physical" else {}
    return line | {
        "reference": item.code,
        "name": item.name,
        "quantity": item.quantity,
        "unit_price": item.price,
        "tax_rate": _rate(item, country),
        "total_amount": item.quantity * item.price,
    }


def _rate(item: Item, country: str) -> int:
    if country in EXPORT or item.code.startswith("gift_") or "BOOK" in item.name or "CHILD" in item.name:
        return 0
    return 500 if "WARMER" in item.name else 2000


def _touch_up(lines: list[Json], rng: Random) -> None:
    """What the file's own orders lack: discounts within a line, vouchers, a surcharge, a line without quantity."""
    worth = sum(line["total_amount"] for line in lines)
    goods = [line for line in lines if line.get("type", "physical") == "physical" and line["total_amount"] >= 100]
    if goods and rng.random() < 0.08:
        for line in rng.sample(goods, min(len(goods), 3)):
            line["total_discount_amount"] = line["total_amount"] * rng.randrange(3, 18) // 100
            line["total_amount"] -= line["total_discount_amount"]
    if worth > 2000 and goods and rng.random() < 0.05:
        kind = rng.choice(["gift_card", "store_credit", "discount"])
        lines.append(_extra_line(kind, "VOUCHER", "Voucher redeemed", -rng.randrange(101, worth // 3)))
    if goods and rng.random() < 0.02:
        lines.append(_extra_line("surcharge", "WRAP", "Gift wrapping", rng.choice([195, 250, 333])))
    if rng.random() < 0.01:
        lines.append(_extra_line("physical", "LEAFLET", "Leaflet", 0) | {"quantity": 0})


def _extra_line(kind: str, reference: str, name: str, amount: int) -> Json:
    line = {"type": kind, "reference": reference, "name": name, "quantity": 1}
    return line | {"unit_price": amount, "tax_rate": 0, "total_amount": amount}


def _extras(lines: list[Json], country: str, rng: Random) -> Json:
    extras: Json = {}
    if rng.random() < 0.3:
        extras["locale"] = f"en-{country}"
    if rng.random() < 0.1:
        for line in lines:
            line["total_tax_amount"] = tax_of(line["total_amount"], line["tax_rate"])
        extras["order_tax_amount"] = sum(line["total_tax_amount"] for line in lines)
    if rng.random() < 0.15:
        extras["billing_address"] = address(country, rng)
        if rng.random() < 0.3:
            extras["shipping_address"] = address(country, rng)
    if rng.random() < 0.1:
        extras["merchant_reference2"] = f"web-{rng.randrange(10000)}"
    if rng.random() < 0.03:
        extras["auto_capture"] = False
    if rng.random() < 0.02:
        extras["channel"] = "web"  # a field the service doesn't know and must not mind
    return extras


def address(country: str, rng: Random) -> Json:
    given, family, street, postcode, city = rng.choice(CUSTOMERS)
    return {
        "given_name": given, "family_name": family, "email": f"{given.lower()}@example.com",
        "street_address": street, "postal_code": postcode, "city": city, "country": country,
    }  # fmt: skip
