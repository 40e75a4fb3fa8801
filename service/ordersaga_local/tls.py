"""Certificates for one loopback server, made on the spot and good for a day."""

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_HOSTS = (x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1")))


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files in PEM. A client trusts `authority`; `keystore` is key and chain in one, as Kafka reads them."""

    authority: Path
    server: Path
    key: Path
    keystore: Path

    @classmethod
    def made(cls, folder: Path) -> Self:
        """A new authority each time: nobody who trusts another one trusts this server."""
        authority_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        authority = _signed("ordersaga local authority", authority_key, None, authority_key)
        server = _signed("localhost", server_key, authority, authority_key)
        files = cls(*(folder / name for name in ("authority.pem", "server.pem", "server.key", "keystore.pem")))
        files.authority.write_bytes(_pem(authority))
        files.server.write_bytes(_pem(server))
        for private in (files.key, files.keystore):
            private.touch(mode=0o600)
        files.key.write_bytes(_private(server_key))
        files.keystore.write_bytes(_private(server_key) + _pem(server) + _pem(authority))
        return files


def _signed(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate | None,
    issuer_key: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    """For the authority itself without `issuer`, else for a server at the loopback's names."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )
    if issuer is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName(_HOSTS), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
