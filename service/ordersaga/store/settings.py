"""How to connect to Postgres: a URL with libpq's TLS parameters, or the same as separate settings."""

import ssl
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal, Self, get_args

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from ordersaga.store.errors import SettingError

SslMode = Literal["disable", "prefer", "require", "verify-ca", "verify-full"]
_TLS_PARAMETERS: Final = {"sslmode": "sslmode", "sslrootcert": "ca", "sslcert": "certificate", "sslkey": "key"}
_DRIVERS: Final = frozenset({"postgresql", "postgres", "postgresql+asyncpg"})


_PLANS: Final = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}
"""Rows are accessed by key: plan once, and so that a plan made for empty tables is right for large ones too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """Times are in seconds. `url` may contain the password, so it isn't in the repr. Its TLS parameters override the fields."""

    url: str = field(repr=False)
    sslmode: SslMode = "prefer"
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    pool_size: int = 8
    pool_wait: float = 30.0
    connect_timeout: float = 10.0
    statement_timeout: float = 30.0
    application_name: str = "ordersaga"

    def checked(self) -> Self:
        """With the parameters of the URL. Raises SettingError."""
        found = self._with_parameters_of_url()
        if found.sslmode not in get_args(SslMode):
            raise SettingError(f"database sslmode {found.sslmode!r} isn't one of {', '.join(get_args(SslMode))}")
        return found

    def arguments(self) -> dict[str, Any]:
        """For asyncpg.connect."""
        url = self._parsed()
        return {
            "host": url.host,
            "port": url.port,
            "user": url.username,
            "password": url.password,
            "database": url.database,
            "ssl": self._tls(),
            "timeout": self.connect_timeout,
            "command_timeout": self.statement_timeout + 5,  # for a server that vanished without closing the connection
            "server_settings": {"application_name": self.application_name, "timezone": "UTC"},
        }

    def session_settings(self) -> str:
        """The statements that prepare a new session. (As parameters of the connection, poolers would refuse them.)"""
        milliseconds = str(int(self.statement_timeout * 1000))
        settings = {
            "statement_timeout": milliseconds,
            "idle_in_transaction_session_timeout": milliseconds,
            "jit": "off",  # compiling takes longer than running any of our statements
            **_PLANS,
        }
        return "; ".join(f"SET {name} = '{value}'" for name, value in settings.items())

    def where(self) -> str:
        """For messages: without user and password."""
        url = self._parsed()
        return f"{url.host or 'the default host'}:{url.port or 5432}/{url.database or ''}"

    def _parsed(self) -> URL:
        try:
            url = make_url(self.url)
        except (ArgumentError, ValueError):
            raise SettingError("invalid database URL; it should be like postgresql://user@host:5432/name") from None
        if url.drivername not in _DRIVERS:
            raise SettingError(f"the database URL begins with {url.drivername}://; it must begin with postgresql://")
        return url

    def _with_parameters_of_url(self) -> Self:
        parameters = self._parsed().query
        unknown = sorted(parameters.keys() - _TLS_PARAMETERS.keys())
        if unknown:
            raise SettingError(f"unknown parameters in the database URL: {', '.join(unknown)}")
        given: dict[str, Any] = {
            _TLS_PARAMETERS[name]: str(value) if name == "sslmode" else Path(str(value))
            for name, value in parameters.items()
        }
        return replace(self, **given)

    def _tls(self) -> ssl.SSLContext | str | bool:
        match self.sslmode:
            case "disable":
                return False
            case "prefer" if self.ca is None and self.certificate is None:
                return "prefer"
            case _:
                return self._context()

    def _context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.certificate is not None:
                context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            files = ", ".join(str(file) for file in (self.ca, self.certificate, self.key) if file)
            raise SettingError(f"database TLS files can't be used ({files}): {error}") from error
        context.check_hostname = self.sslmode == "verify-full"
        if self.sslmode in {"prefer", "require"} and self.ca is None:
            context.verify_mode = ssl.CERT_NONE
        return context
