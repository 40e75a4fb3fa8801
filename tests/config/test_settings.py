"""The sources of settings, and their values."""

import base64
import json
from pathlib import Path

import pytest

from ordersaga.config import DatabaseSettings, KafkaSettings, Settings, StoreSettings, load, masked
from ordersaga_local.tls import Certificates

KEY = base64.b64decode("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
OTHER = base64.b64encode(bytes(32)).decode()
Environment = pytest.MonkeyPatch


def test_four_settings_are_enough(environment: Environment) -> None:
    settings = load()
    assert settings.kafka == "broker:9092"
    assert settings.database_url() == "postgresql://saga:hunter2@db:5432/orders"
    assert settings.encryption_keys() == {"1": KEY}
    assert settings.orders_topic == "shop.orders"
    assert settings.outcomes_topic == "payments.orders"
    assert settings.group == "ordersaga"
    assert settings.lease == 30
    assert (settings.waits.order, settings.waits.shipment) == (86_400, 86_400)
    assert settings.intake.max_records == 1_000
    assert settings.shutdown_timeout == 25
    klarna = settings.merchants["default"].klarna
    assert klarna is not None
    assert (klarna.username, klarna.slots, klarna.call_deadline, klarna.rate_limit) == ("K1", 64, 10, None)


def test_settings_never_change(environment: Environment) -> None:
    settings = load()
    with pytest.raises(ValueError, match="frozen"):
        settings.lease = 1.0


def test_parts_are_set_one_by_one(environment: Environment) -> None:
    environment.setenv("ORDERSAGA_WAITS__ORDER", "30")
    environment.setenv("ORDERSAGA_INTAKE__SESSION_TIMEOUT", "10")
    environment.setenv("ORDERSAGA_MERCHANTS__GIFTS__KLARNA__USERNAME", "K2")
    environment.setenv("ORDERSAGA_MERCHANTS__GIFTS__KLARNA__PASSWORD", "12345")
    settings = load()
    assert settings.waits.order == 30
    assert settings.waits.shipment == 86_400
    assert settings.intake.session_timeout == 10
    assert sorted(settings.merchants) == ["default", "gifts"]
    gifts = settings.merchants["gifts"].klarna
    assert gifts is not None
    assert gifts.password.get_secret_value() == "12345"


def test_the_secrets_of_notifications_are_a_list_that_is_never_shown(environment: Environment) -> None:
    new, old = "n" * 32, "o" * 44
    assert load().web_secrets() == []
    environment.setenv("ORDERSAGA_WEB__SECRETS", f"{new}, {old}")
    settings = load()
    assert settings.web_secrets() == [new, old]
    assert new not in json.dumps(masked(settings))


@pytest.mark.parametrize(("given", "timeout", "lingers"), [(None, 25, 5), (None, 4, 2), (20, 25, 12.5), (0, 25, 0)])
def test_lingering_leaves_half_of_the_time_to_stop(
    given: float | None, timeout: float, lingers: float, environment: Environment
) -> None:
    environment.setenv("ORDERSAGA_SHUTDOWN_TIMEOUT", str(timeout))
    if given is not None:
        environment.setenv("ORDERSAGA_WEB__LINGER", str(given))
    assert load().web_linger == lingers


def test_the_ports_of_health_and_notifications_differ(
    environment: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("ORDERSAGA_WEB__SECRETS", "n" * 32)
    environment.setenv("ORDERSAGA_METRICS_PORT", "8080")
    environment.setenv("ORDERSAGA_WEB__PORT", "8080")
    with pytest.raises(SystemExit):
        load()
    assert "ORDERSAGA_WEB__PORT is the same as ORDERSAGA_METRICS_PORT" in capsys.readouterr().err


def test_an_empty_variable_is_none(environment: Environment) -> None:
    environment.setenv("ORDERSAGA_METRICS_PORT", "")
    environment.setenv("ORDERSAGA_LEASE", "")
    assert load().metrics_port is None
    assert load().lease == 30


def test_secrets_come_from_files(environment: Environment, tmp_path: Path) -> None:
    environment.delenv("ORDERSAGA_ENCRYPTION_KEY")
    environment.setenv("ORDERSAGA_DATABASE", "postgresql://saga@db/orders")
    environment.setenv("ORDERSAGA_MERCHANTS", json.dumps({"default": {"klarna": {"username": "K1"}}}))
    files = {
        "encryption_key": f"2026:{OTHER}\n",
        "database_password": "p@ss/word\n",
        "merchants__default__klarna__password": "from a file",
        "something-else": "not ours",
    }
    # as Kubernetes mounts them: links into a hidden folder
    (tmp_path / "..data").mkdir()
    for name, text in files.items():
        (tmp_path / "..data" / name).write_text(text)
        (tmp_path / name).symlink_to(Path("..data") / name)
    environment.setenv("ORDERSAGA_SECRETS_DIR", str(tmp_path))
    settings = load()
    assert settings.encryption_keys() == {"2026": bytes(32)}
    assert settings.database_url() == "postgresql://saga:p%40ss%2Fword@db/orders"
    klarna = settings.merchants["default"].klarna
    assert klarna is not None
    assert klarna.password.get_secret_value() == "from a file"


def test_a_toml_file_holds_any_of_them_and_the_environment_wins(environment: Environment, tmp_path: Path) -> None:
    environment.delenv("ORDERSAGA_MERCHANTS")
    file = tmp_path / "ordersaga.toml"
    file.write_text(
        """
        lease = 40
        group = "other"
        [waits]
        order = 60
        [merchants.Default.klarna]
        username = "K3"
        password = "x"
        region = "na"
        """
    )
    environment.setenv("ORDERSAGA_CONFIG", str(file))
    environment.setenv("ORDERSAGA_GROUP", "mine")
    settings = load()
    assert (settings.lease, settings.group, settings.waits.order) == (40, "mine", 60)
    klarna = settings.merchants["Default"].klarna
    assert klarna is not None
    assert klarna.region == "na"


def test_each_kind_asks_only_for_what_it_needs(environment: Environment) -> None:
    for name in ("ORDERSAGA_DATABASE", "ORDERSAGA_ENCRYPTION_KEY", "ORDERSAGA_MERCHANTS"):
        environment.delenv(name)
    assert load(KafkaSettings).kafka == "broker:9092"
    environment.delenv("ORDERSAGA_KAFKA")
    environment.setenv("ORDERSAGA_DATABASE", "postgres://db/orders")
    assert load(DatabaseSettings).database_url() == "postgres://db/orders"
    with pytest.raises(SystemExit):
        load(StoreSettings)


def test_former_keys_still_open(environment: Environment) -> None:
    environment.setenv("ORDERSAGA_ENCRYPTION_KEY", f"2:{OTHER}")
    environment.setenv("ORDERSAGA_FORMER_ENCRYPTION_KEYS", base64.b64encode(KEY).decode())
    keys = load().encryption_keys()
    assert list(keys) == ["2", "1"]
    assert keys == {"2": bytes(32), "1": KEY}


def test_kafka_by_tls_and_sasl(environment: Environment, tmp_path: Path) -> None:
    ca = Certificates.made(tmp_path).authority
    environment.setenv("ORDERSAGA_KAFKA_TLS_CA", str(ca))
    environment.setenv("ORDERSAGA_KAFKA_SASL_MECHANISM", "SCRAM-SHA-512")
    environment.setenv("ORDERSAGA_KAFKA_SASL_USERNAME", "saga")
    environment.setenv("ORDERSAGA_KAFKA_SASL_PASSWORD", "secret")
    security = load().kafka_security
    assert security.tls
    assert security.tls_ca == ca
    assert security.sasl_mechanism == "SCRAM-SHA-512"
    assert security.sasl_password is not None
    assert security.sasl_password.get_secret_value() == "secret"


def test_postgres_by_tls(environment: Environment, tmp_path: Path) -> None:
    ca = Certificates.made(tmp_path).authority
    environment.setenv("ORDERSAGA_DATABASE_SSLMODE", "verify-full")
    environment.setenv("ORDERSAGA_DATABASE_TLS_CA", str(ca))
    tls = load().database_tls
    assert (tls.sslmode, tls.tls_ca, tls.tls_cert) == ("verify-full", ca, None)


def test_a_log_level_in_any_case(environment: Environment) -> None:
    environment.setenv("ORDERSAGA_LOG_LEVEL", "debug")
    assert load().log_level == "DEBUG"


SECRETS = ("hunter2", "swordfish", "MDEyMzQ1", "s3same")


def test_secrets_are_shown_nowhere(environment: Environment) -> None:
    environment.setenv("ORDERSAGA_KAFKA_SASL_MECHANISM", "PLAIN")
    environment.setenv("ORDERSAGA_KAFKA_SASL_USERNAME", "saga")
    environment.setenv("ORDERSAGA_KAFKA_SASL_PASSWORD", "s3same")
    settings = load()
    for text in (repr(settings), str(settings), json.dumps(masked(settings)), settings.model_dump_json()):
        assert not [secret for secret in SECRETS if secret in text]
    assert masked(settings)["database"] == "postgresql://saga:***@db:5432/orders"
    assert masked(settings)["merchants"]["default"]["klarna"]["password"] == "**********"


@pytest.mark.parametrize(
    ("url", "password", "masked"),
    [
        ("postgresql://db/orders", None, "postgresql://db/orders"),
        ("postgresql://saga@db/orders?sslmode=require", None, "postgresql://saga@db/orders?sslmode=require"),
        ("postgresql://saga@db/orders", "x", "postgresql://saga:***@db/orders"),
        ("postgresql://a:b%40c@[::1]:1/o", None, "postgresql://a:***@[::1]:1/o"),
    ],
)
def test_a_masked_url_tells_all_but_the_password(
    environment: Environment, url: str, password: str | None, masked: str
) -> None:
    environment.setenv("ORDERSAGA_DATABASE", url)
    if password:
        environment.setenv("ORDERSAGA_DATABASE_PASSWORD", password)
    settings = load(DatabaseSettings)
    assert settings.database_url(masked=True) == masked
    if not password:
        assert settings.database_url() == url


def test_defaults_are_within_their_own_bounds(environment: Environment) -> None:
    settings = load()
    assert Settings.model_validate(settings.model_dump()) == settings
