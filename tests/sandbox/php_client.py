"""What Klarna's own PHP client, `klarna/kco_rest_php` 4.2.3, sends and requires, by its classes `CURLConnector`,
`ApiResponse`, `ResponseValidator` and `ConnectorException`. It can't be installed from the package indexes that the tests
use, so its requests are written here, byte for byte as PHP's curl sends them.
"""

import json
import socket
from dataclasses import dataclass
from typing import Any, Final, Self

from .shop import JSON

USER_AGENT: Final = (
    "Library/Klarna.kco_rest_php_4.2.3 (CURLConnector/7.88.1; curl/7.88.1) OS/Linux_6.1.0-18-amd64 Language/PHP_8.2.7"
)
_BASIC: Final = {"secret": "c2hvcDpzZWNyZXQ=", "wrong": "c2hvcDp3cm9uZw=="}
"""`shop` with each password, encoded."""
_SECONDS: Final = 10


def json_encode(data: object) -> bytes:
    """As PHP's: ASCII only, and each slash escaped."""
    return json.dumps(data, separators=(",", ":")).replace("/", "\\/").encode()


@dataclass(frozen=True)
class Answer:
    status_line: str
    headers: dict[str, list[str]]
    body: bytes

    @classmethod
    def parsed(cls, received: bytes) -> Self:
        """Names of headers in title case; a line without ": " would be an error, and a second one cut the value."""
        head, _, body = received.partition(b"\r\n\r\n")
        status_line, *lines = head.decode("ascii").split("\r\n")
        headers: dict[str, list[str]] = {}
        for line in lines:
            name, value = line.split(": ")
            headers.setdefault("-".join(part.capitalize() for part in name.split("-")), []).append(value)
        return cls(status_line, headers, body)

    def status(self, expected: int) -> Self:
        assert int(self.status_line.split()[1]) == expected, (self.status_line, self.body)
        return self

    def empty(self) -> Self:
        assert self.body == b""
        return self

    def json(self) -> Any:
        assert any("application/json" in value for value in self.headers["Content-Type"])
        return json.loads(self.body)

    def location(self) -> str:
        return self.headers["Location"][0]

    def error(self, status: int, code: str, *messages: str) -> None:
        """What becomes its ConnectorException."""
        error = self.status(status).json()
        assert error["correlation_id"]
        assert (error["error_code"], error["error_messages"]) == (code, list(messages))


class Connector:
    """Each call on a connection of its own."""

    def __init__(self, url: str, password: str = "secret") -> None:
        self.base_url = url
        host, _, port = url.removeprefix("http://").partition(":")
        self._address = (host, int(port))
        self._password = password

    def get(self, path: str) -> Answer:
        return self._call("GET", path, "")

    def post(self, path: str, data: JSON | list[Any] | None = None, key: str | None = None) -> Answer:
        return self._with_body("POST", path, data, key)

    def patch(self, path: str, data: JSON | list[Any]) -> Answer:
        return self._with_body("PATCH", path, data)

    def delete(self, path: str) -> Answer:
        return self._with_body("DELETE", path, None)

    def _with_body(self, method: str, path: str, data: JSON | list[Any] | None, key: str | None = None) -> Answer:
        """Without data it still announces JSON, of length 0."""
        body = b"" if data is None else json_encode(data)
        headers = "Content-Type: application/json\r\n"
        if key is not None:
            headers += f"Klarna-Idempotency-Key: {key}\r\n"
        return self._call(method, path, f"{headers}Content-Length: {len(body)}\r\n", body)

    def _call(self, method: str, path: str, headers: str, body: bytes = b"") -> Answer:
        """It puts its base URL before the path, whatever the path is."""
        host, port = self._address
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Basic {_BASIC[self._password]}\r\n"
            f"Accept: */*\r\nUser-Agent: {USER_AGENT}\r\n{headers}\r\n"
        )
        with socket.create_connection(self._address, timeout=_SECONDS) as connection:
            connection.sendall(head.encode("ascii") + body)
            return Answer.parsed(_received(connection))


def _received(connection: socket.socket) -> bytes:
    """One response: its head, and as much as its Content-Length says."""
    received = b""
    while (end := received.find(b"\r\n\r\n")) < 0:
        received += _some(connection)
    lengths = [line for line in received[:end].split(b"\r\n") if line.startswith(b"content-length: ")]
    size = end + 4 + (int(lengths[0].split()[1]) if lengths else 0)
    while len(received) < size:
        received += _some(connection)
    assert len(received) == size, "more than one response"
    return received


def _some(connection: socket.socket) -> bytes:
    data = connection.recv(65_536)
    assert data, "the connection was closed in a response"
    return data
