"""Callbacks of Checkout among the settings."""

import json
from pathlib import Path

import pytest

from ordersaga.cli.accounts import accounts_of
from ordersaga.config import load

from .conftest import ACCOUNT
from .test_problems import BAD, lines

NAME = "ORDERSAGA_MERCHANTS__DEFAULT__KLARNA__CALLBACKS"
URL = {"validation": {"url": "https://shop.example/validate"}}
Environment = pytest.MonkeyPatch


def given(environment: Environment, callbacks: object, **web: str) -> None:
    environment.setenv("ORDERSAGA_MERCHANTS", json.dumps({"default": {"klarna": ACCOUNT | {"callbacks": callbacks}}}))
    environment.setenv("ORDERSAGA_WEB__SECRETS", "s" * 32)
    for name, value in web.items():
        environment.setenv(f"ORDERSAGA_WEB__{name.upper()}", value)


@pytest.mark.parametrize(
    ("callbacks", "line"),
    [
        (
            {"validation": {"url": f"https://user:{BAD}@shop.example/"}},
            f"{NAME}__VALIDATION__URL must not contain a user, password, query or fragment",
        ),
        (
            {"address_update": {"url": f"https://shop.example/?{BAD}"}},
            f"{NAME}__ADDRESS_UPDATE__URL must not contain a user, password, query or fragment",
        ),
        ({"country_change": {"url": f"ftp://{BAD}"}}, f"{NAME}__COUNTRY_CHANGE__URL isn't a URL like https://"),
        *(
            ({"validation": {"url": url}}, f"{NAME}__VALIDATION__URL isn't a URL like https://")
            for url in ("https://shop.example:99999/", "https://shop.example:0/", f"https://shop..example/{BAD}")
        ),
        ({"validation": {"no_reply": "deny"}}, f"{NAME}__VALIDATION__URL is missing"),
        (
            {"validation": {**URL["validation"], "no_reply": "unchanged"}},
            f"{NAME}__VALIDATION__NO_REPLY must be 'approve', 'deny' or 'fail'",
        ),
        (
            {"address_update": {**URL["validation"], "no_reply": "approve"}},
            f"{NAME}__ADDRESS_UPDATE__NO_REPLY must be 'unchanged' or 'fail'",
        ),
        ({**URL, "deadline": 3}, f"{NAME}__DEADLINE must be less than 3 (The total time"),
        ({**URL, "deadline": 0}, f"{NAME}__DEADLINE must be greater than 0 (The total time"),
        ({**URL, "required_deadline": 10}, f"{NAME}__REQUIRED_DEADLINE must be less than 10 (The same"),
        ({**URL, "slots": 0}, f"{NAME}__SLOTS must be greater than or equal to 1"),
        ({**URL, "ca_file": "/nowhere"}, f"{NAME}__CA_FILE is a file that can't be read"),
        ({"validate": {}}, "merchants.default.klarna.callbacks.validate isn't a setting"),
    ],
)
def test_what_is_wrong_is_one_line(
    environment: Environment, capsys: pytest.CaptureFixture[str], callbacks: object, line: str
) -> None:
    given(environment, callbacks)
    (told,) = lines(capsys)
    assert told.startswith(line)


def test_klarna_calls_no_address_without_https(environment: Environment, capsys: pytest.CaptureFixture[str]) -> None:
    given(environment, URL, base_url="http://pay.example")
    assert lines(capsys) == [
        "ORDERSAGA_WEB__BASE_URL must begin with https://, as callbacks of merchant 'default' are set: Klarna calls no other"
    ]


@pytest.mark.parametrize("base_url", ["https://pay.example", "http://127.0.0.1:8080", "http://localhost"])
def test_an_address_with_https_or_on_this_machine_is_fine(environment: Environment, base_url: str) -> None:
    given(environment, URL, base_url=base_url)
    assert accounts_of(load())["default", "klarna"].checkout_urls["validation"].startswith(base_url)


def test_callbacks_need_a_secret(environment: Environment, capsys: pytest.CaptureFixture[str]) -> None:
    given(environment, URL)
    environment.delenv("ORDERSAGA_WEB__SECRETS")
    (told,) = lines(capsys)
    assert told.startswith("ORDERSAGA_WEB__SECRETS is missing, as callbacks of merchant 'default' are set")


def test_they_can_be_given_one_by_one_and_in_a_file(environment: Environment, tmp_path: Path) -> None:
    given(environment, {})
    environment.setenv(f"{NAME}__VALIDATION__URL", "https://shop.example/v")
    environment.setenv(f"{NAME}__VALIDATION__NO_REPLY", "deny")
    file = tmp_path / "ordersaga.toml"
    file.write_text('[merchants.default.klarna.callbacks]\naddress_update = {url = "http://shop.internal/a"}\n')
    environment.setenv("ORDERSAGA_CONFIG", str(file))
    klarna = load().merchants["default"].klarna
    assert klarna is not None
    assert {kind: (one.url, one.no_reply) for kind, one in klarna.callbacks.kinds.items()} == {
        "validation": ("https://shop.example/v", "deny"),
        "address_update": ("http://shop.internal/a", "fail"),
    }
    assert (klarna.callbacks.deadline, klarna.callbacks.required_deadline) == (2.0, None)
