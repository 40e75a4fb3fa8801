"""How to connect to Kafka."""

import asyncio
import ssl
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Any, Literal, assert_never

from aiokafka.abc import AbstractTokenProvider  # type: ignore[import-untyped]  # it ships no types
from faststream.kafka.security import parse_security
from faststream.security import BaseSecurity, SASLOAuthBearer, SASLPlaintext, SASLScram256, SASLScram512

SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """`bootstrap`: `host:port,host:port`. `tls_ca` None: the system's certificates.

    The token of OAUTHBEARER is read from its file again for each connection.
    """

    bootstrap: str
    _: KW_ONLY
    client_id: str = "ordersaga"
    tls: bool = False
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    sasl_mechanism: SaslMechanism | None = None
    sasl_username: str = ""
    sasl_password: str = field(default="", repr=False)
    sasl_token_file: Path | None = None

    def __post_init__(self) -> None:
        if self.sasl_mechanism == "OAUTHBEARER" and self.sasl_token_file is None:
            raise ValueError("Kafka: SASL OAUTHBEARER needs a token file")
        if self.sasl_mechanism not in {None, "OAUTHBEARER"} and not self.sasl_username:
            raise ValueError(f"Kafka: SASL {self.sasl_mechanism} needs a user name and a password")

    @property
    def brokers(self) -> list[str]:
        return [broker.strip() for broker in self.bootstrap.split(",") if broker.strip()]


def security_of(settings: KafkaSettings) -> BaseSecurity:
    """For FastStream. Raises OSError or ssl.SSLError if a certificate or key can't be read."""
    context = _tls_context(settings) if settings.tls else None
    user, password = settings.sasl_username, settings.sasl_password
    match settings.sasl_mechanism:
        case None:
            return BaseSecurity(context, settings.tls)
        case "PLAIN":
            return SASLPlaintext(user, password, context, settings.tls)
        case "SCRAM-SHA-256":
            return SASLScram256(user, password, context, settings.tls)
        case "SCRAM-SHA-512":
            return SASLScram512(user, password, context, settings.tls)
        case "OAUTHBEARER":
            return SASLOAuthBearer(context, settings.tls)
        case unknown:
            assert_never(unknown)


def client_options(settings: KafkaSettings) -> dict[str, Any]:
    """For any client of aiokafka. Raises what `security_of` raises."""
    return {
        "bootstrap_servers": settings.brokers,
        "client_id": settings.client_id,
        "sasl_oauth_token_provider": token_provider(settings),
        **parse_security(security_of(settings)),
    }


def token_provider(settings: KafkaSettings) -> AbstractTokenProvider | None:
    return _TokenFile(settings.sasl_token_file) if settings.sasl_token_file else None


def _tls_context(settings: KafkaSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.tls_ca)
    if settings.tls_cert is not None:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    return context


class _TokenFile(AbstractTokenProvider):  # type: ignore[misc]  # its base has no types
    def __init__(self, path: Path) -> None:
        self._path = path

    async def token(self) -> str:
        return (await asyncio.to_thread(self._path.read_text)).strip()
