"""TLS: whom the client trusts, and that nothing is sent before."""

import asyncio
import ssl
from pathlib import Path

import pytest
import trustme

from ordersaga.providers.http import Answer, Http, NotSent

from .raw import Exchange, client, good, request, serving


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, str]:
    """A server's TLS for 127.0.0.1 and the file of the CA that signed it."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    ca_file = tmp_path_factory.mktemp("tls") / "authority.pem"
    authority.cert_pem.write_to_path(ca_file)
    return context, str(ca_file)


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


async def test_http_2_is_not_spoken_even_if_it_is_offered() -> None:
    """Over one connection, one lost answer would be that of many calls."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with authority.cert_pem.tempfile() as ca_file:
        async with serving(good, tls=context) as server, client(server.port, scheme="https", ca_file=ca_file) as http:
            assert isinstance(await http.send(request(), 2.0), Answer)
            assert server.requests[0].split(b"\r\n")[0].endswith(b" HTTP/1.1")


def joined(folder: Path, ca_file: str) -> Path:
    """Another CA, a comment that isn't UTF-8, and ours under the older name."""
    both = folder / "both.pem"
    ours = Path(ca_file).read_bytes().replace(b" CERTIFICATE", b" X509 CERTIFICATE")
    both.write_bytes(trustme.CA().cert_pem.bytes() + b"# K\xf6ln\n" + ours)
    return both


async def test_a_file_may_hold_several_cas(certificate: tuple[ssl.SSLContext, str], tmp_path: Path) -> None:
    context, ca_file = certificate
    both = joined(tmp_path, ca_file)
    async with serving(good, tls=context) as server, client(server.port, scheme="https", ca_file=str(both)) as http:
        assert isinstance(await http.send(request(), 2.0), Answer)


@pytest.mark.parametrize(
    "content", [None, b"", b"nonsense", b"\xff", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_file_without_certificates_is_refused(content: bytes | None, tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    if content is not None:
        ca_file.write_bytes(content)
    with pytest.raises(ValueError, match="holds no certificates that can be read"):
        Http("https://klarna.example", None, 1, deadline=1.0, ca_file=str(ca_file))


def test_a_system_without_cas_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/dev/null/nothing")
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    with pytest.raises(ValueError, match="the system has no CA certificates: install its package ca-certificates"):
        Http("https://klarna.example", None, 1, deadline=1.0)


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

    async with serving(silent) as server, client(server.port, scheme="https", deadline=0.4) as http:
        assert await http.send(request(), 0.4) == NotSent("connect_timeout")
