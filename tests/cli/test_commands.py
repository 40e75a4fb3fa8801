"""What all commands have in common: help, clear errors, a fast start."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ordersaga.addresses import Addresses, NamedOperation
from ordersaga.cli.accounts import accounts_of
from ordersaga.config import load
from ordersaga.domain.model.order import Key
from ordersaga.providers.accounts import KlarnaAccount, MollieAccount

from .conftest import Run

COMMANDS = [
    ["migrate"],
    ["run"],
    ["sandbox"],
    ["publish"],
    ["outcomes"],
    ["notification-urls"],
    ["order", "list"],
    ["order", "show"],
    ["order", "explain"],
    ["order", "check"],
    ["order", "settle"],
    ["attention", "list"],
    ["attention", "show"],
    ["attention", "resolve"],
    ["dead-letters", "list"],
    ["dead-letters", "show"],
    ["dead-letters", "replay"],
    ["dead-letters", "discard"],
    ["pause"],
    ["pauses"],
    ["resume"],
    ["restored"],
    ["settings"],
    ["topics", "create"],
    ["version"],
]
HEAVY = {
    "sqlalchemy",
    "alembic",
    "asyncpg",
    "aiokafka",
    "faststream",
    "pyreqwest",
    "prometheus_client",
    "pydantic",
}


def test_help_lists_the_commands(run: Run) -> None:
    result = run("--help")
    assert result.code == 0
    for command in {words[0] for words in COMMANDS}:
        assert f" {command} " in result.out


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_each_command_explains_itself(run: Run, command: list[str]) -> None:
    result = run(*command, "--help")
    assert result.code == 0
    assert f"ordersaga {' '.join(command)}" in result.out


def test_every_option_is_explained(run: Run) -> None:
    result = run("outcomes", "--help")
    for words in ("--from-beginning", "Start with the oldest outcome", "--until-idle", "--order", "--json"):
        assert words in result.out


def test_version(run: Run) -> None:
    from importlib.metadata import version

    assert run("version").out == f"{version('ordersaga')}\n"
    assert run("--version").out == f"{version('ordersaga')}\n"


@pytest.mark.parametrize(
    "command",
    [
        ["run"],
        ["settings"],
        ["migrate"],
        ["outcomes"],
        ["publish", "-"],
        ["order", "show", "1"],
        ["dead-letters", "list"],
        ["pause"],
        ["restored", "--yes"],
    ],
    ids=" ".join,
)
def test_a_command_without_its_settings_ends_with_a_line_for_each(run: Run, command: list[str]) -> None:
    result = run(*command)
    assert result.code == 2
    assert result.out == ""
    lines = result.err.splitlines()
    assert lines
    assert all(line.startswith("ORDERSAGA_") and " is missing: set it to " in line for line in lines)


def test_an_unknown_command_or_option_is_told(run: Run) -> None:
    assert run("frobnicate").code == 2
    assert run("outcomes", "--frobnicate").code == 2
    assert run("run", "--role", "nobody").code == 2


def test_settings_are_printed_by_the_names_they_are_set_with(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERSAGA_KAFKA", "broker:9092")
    monkeypatch.setenv("ORDERSAGA_DATABASE", "postgresql://saga:hunter2@db/orders")
    monkeypatch.setenv("ORDERSAGA_ENCRYPTION_KEY", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
    monkeypatch.setenv("ORDERSAGA_MERCHANTS", '{"default": {"klarna": {"username": "K1", "password": "swordfish"}}}')
    result = run("settings")
    assert result.code == 0
    lines = result.out.splitlines()
    assert "ORDERSAGA_KAFKA=broker:9092" in lines
    assert "ORDERSAGA_DATABASE=postgresql://saga:***@db/orders" in lines
    assert "ORDERSAGA_WAITS__ORDER=86400.0" in lines
    assert "ORDERSAGA_MERCHANTS__DEFAULT__KLARNA__PASSWORD=**********" in lines
    as_json = run("settings", "--json").out
    assert json.loads(as_json)["waits"] == {"order": 86_400, "shipment": 86_400, "most": 100}
    for text in (result.out, as_json):
        assert not [secret for secret in ("hunter2", "swordfish", "MDEyMzQ1") if secret in text]


def test_help_loads_none_of_the_heavy_libraries() -> None:
    code = (
        "import sys\nfrom ordersaga.cli import main\nmain(['--help'])\n"
        f"print('loaded:', sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded: []"


def test_a_reader_that_goes_away_is_no_failure_of_ours() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "ordersaga", "version"], stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert "Traceback" not in done.stderr
    assert done.returncode == 1


@pytest.mark.parametrize("port", ["-1", "65536"])
def test_a_port_that_is_none_is_refused(run: Run, port: str) -> None:
    assert run("sandbox", "--port", port).code == 2


def test_the_sandbox_says_which_port_it_took() -> None:
    sandbox = subprocess.Popen(
        [sys.executable, "-m", "ordersaga_sandbox", "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    assert sandbox.stdout is not None
    address = sandbox.stdout.readline().split()[3]
    sandbox.terminate()
    sandbox.communicate(timeout=10)
    assert int(address.rpartition(":")[2]) > 0


def test_a_port_of_the_sandbox_that_is_taken_is_named(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run("sandbox", "--port", str(port))
    assert (result.code, result.err) == (
        2,
        f"the sandbox can't listen on 127.0.0.1, port {port}: Address already in use\n",
    )


def test_the_sandbox_takes_a_certificate_with_its_key_only(run: Run, tmp_path: Path) -> None:
    there, missing = tmp_path / "c.pem", tmp_path / "nowhere.pem"
    there.touch()
    result = run("sandbox", "--certificate", str(there))
    assert (result.code, result.err) == (2, "https needs both --certificate and --key\n")
    result = run("sandbox", "--certificate", str(there), "--key", str(missing))
    assert result.code == 2
    assert "nowhere.pem" in result.err
    result = run("sandbox", "--port", "0", "--certificate", str(there), "--key", str(there))
    assert result.code == 2
    assert result.err.startswith(f"the sandbox can't use {there} with {there}: ")


def test_the_addresses_of_notifications_are_printed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERSAGA_KAFKA", "broker:9092")
    monkeypatch.setenv("ORDERSAGA_DATABASE", "postgresql://saga:hunter2@db/orders")
    monkeypatch.setenv("ORDERSAGA_ENCRYPTION_KEY", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
    monkeypatch.setenv("ORDERSAGA_MERCHANTS", '{"default": {"klarna": {"username": "K1", "password": "swordfish"}}}')
    missing = run("notification-urls")
    assert (missing.code, missing.err) == (
        2,
        "ORDERSAGA_WEB__SECRETS is missing: the addresses are derived from it\n",
    )
    monkeypatch.setenv("ORDERSAGA_WEB__SECRETS", "n" * 32)
    monkeypatch.setenv("ORDERSAGA_WEB__BASE_URL", "https://pay.example/")
    fraud, *others = run("notification-urls").out.splitlines()
    assert fraud == Addresses(["n" * 32], "https://pay.example").of("klarna", "default", "fraud")
    assert [line.rpartition("/")[2] for line in others] == ["authorization", "push"]
    callbacks = '{"validation": {"url": "https://shop.example/v"}, "country_change": {"url": "https://shop.example/c"}}'
    monkeypatch.setenv("ORDERSAGA_MERCHANTS__DEFAULT__KLARNA__CALLBACKS", callbacks)
    addresses = Addresses(["n" * 32], "https://pay.example")
    assert run("notification-urls").out.splitlines()[3:] == [
        addresses.of("klarna", "default", kind) for kind in ("validation", "country_change")
    ]


def test_what_is_created_asks_for_notifications_if_there_is_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERSAGA_KAFKA", "broker:9092")
    monkeypatch.setenv("ORDERSAGA_DATABASE", "postgresql://saga:hunter2@db/orders")
    monkeypatch.setenv("ORDERSAGA_ENCRYPTION_KEY", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
    monkeypatch.setenv("ORDERSAGA_MERCHANTS", '{"default": {"klarna": {"username": "K1", "password": "swordfish"}}}')
    monkeypatch.setenv("ORDERSAGA_WEB__SECRETS", "n" * 32)
    assert _klarna_account().notified_at is None
    assert _klarna_account().checkout_urls == {}
    monkeypatch.setenv("ORDERSAGA_WEB__BASE_URL", "https://pay.example")
    notified_at = _klarna_account().notified_at
    assert notified_at is not None
    named = NamedOperation(Key("default", "order", "1"), "op-1")
    addresses = Addresses(["n" * 32], "https://pay.example")
    assert notified_at(named.key, "op-1") == addresses.of_operation("klarna", "fraud", named)
    push = addresses.of("klarna", "default", "push") + "?klarna_order_id={checkout.order.id}"
    assert _klarna_account().checkout_urls["push"] == push


def _klarna_account() -> KlarnaAccount:
    account = accounts_of(load())["default", "klarna"]
    assert isinstance(account, KlarnaAccount)
    return account


def test_mollie_notifies_of_an_order_and_its_payments_by_the_operation(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDERSAGA_KAFKA", "broker:9092")
    monkeypatch.setenv("ORDERSAGA_DATABASE", "postgresql://saga:hunter2@db/orders")
    monkeypatch.setenv("ORDERSAGA_ENCRYPTION_KEY", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
    monkeypatch.setenv("ORDERSAGA_MERCHANTS", '{"default": {"mollie": {"api_key": "test_swordfish"}}}')
    monkeypatch.setenv("ORDERSAGA_WEB__SECRETS", "n" * 32)
    monkeypatch.setenv("ORDERSAGA_WEB__BASE_URL", "https://pay.example")
    account = accounts_of(load())["default", "mollie"]
    assert isinstance(account, MollieAccount)
    assert account.notified_at is not None
    named = NamedOperation(Key("default", "order", "1"), "op-1")
    addresses = Addresses(["n" * 32], "https://pay.example")
    for what in ("order", "payment"):
        assert account.notified_at(named.key, "op-1", what) == addresses.of_operation("mollie", what, named)
    assert run("notification-urls").out.splitlines() == [
        addresses.of("mollie", "default", what) for what in ("order", "payment")
    ]
