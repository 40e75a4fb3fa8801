"""One request and its connection, as ASGI gives them."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final

from ordersaga_sandbox.http import BODILESS, Answer, Dropped

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

ABORT: Final = "ordersaga_sandbox.abort"
"""An ASGI extension of our server: `scope["extensions"][ABORT]["abort"]` closes the connection as it stands."""


class Connection:
    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self.method: str = scope["method"]
        self.path: str = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
        self.query: bytes = scope["query_string"]
        self.headers: Mapping[bytes, bytes] = dict(scope["headers"])

    @property
    def base_url(self) -> str:
        """As the client reached us."""
        return f"{self._scope.get('scheme', 'http')}://{self.headers.get(b'host', b'localhost').decode('latin-1')}"

    def header(self, name: bytes) -> str | None:
        """None where it is missing or empty."""
        return self.headers.get(name, b"").decode("latin-1") or None

    async def body(self, most: int) -> bytes | None:
        """None: larger than that; it has been read to its end all the same, so that the client can read our answer."""
        message = await self._receive()
        if not message.get("more_body", False):
            body: bytes = message.get("body", b"")
            return body if len(body) <= most else None
        parts = [message.get("body", b"")]
        size = len(parts[0])
        while message.get("more_body", False):
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Dropped
            size += len(message.get("body", b""))
            if size <= most:
                parts.append(message.get("body", b""))
        return b"".join(parts) if size <= most else None

    async def send(self, answer: Answer) -> None:
        headers = [*answer.headers]
        if answer.status not in BODILESS:
            headers.append((b"content-length", str(len(answer.body)).encode()))
        await self._send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": b"" if answer.status in BODILESS else answer.body})

    async def gone(self) -> None:
        """Returns when the client has closed the connection."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def drop(self) -> None:
        """Closes the connection without an answer. Dropped: there is no transport to close (an app called in process)."""
        extension = self._scope.get("extensions", {}).get(ABORT)
        if extension is None:
            raise Dropped
        extension["abort"]()
        await self.gone()
