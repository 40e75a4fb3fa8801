"""One ASGI request and its connection."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final

from ordersaga_sandbox.http import BODYLESS_STATUSES, ConnectionDropped, Response

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

ABORT: Final = "ordersaga_sandbox.abort"
"""An ASGI extension of our server: `scope["extensions"][ABORT]["abort"]` closes the connection immediately."""


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
        """The URL by which the client reached us."""
        return f"{self._scope.get('scheme', 'http')}://{self.headers.get(b'host', b'localhost').decode('latin-1')}"

    def header(self, name: bytes) -> str | None:
        """None if it is missing or empty."""
        return self.headers.get(name, b"").decode("latin-1") or None

    async def body(self, max_size: int) -> bytes | None:
        """None if it is larger. It is read to the end even then, so that the client can read our response."""
        message = await self._receive()
        if not message.get("more_body", False):
            body: bytes = message.get("body", b"")
            return body if len(body) <= max_size else None
        parts = [message.get("body", b"")]
        size = len(parts[0])
        while message.get("more_body", False):
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ConnectionDropped
            size += len(message.get("body", b""))
            if size <= max_size:
                parts.append(message.get("body", b""))
        return b"".join(parts) if size <= max_size else None

    async def send(self, response: Response) -> None:
        headers = [*response.headers]
        if response.status not in BODYLESS_STATUSES:
            headers.append((b"content-length", str(len(response.body)).encode()))
        await self._send({"type": "http.response.start", "status": response.status, "headers": headers})
        await self._send(
            {"type": "http.response.body", "body": b"" if response.status in BODYLESS_STATUSES else response.body}
        )

    async def disconnected(self) -> None:
        """Returns when the client has closed the connection."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def drop(self) -> None:
        """Closes the connection without a response. Raises ConnectionDropped if there is no transport (app called in process)."""
        extension = self._scope.get("extensions", {}).get(ABORT)
        if extension is None:
            raise ConnectionDropped
        extension["abort"]()
        await self.disconnected()
