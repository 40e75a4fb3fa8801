"""TLS: whom the client trusts, and that nothing is sent before."""

import asyncio
import datetime as dt
import ipaddress
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ordersaga.providers.http import Answer, NotSent

from .raw import Exchange, client, good, request, serving


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, str]:
    """A server's TLS for 127.0.0.1 and the file of the CA that signed it."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert_file, key_file)
    return context, str(cert_file)


async def test_a_certificate_that_nobody_vouches_for_is_refused(certificate: tuple[ssl.SSLContext, str]) -> None:
    async with serving(good, tls=certificate[0]) as server, client(server.port, scheme="https") as http:
        assert await http.send(request(), 2.0) == NotSent("tls")
        assert server.requests == []


async def test_a_ca_can_be_added(certificate: tuple[ssl.SSLContext, str]) -> None:
    context, ca_file = certificate
    async with (
        serving(good, tls=context) as server,
        client(server.port, scheme="https", ca_file=ca_file) as http,
    ):
        assert isinstance(await http.send(request(), 2.0), Answer)


async def test_a_server_without_tls_gets_nothing() -> None:
    async def plain(exchange: Exchange) -> None:
        await exchange.first_byte()
        await exchange.answer(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        exchange.writer.close()

    async with serving(plain) as server, client(server.port, scheme="https") as http:
        assert await http.send(request(), 2.0) == NotSent("tls")


async def test_a_handshake_that_never_ends_sends_nothing() -> None:
    async def silent(exchange: Exchange) -> None:
        await asyncio.sleep(60)

    async with serving(silent) as server, client(server.port, scheme="https") as http:
        assert await http.send(request(), 0.4) == NotSent("connect_timeout")
