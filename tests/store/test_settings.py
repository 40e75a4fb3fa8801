from collections.abc import Iterator
from pathlib import Path

import pytest

from ordersaga.store.engine import Engine
from ordersaga.store.errors import AccessDeniedError, SettingError, StoreUnavailableError
from ordersaga.store.migrations import upgrade
from ordersaga.store.settings import Database, SslMode
from ordersaga.store.store import Store
from ordersaga.store.vault import Vault
from ordersaga_local.postgres import LocalPostgres, Tls
from ordersaga_local.tls import Certificates

from .factories import claim


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.made(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.made(tmp_path_factory.mktemp("theirs"))


@pytest.fixture(scope="module")
def secured(certificates: Certificates) -> Iterator[LocalPostgres]:
    with LocalPostgres(tls=Tls(certificates, password="right")) as server:
        upgrade(server.url())
        yield server


def bare(server: LocalPostgres) -> str:
    return server.url().partition("?")[0]


async def encrypted(database: Database | str) -> bool:
    engine = Engine(database)
    try:
        async with engine.session("test") as session:
            transport = session._driver._transport  # type: ignore[attr-defined]  # the stubs know the public part only
            return transport.get_extra_info("ssl_object") is not None
    finally:
        await engine.close()


async def test_the_words_of_the_url_are_enough(secured: LocalPostgres, vault: Vault) -> None:
    async with Store(Engine(secured.url()), vault) as store:
        assert (await claim(store)).orders == []
    assert await encrypted(secured.url())


@pytest.mark.parametrize("mode", ["prefer", "require", "verify-ca", "verify-full"])
async def test_settings_do_the_same(secured: LocalPostgres, certificates: Certificates, mode: SslMode) -> None:
    assert await encrypted(Database(url=bare(secured), sslmode=mode, ca=certificates.authority))


@pytest.mark.parametrize("mode", ["prefer", "require"])
async def test_without_an_authority_the_line_is_encrypted_all_the_same(secured: LocalPostgres, mode: SslMode) -> None:
    assert await encrypted(Database(url=bare(secured), sslmode=mode))


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
async def test_a_server_of_another_authority_is_refused(
    secured: LocalPostgres, stranger: Certificates, mode: SslMode
) -> None:
    with pytest.raises(StoreUnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
        await encrypted(Database(url=bare(secured), sslmode=mode, ca=stranger.authority))


async def test_a_server_of_another_name_is_refused_by_verify_full_alone(
    secured: LocalPostgres, certificates: Certificates
) -> None:
    renamed = bare(secured).replace("127.0.0.1", "127.1")  # the same address, and not a name in the certificate
    assert await encrypted(Database(url=renamed, sslmode="verify-ca", ca=certificates.authority))
    with pytest.raises(StoreUnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
        await encrypted(Database(url=renamed, sslmode="verify-full", ca=certificates.authority))


async def test_a_wrong_password_is_told_without_it(secured: LocalPostgres) -> None:
    with pytest.raises(AccessDeniedError, match="password authentication failed") as refused:
        await encrypted(secured.url().replace("right", "s3cret"))
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (Database(url="mysql://localhost/x"), "mysql://"),
        (Database(url="nonsense"), "invalid database URL"),
        (Database(url="postgresql://localhost/x?sslmode=maybe"), "'maybe' isn't one of disable, prefer"),
        (Database(url="postgresql://localhost/x?pool=3"), "unknown parameters in the database URL: pool"),
        (Database(url="postgresql://h/x", sslmode="verify-full", ca=Path("/absent.pem")), "/absent.pem"),
        (Database(url="postgresql://h/x", sslmode="require", certificate=Path("/absent.pem")), "/absent.pem"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(given: Database, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        Engine(given)


def test_neither_password_nor_user_shows() -> None:
    database = Database(url="postgresql://ada:s3cret@db:5433/shop")
    assert "s3cret" not in repr(database)
    assert database.where() == "db:5433/shop"
