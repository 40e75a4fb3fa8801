"""An invalid or missing setting: one line with its name, what is wrong and how to set it, without its value."""

import contextlib
import json
from pathlib import Path

import pytest

from ordersaga.config import load
from ordersaga_local.tls import Certificates

from .conftest import ACCOUNT, KEY

Environment = pytest.MonkeyPatch
BAD = "SECRET-VALUE"


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    with pytest.raises(SystemExit) as ended:
        load()
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    assert BAD not in err
    assert KEY not in err
    return err.splitlines()


def merchants(**klarna: object) -> str:
    return json.dumps({"default": {"klarna": ACCOUNT | klarna}})


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("KAFKA", "ORDERSAGA_KAFKA is missing: set it to host:9092[,host:9092]"),
        ("DATABASE", "ORDERSAGA_DATABASE is missing: set it to postgresql://user:password@host:5432/name"),
        ("ENCRYPTION_KEY", "ORDERSAGA_ENCRYPTION_KEY is missing: set it to the output of `openssl rand -base64 32`"),
        (
            "MERCHANTS",
            'ORDERSAGA_MERCHANTS is missing: set it to {"default": {"klarna": {"username": "…", "password": "…"}}}',
        ),
    ],
)
def test_a_missing_setting(environment: Environment, capsys: pytest.CaptureFixture[str], name: str, line: str) -> None:
    environment.delenv(f"ORDERSAGA_{name}")
    assert lines(capsys) == [line]


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("KAFKA", BAD, "ORDERSAGA_KAFKA isn't a list of host:port: set it to host:9092[,host:9092]"),
        ("KAFKA", f"a:9092,{BAD}:99999", "ORDERSAGA_KAFKA isn't a list of host:port: set it to host:9092[,host:9092]"),
        (
            "DATABASE",
            f"mysql://{BAD}",
            ("ORDERSAGA_DATABASE isn't the URL of a Postgres database: "
            "set it to postgresql://user:password@host:5432/name"),
        ),
        (
            "DATABASE",
            f"postgresql://a:{BAD}@db:port/x",
            ("ORDERSAGA_DATABASE isn't the URL of a Postgres database: "
            "set it to postgresql://user:password@host:5432/name"),
        ),
        ("ENCRYPTION_KEY", BAD, "ORDERSAGA_ENCRYPTION_KEY isn't base64: create one with `openssl rand -base64 32`"),
        (
            "ENCRYPTION_KEY",
            "MDEyMw==",
            "ORDERSAGA_ENCRYPTION_KEY is 4 bytes long, not 32: create one with `openssl rand -base64 32`",
        ),
        (
            "FORMER_ENCRYPTION_KEYS",
            f"0:{KEY},7:{BAD}",
            "ORDERSAGA_FORMER_ENCRYPTION_KEYS isn't base64: create one with `openssl rand -base64 32`",
        ),
        (
            "FORMER_ENCRYPTION_KEYS",
            KEY,
            ("ORDERSAGA_FORMER_ENCRYPTION_KEYS has a key with the id 1, which another key has as well: "
            "give the new key an id of its own, as in 2:key"),
        ),
        (
            "LEASE",
            "30s",
            ("ORDERSAGA_LEASE isn't a number "
            "(How long a worker leases an order before another worker may take it over; the default is 30 seconds)"),
        ),
        (
            "LEASE",
            "0",
            ("ORDERSAGA_LEASE must be greater than 0 "
            "(How long a worker leases an order before another worker may take it over; the default is 30 seconds)"),
        ),
        (
            "WAITS__ORDER",
            "inf",
            ("ORDERSAGA_WAITS__ORDER isn't a finite number "
            "(How long an event waits for its order to be placed; the default is 86400 seconds)"),
        ),
        (
            "LOG_LEVEL",
            BAD,
            ("ORDERSAGA_LOG_LEVEL must be 'DEBUG', 'INFO', 'WARNING' or 'ERROR' "
            "(The lowest level that is logged; the default is INFO)"),
        ),
        (
            "METRICS_PORT",
            "99999",
            ("ORDERSAGA_METRICS_PORT must be less than or equal to 65535 "
            "(The port that serves health and Prometheus metrics; 0: any free port)"),
        ),
        (
            "ORDERS_TOPIC",
            f"{BAD} !",
            ("ORDERSAGA_ORDERS_TOPIC contains invalid characters "
            "(The topic of the shop's events; the default is shop.orders)"),
        ),
        (
            "OUTCOMES_TOPIC",
            "shop.orders",
            ("ORDERSAGA_OUTCOMES_TOPIC is the same as ORDERSAGA_ORDERS_TOPIC "
            "(The topic of the outcomes; the default is payments.orders)"),
        ),
        (
            "MERCHANTS",
            f'{{"default": {BAD}',
            ('ORDERSAGA_MERCHANTS isn\'t JSON (line 1, column 13): set it to {"default": {"klarna": '
            '{"username": "…", "password": "…"}}}'),
        ),
        ("MERCHANTS", "{}", 'ORDERSAGA_MERCHANTS is empty: set it to {"default": {"klarna": {"username": "…", "password": "…"}}}'),
        ("MERCHANTS", '{"shop": {}}', "ORDERSAGA_MERCHANTS__SHOP has no account with a provider"),
        (
            "MERCHANTS",
            '{"shop": {"klarna": {"username": "K"}}}',
            "ORDERSAGA_MERCHANTS__SHOP__KLARNA__PASSWORD is missing: set it to the account's API password",
        ),
        (
            "MERCHANTS",
            merchants(call_deadline=20),
            ("ORDERSAGA_MERCHANTS__DEFAULT__KLARNA__CALL_DEADLINE must be at most half of the lease (30 s) "
            "(The total time of a call; at most half of the lease; the default is 10 seconds)"),
        ),
        (
            "MERCHANTS",
            merchants(pasword=BAD),
            "merchants.default.klarna.pasword isn't a setting: did you mean merchants.default.klarna.password?",
        ),
        (
            "MERCHANTS",
            merchants(base_url=f"https://user:{BAD}@host"),
            ("ORDERSAGA_MERCHANTS__DEFAULT__KLARNA__BASE_URL must not contain a user, password, query or fragment "
            "(Overrides Klarna's URL of region and environment, as for a sandbox or Kustom)"),
        ),
        ("KAFKA_SASL_USERNAME", "saga", "ORDERSAGA_KAFKA_SASL_MECHANISM is missing, as ORDERSAGA_KAFKA_SASL_USERNAME is set (The SASL mechanism)"),
        ("DATABASE_PASSWORD", BAD, "ORDERSAGA_DATABASE_PASSWORD is set although ORDERSAGA_DATABASE contains a password: remove one of them"),
        ("KAFKA_TLS_CA", "nowhere/ca.pem", "ORDERSAGA_KAFKA_TLS_CA is a file that can't be read (nowhere/ca.pem: No such file or directory)"),
        (
            "WEB__PORT",
            "8080",
            ("ORDERSAGA_WEB__SECRETS is missing, as ORDERSAGA_WEB__PORT is set (Secrets that make the addresses of notifications "
            "unguessable, separated by commas: the first makes new ones, all are accepted)"),
        ),
        (
            "WEB__SECRETS",
            f"{'x' * 32},{BAD}",
            "ORDERSAGA_WEB__SECRETS has a secret of fewer than 32 characters: take the output of `openssl rand -base64 32`",
        ),
        (
            "TRACES__HEADERS",
            f"authorization={BAD},{BAD}",
            ("ORDERSAGA_TRACES__HEADERS isn't a list like name=value,name=value "
            "(Headers for the collector, such as its credentials: `name=value`, separated by commas)"),
        ),
        ("BACKOFF__FIRST", "301", "ORDERSAGA_BACKOFF__FIRST must be at most ORDERSAGA_BACKOFF__MOST (The delay of the first retry of a call; it doubles with each retry; the default is 1 seconds)"),
    ],
)  # fmt: skip
def test_a_bad_setting(
    environment: Environment, capsys: pytest.CaptureFixture[str], name: str, value: str, line: str
) -> None:
    environment.setenv(f"ORDERSAGA_{name}", value)
    assert lines(capsys) == [line]


def test_a_login_that_lacks_something(environment: Environment, capsys: pytest.CaptureFixture[str]) -> None:
    environment.setenv("ORDERSAGA_KAFKA_SASL_MECHANISM", "PLAIN")
    assert lines(capsys) == [
        "ORDERSAGA_KAFKA_SASL_PASSWORD is missing: PLAIN requires it",
        "ORDERSAGA_KAFKA_SASL_USERNAME is missing: PLAIN requires it",
    ]


def test_a_token_login_without_its_file(environment: Environment, capsys: pytest.CaptureFixture[str]) -> None:
    environment.setenv("ORDERSAGA_KAFKA_SASL_MECHANISM", "OAUTHBEARER")
    assert lines(capsys) == ["ORDERSAGA_KAFKA_SASL_TOKEN_FILE is missing: OAUTHBEARER requires it"]


@pytest.mark.parametrize("name", ["KAFKA_TLS_CA", "DATABASE_TLS_CA"])
def test_a_file_without_certificates(
    environment: Environment, capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str
) -> None:
    file = tmp_path / "ca.pem"
    file.write_text(BAD)
    environment.setenv(f"ORDERSAGA_{name}", str(file))
    assert lines(capsys) == [
        f"ORDERSAGA_{name} is a file without certificates ({file}) (CA certificates to trust (PEM))"
    ]


def test_an_account_whose_file_holds_no_certificates(
    environment: Environment, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "ca.pem"
    file.write_text(BAD)
    environment.setenv("ORDERSAGA_MERCHANTS", merchants(ca_file=str(file)))
    (line,) = lines(capsys)
    assert line.startswith(f"ORDERSAGA_MERCHANTS__DEFAULT__KLARNA__CA_FILE is a file without certificates ({file})")


@pytest.mark.parametrize("client", ["KAFKA", "DATABASE"])
@pytest.mark.parametrize("key", ["other.key", "authority.pem"])
def test_a_certificate_and_a_key_that_do_not_belong_together(
    environment: Environment, capsys: pytest.CaptureFixture[str], tmp_path: Path, client: str, key: str
) -> None:
    ours = Certificates.made(tmp_path)
    (tmp_path / "others").mkdir()
    Certificates.made(tmp_path / "others").key.rename(tmp_path / "other.key")
    environment.setenv(f"ORDERSAGA_{client}_TLS_CERT", str(ours.server))
    environment.setenv(f"ORDERSAGA_{client}_TLS_KEY", str(tmp_path / key))
    (line,) = lines(capsys)
    assert line.startswith(
        f"ORDERSAGA_{client}_TLS_CERT and ORDERSAGA_{client}_TLS_KEY aren't a matching certificate and key"
    )


def test_all_that_is_wrong_is_told_at_once(environment: Environment, capsys: pytest.CaptureFixture[str]) -> None:
    environment.delenv("ORDERSAGA_KAFKA")
    environment.setenv("ORDERSAGA_LEASE", "x")
    environment.setenv("ORDERSAGA_ENCRYPTION_KEY", BAD)
    assert [line.split()[0] for line in lines(capsys)] == [
        "ORDERSAGA_ENCRYPTION_KEY",
        "ORDERSAGA_KAFKA",
        "ORDERSAGA_LEASE",
    ]


def test_an_unknown_variable_is_a_warning(environment: Environment, capsys: pytest.CaptureFixture[str]) -> None:
    environment.setenv("ORDERSAGA_LAESE", BAD)
    environment.setenv("ORDERSAGA_XYZZY", BAD)
    assert load().lease == 30
    assert capsys.readouterr().err.splitlines() == [
        "ORDERSAGA_LAESE isn't a setting and is ignored: did you mean ORDERSAGA_LEASE?",
        "ORDERSAGA_XYZZY isn't a setting and is ignored",
    ]


def test_a_warning_that_can_not_be_written_keeps_nothing_from_starting(environment: Environment) -> None:
    environment.setenv("ORDERSAGA_XYZZY", BAD)
    with Path("/dev/full").open("w", buffering=1) as full:
        environment.setattr("sys.stderr", full)
        assert load().lease == 30
        environment.undo()
        with contextlib.suppress(OSError):
            full.close()  # what it still holds


def test_a_file_among_the_secrets_that_is_no_setting_is_a_warning(
    environment: Environment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = ("database_password", "merchants__default__klarna__password", "WEB__secrets", "..data", ".gitignore")
    for name in (*good, "databse_password", "ordersaga_encryption_key", "username"):
        (tmp_path / name).write_text("s" * 32)
    (tmp_path / "..2026").mkdir()
    (tmp_path / "old").mkdir()
    environment.setenv("ORDERSAGA_DATABASE", "postgresql://saga@db:5432/orders")
    environment.setenv("ORDERSAGA_SECRETS_DIR", str(tmp_path))
    load()
    ignored = "ORDERSAGA_SECRETS_DIR: the file {} isn't a setting and is ignored"
    assert capsys.readouterr().err.splitlines() == [
        f"{ignored.format('databse_password')}: did you mean database_password?",
        f"{ignored.format('ordersaga_encryption_key')}: did you mean encryption_key?",
        ignored.format("username"),
    ]


def test_variables_that_kubernetes_makes_are_no_typos(
    environment: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (
        "SERVICE_HOST",
        "SERVICE_PORT",
        "PORT",
        "PORT_8080_TCP",
        "PORT_8080_TCP_ADDR",
        "WEB_SERVICE_PORT_HTTP",
    ):
        environment.setenv(f"ORDERSAGA_{name}", "10.0.0.1")
    load()
    assert capsys.readouterr().err == ""


def test_an_unknown_name_within_a_part_is_an_error(
    environment: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("ORDERSAGA_WAITS__ORDR", "1")
    assert lines(capsys) == ["waits.ordr isn't a setting: did you mean waits.order?"]


def test_an_unknown_name_in_the_file_is_an_error(
    environment: Environment, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "o.toml").write_text(f"laese = '{BAD}'")
    environment.setenv("ORDERSAGA_CONFIG", str(tmp_path / "o.toml"))
    assert lines(capsys) == ["laese in ORDERSAGA_CONFIG isn't a setting: did you mean lease?"]


def test_a_file_that_is_no_toml(environment: Environment, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "o.toml").write_text(f"lease = 1\nkey {BAD}")
    environment.setenv("ORDERSAGA_CONFIG", str(tmp_path / "o.toml"))
    [line] = lines(capsys)
    assert line.startswith("ORDERSAGA_CONFIG isn't TOML: ")
    assert "line 2" in line


def test_files_that_are_not_there(environment: Environment, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    environment.setenv("ORDERSAGA_CONFIG", str(missing))
    assert lines(capsys) == [f"ORDERSAGA_CONFIG can't be read ({missing}: No such file or directory)"]
    environment.delenv("ORDERSAGA_CONFIG")
    environment.setenv("ORDERSAGA_SECRETS_DIR", str(missing))
    assert lines(capsys) == [f'ORDERSAGA_SECRETS_DIR: directory "{missing}" does not exist']


def test_a_secret_that_is_no_text(environment: Environment, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "encryption_key").write_bytes(bytes(range(200, 232)))
    environment.setenv("ORDERSAGA_SECRETS_DIR", str(tmp_path))
    assert lines(capsys) == ["ORDERSAGA_SECRETS_DIR or ORDERSAGA_CONFIG: a file isn't UTF-8 text"]


def mollie(**account: object) -> str:
    return json.dumps({"default": {"mollie": account}})


@pytest.mark.parametrize(
    ("account", "line"),
    [
        ({}, "MOLLIE needs either api_key or access_token"),
        (
            {"api_key": "test_a", "access_token": "access_a", "profile_id": "pfl_1"},
            "MOLLIE has both api_key and access_token",
        ),
        ({"api_key": f"access_{BAD}"}, "MOLLIE__API_KEY must begin with live_ or test_"),
        ({"api_key": "test_\N{LATIN SMALL LETTER E WITH ACUTE}"}, "MOLLIE__API_KEY must begin with live_ or test_"),
        ({"access_token": "", "profile_id": "pfl_1"}, "MOLLIE__ACCESS_TOKEN must begin with access_"),
        ({"access_token": f"live_{BAD}", "profile_id": "pfl_1"}, "MOLLIE__ACCESS_TOKEN must begin with access_"),
        ({"access_token": f"access_a\n{BAD}", "profile_id": "pfl_1"}, "MOLLIE__ACCESS_TOKEN must begin with access_"),
        ({"access_token": "access_a"}, "MOLLIE has an access_token, which needs the profile_id of its orders"),
        ({"access_token": "access_a", "profile_id": ""}, "MOLLIE__PROFILE_ID must be a profile's id"),
        ({"api_key": "test_a", "testmode": True}, "MOLLIE has an api_key, which is of one profile and mode"),
        (
            {"api_key": "test_a", "base_url": "https://api.mollie.com/v2/"},
            "MOLLIE__BASE_URL must not contain the version",
        ),
    ],
)
def test_an_account_with_mollie_that_no_call_could_be_made_with(
    environment: Environment, capsys: pytest.CaptureFixture[str], account: dict[str, object], line: str
) -> None:
    environment.setenv("ORDERSAGA_MERCHANTS", mollie(**account))
    (told,) = lines(capsys)
    assert told.startswith(f"ORDERSAGA_MERCHANTS__DEFAULT__{line}")


@pytest.mark.parametrize("base_url", ["http://localhost:8080", "http://127.0.0.1", "https://10.0.0.7", "http://web:80"])
def test_mollie_refuses_orders_whose_webhooks_it_cannot_reach(
    environment: Environment, capsys: pytest.CaptureFixture[str], base_url: str
) -> None:
    environment.setenv("ORDERSAGA_MERCHANTS", mollie(api_key="test_a"))
    environment.setenv("ORDERSAGA_WEB__SECRETS", "n" * 32)
    environment.setenv("ORDERSAGA_WEB__BASE_URL", base_url)
    (told,) = lines(capsys)
    assert told.startswith(
        "ORDERSAGA_WEB__BASE_URL must be reachable from the internet, as merchant 'default' has an account with Mollie"
    )


@pytest.mark.parametrize("account", [{}, {"base_url": "http://127.0.0.1:8100"}])
def test_a_sandbox_reaches_any_address_and_mollie_a_public_one(
    environment: Environment, account: dict[str, object]
) -> None:
    environment.setenv("ORDERSAGA_MERCHANTS", mollie(api_key="test_a", **account))
    environment.setenv("ORDERSAGA_WEB__SECRETS", "n" * 32)
    environment.setenv("ORDERSAGA_WEB__BASE_URL", "http://localhost" if account else "https://pay.example.com")
    assert load().web.base_url
