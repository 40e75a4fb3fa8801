"""HTTP as the adapters need it: one request, one attempt, one answer. The only user of the HTTP client."""

import re
import ssl
from datetime import timedelta
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from msgspec import Struct
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import (
    BuilderError,
    DecodeError,
    DetailedPyreqwestError,
    PoolTimeoutError,
    RequestError,
    RequestTimeoutError,
)
from pyreqwest.request import StreamRequest
from pyreqwest.response import Response

from ordersaga.domain.model.order import Request

Unsent = Literal["dns", "refused", "tls", "connect_timeout", "no_connection", "not_a_request"]
Cut = Literal["disconnected", "deadline", "protocol", "too_large"]

_KEEP_ALIVE: Final = timedelta(seconds=15)  # less than load balancers allow: a kept connection is seldom a dead one
_CONNECT_SHARE: Final = 0.5  # of the deadline; a request that couldn't leave by then is better tried again than lost
_MOST_BYTES: Final = 8 * 2**20
_CONNECTING: Final = "client error (Connect)"
"""One of the causes when no connection was made. The classes of the errors don't tell: all are of connecting."""
_DIGITS: Final = 18
_REWRITTEN: Final = re.compile(r"^(?!/)|[\\#\x00-\x20\x7f]|^[^?]*/(?:\.|%2e){1,2}(?:[/?]|$)", re.IGNORECASE)
"""What the client would resolve, cut off or leave out, and so ask for another path, or another host."""
_PEM: Final = "-----BEGIN CERTIFICATE-----{}-----END CERTIFICATE-----\n"
_CERTIFICATE: Final = re.compile(
    r"-----BEGIN (?P<label>CERTIFICATE|X509 CERTIFICATE)-----(?P<base64>.+?)-----END (?P=label)-----", re.DOTALL
)


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


class Http:
    """A pool of at most `connections` to one host, with one account's credentials."""

    def __init__(
        self,
        base_url: str,
        authorization: str | None,
        connections: int,
        *,
        deadline: float,
        ca_file: str | None = None,
        most_bytes: int = _MOST_BYTES,
    ) -> None:
        """`authorization`: the value of the header; None: there is none. `ca_file`: CAs to trust besides the system's.

        `deadline`: what a request usually has, in seconds; one that has no connection after half of it isn't sent.
        ValueError: bad URL or file.
        """
        self._base = _checked(base_url)
        self._most_bytes = most_bytes
        self._client = _client(authorization, connections, ca_file, timedelta(seconds=deadline * _CONNECT_SHARE))

    async def send(self, request: Request, deadline: float, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
        """Sends it once and reads the answer, within `deadline` seconds in all.

        Cancelled, it is given up here, and by the client only at its deadline: until then it keeps its connection.
        """
        body = request.body.encode()
        given = (*headers, ("Content-Type", "application/json")) if body else headers
        return await self.send_bytes(request.method, request.path, body, deadline, given)

    async def send_bytes(
        self, method: str, path: str, body: bytes, deadline: float, headers: tuple[tuple[str, str], ...] = ()
    ) -> Reply:
        """The same for a body that is passed on as it is. `path`: below the base URL, with the query. Headers: ASCII."""
        if deadline <= 0:
            return NotSent("no_connection")
        try:
            request = self._request(method, path, body, deadline, headers)
        except ValueError:
            return NotSent("not_a_request")
        try:
            async with request as response:
                return await self._answer(response)
        except RequestError as error:
            return _failed(error)

    async def close(self) -> None:
        await self._client.close()

    def _request(
        self, method: str, path: str, body: bytes, deadline: float, headers: tuple[tuple[str, str], ...]
    ) -> StreamRequest:
        if not all(value.isascii() for _, value in headers) or _REWRITTEN.search(path):
            raise ValueError("the client would send something else")
        builder = self._client.request(method, self._base + path).headers(headers).timeout(timedelta(seconds=deadline))
        return (builder.body_bytes(body) if body else builder).build_streamed()

    async def _answer(self, response: Response) -> Answer | Lost:
        headers = _headers(response)
        if (length := _length(headers)) is not None:
            if length > self._most_bytes:
                return Lost("too_large")
            return Answer(response.status, headers, bytes(await response.bytes()))
        body = bytearray()
        while (chunk := await response.body_reader.read_chunk()) is not None:
            if len(body) + len(chunk) > self._most_bytes:
                return Lost("too_large")
            body += chunk
        return Answer(response.status, headers, bytes(body))


def _length(headers: dict[str, str]) -> int | None:
    """Of the body, if it is certain: another coding of the transfer overrides it, and not all that gets through is a number."""
    length = headers.get("content-length", "")
    plain = length.isascii() and length.isdigit() and len(length) <= _DIGITS
    return int(length) if plain and "transfer-encoding" not in headers else None


def _headers(response: Response) -> dict[str, str]:
    """Without those that aren't ASCII: none that we read."""
    try:
        return dict(response.headers)
    except ValueError:
        return {name: value for name in response.headers if (value := _header(response, name)) is not None}


def _header(response: Response, name: str) -> str | None:
    try:
        return response.get_header(name)
    except ValueError:
        return None


def _client(authorization: str | None, connections: int, ca_file: str | None, connect: timedelta) -> Client:
    """It sends nothing twice, follows nothing, decompresses nothing and knows no proxy."""
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    if authorization is not None:
        headers["Authorization"] = authorization
    builder = ClientBuilder().http1_only().no_proxy().follow_redirects(enable=False)
    builder = builder.gzip(enable=False).brotli(enable=False).zstd(enable=False).deflate(enable=False)
    builder = builder.user_agent("ordersaga").default_headers(headers)
    builder = builder.max_connections(connections).pool_timeout(connect).connect_timeout(connect)
    builder = builder.pool_max_idle_per_host(connections).pool_idle_timeout(_KEEP_ALIVE)
    for certificate in () if ca_file is None else _certificates(ca_file):
        builder = builder.add_root_certificate_pem(certificate.encode())
    try:
        return builder.build()
    except BuilderError as error:
        raise ValueError(
            "the HTTP client can't be set up, most likely as the system has no CA certificates: install its package "
            f"ca-certificates, or name a file in SSL_CERT_FILE ({_causes(error)[-1]})"
        ) from error


def _certificates(ca_file: str) -> list[str]:
    """The client takes one at a time, and nonsense for none. Comments may be of any encoding."""
    try:
        ssl.create_default_context(cafile=ca_file)
        content = Path(ca_file).read_text("latin-1")
    except OSError as error:
        raise ValueError(f"ca_file {ca_file!r} holds no certificates that can be read: {error.strerror}") from error
    found = [_PEM.format(one["base64"]) for one in _CERTIFICATE.finditer(content)]
    if not found:
        raise ValueError(f"ca_file {ca_file!r} holds no certificates that can be read: none BEGINs with CERTIFICATE")
    return found


def _checked(base_url: str) -> str:
    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("base_url must begin with https:// (or http://) and name a host")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("base_url must hold no credentials, query or fragment")
    return base_url.rstrip("/")


def _failed(error: RequestError) -> NotSent | Lost:
    """Lost, unless the client says that it had no connection."""
    causes = _causes(error)
    late = isinstance(error, RequestTimeoutError)
    if isinstance(error, PoolTimeoutError) or (late and _CONNECTING in causes):
        return NotSent("connect_timeout")
    if _CONNECTING in causes:
        return NotSent("dns" if "dns error" in causes else "refused" if "tcp connect error" in causes else "tls")
    if late:
        return Lost("deadline")
    return Lost("protocol" if isinstance(error, DecodeError) else "disconnected")


def _causes(error: DetailedPyreqwestError) -> list[str]:
    """The outermost first."""
    return [cause["message"] for cause in error.details["causes"] or ()] or [error.message]
