"""TLS: whom the client trusts, and that nothing is sent before."""

import asyncio
import ssl

import pytest
import trustme

from ordersaga.providers.http import Answer, NotSent

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
