"""HTTP as the adapters need it: one request, one attempt, one answer. The only user of the HTTP client.

`httpx` requests go straight to its aiohttp transport, past the layers of `httpx.AsyncClient` (redirects, cookies,
authentication, event hooks): none of them is wanted, and together they cost more than the request.
"""

import asyncio
import ssl
from contextvars import ContextVar
from functools import lru_cache
from typing import Final, Literal
from urllib.parse import urlsplit

import aiohttp
import httpx
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from httpx_aiohttp import AiohttpTransport
from msgspec import Struct

from ordersaga.domain.model.order import Request

Unsent = Literal["dns", "refused", "tls", "connect_timeout", "no_connection", "not_a_request"]
Cut = Literal["disconnected", "deadline", "protocol", "too_large"]

_KEEP_ALIVE: Final = 15.0  # seconds; less than a load balancer allows, so that a kept connection is seldom a dead one
_CONNECT_SHARE: Final = 0.5  # of the deadline; a request that couldn't leave by then is better tried again than lost
_MOST_BYTES: Final = 8 * 2**20


class Answer(Struct, frozen=True):
    """A whole answer. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes = b""


class NotSent(Struct, frozen=True):
    """Certainly no byte of the request left the machine."""

    reason: Unsent


class Lost(Struct, frozen=True):
    """The request, or part of it, may have left; there is no whole answer."""

    reason: Cut


Reply = Answer | NotSent | Lost


class _Trip:
    """One request's way: has it been given a connection?"""

    __slots__ = ("departed",)

    def __init__(self) -> None:
        self.departed = False


_TRIP: Final[ContextVar[_Trip]] = ContextVar("ordersaga_http_trip")


class _SecondAttemptError(aiohttp.ClientConnectionError):
    """The client was about to send a request again."""


class _OneAttempt(aiohttp.TCPConnector):
    """Gives each request one connection: aiohttp would send GET, PUT and DELETE again when a kept one breaks.

    It also is the watershed between "not sent" and "lost", for nothing is written without a connection.
    """

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the overridden method's parameter
    ) -> Connection:
        trip = _TRIP.get()
        if trip.departed:
            raise _SecondAttemptError
        connection = await super().connect(req, traces, timeout)
        trip.departed = True
        return connection


class Http:
    """A pool of at most `connections` to one host, with one account's credentials. Make and use it in one event loop."""

    def __init__(
        self,
        base_url: str,
        authorization: str | None,
        connections: int,
        *,
        ca_file: str | None = None,
        most_bytes: int = _MOST_BYTES,
    ) -> None:
        """`authorization`: the value of the header; None: there is none. `ca_file`: a CA to trust besides the public ones.

        ValueError: bad URL or file.
        """
        self._base = _checked(base_url)
        self._context = _context(ca_file)
        self._authorization = authorization
        self._connections = connections
        self._most_bytes = most_bytes
        self._transport = AiohttpTransport(verify=self._context, trust_env=False, client=self._session)

    async def send(self, request: Request, deadline: float, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
        """Sends it once and reads the answer, within `deadline` seconds in all."""
        body = request.body.encode()
        given = (*headers, ("Content-Type", "application/json")) if body else headers
        return await self.send_bytes(request.method, request.path, body, deadline, given)

    async def send_bytes(
        self, method: str, path: str, body: bytes, deadline: float, headers: tuple[tuple[str, str], ...] = ()
    ) -> Reply:
        """The same for a body that is passed on as it is. `path`: below the base URL, with the query. Headers: ASCII."""
        if deadline <= 0:
            return NotSent("no_connection")
        trip = _Trip()
        token = _TRIP.set(trip)
        try:
            async with asyncio.timeout(deadline):
                return await self._exchange(_prepared(method, self._base + path, body, headers, deadline))
        except _TooLargeError:
            return Lost("too_large")
        except (httpx.TransportError, httpx.InvalidURL, aiohttp.ClientError, OSError, UnicodeError) as error:
            return _lost(error) if trip.departed else _not_sent(error)
        finally:
            _TRIP.reset(token)

    async def close(self) -> None:
        await self._transport.aclose()

    async def _exchange(self, request: httpx.Request) -> Answer:
        response = await self._transport.handle_async_request(request)
        stream = response.stream
        assert isinstance(stream, httpx.AsyncByteStream)
        try:
            body = await self._body(stream)
        except BaseException:  # also when cancelled: the connection isn't used again
            await stream.aclose()
            raise
        # read to its end, the answer has given its connection back by itself
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers.raw}
        return Answer(response.status_code, headers, body)

    async def _body(self, stream: httpx.AsyncByteStream) -> bytes:
        chunks: list[bytes] = []
        size = 0
        async for chunk in stream:
            size += len(chunk)
            if size > self._most_bytes:
                raise _TooLargeError
            chunks.append(chunk)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=_OneAttempt(limit=self._connections, keepalive_timeout=_KEEP_ALIVE, ssl=self._context),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={
                **({} if self._authorization is None else {"Authorization": self._authorization}),
                "Accept": "application/json",
                "Accept-Encoding": "identity",  # so that the bound on the answer's size is the bound on memory
                "User-Agent": "ordersaga",
            },
            skip_auto_headers=("Content-Type",),
            auto_decompress=False,
            trust_env=False,
            timeout=aiohttp.ClientTimeout(total=None),
        )


class _TooLargeError(Exception):
    """The answer is larger than we read."""


@lru_cache(maxsize=16)
def _context(ca_file: str | None) -> ssl.SSLContext:
    """Reading the CAs takes some 20 ms: once for all accounts."""
    context = httpx.create_ssl_context(trust_env=False)
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except OSError as error:
            raise ValueError(f"ca_file {ca_file!r} holds no certificates that can be read: {error.strerror}") from error
    return context


def _checked(base_url: str) -> str:
    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("base_url must begin with https:// (or http://) and name a host")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("base_url must hold no credentials, query or fragment")
    return base_url.rstrip("/")


def _prepared(
    method: str, url: str, body: bytes, headers: tuple[tuple[str, str], ...], deadline: float
) -> httpx.Request:
    """`stream` instead of `content` keeps httpx from working out headers that aiohttp sets anyway."""
    prepared = httpx.Request(
        method,
        url,
        headers=httpx.Headers(list(headers), encoding="ascii"),
        stream=httpx.ByteStream(body),
        extensions={"timeout": {"pool": deadline * _CONNECT_SHARE}},
    )
    prepared.read()
    return prepared


def _cause(error: Exception) -> BaseException:
    """The client's error behind httpx's, which tells more. The deadline's own error stands for itself."""
    return error if isinstance(error, TimeoutError) else error.__cause__ or error


def _not_sent(error: Exception) -> NotSent:
    match _cause(error):
        case aiohttp.ClientConnectorDNSError():
            return NotSent("dns")
        case aiohttp.ClientConnectorSSLError() | aiohttp.ClientConnectorCertificateError() | ssl.SSLError():
            return NotSent("tls")
        case TimeoutError():
            return NotSent("connect_timeout")
        case aiohttp.ClientConnectorError():
            return NotSent("refused")
        case httpx.InvalidURL() | aiohttp.InvalidURL() | UnicodeError():  # the last one: a host that can't be encoded
            return NotSent("not_a_request")
        case _:
            return NotSent("no_connection")


def _lost(error: Exception) -> Lost:
    match _cause(error):
        case aiohttp.ClientResponseError() | aiohttp.ClientPayloadError():
            return Lost("protocol")
        case TimeoutError():
            return Lost("deadline")
        case _:
            return Lost("disconnected")
