"""Reads the body of a request, within bounds."""

import asyncio

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request


class Room:
    """Memory for bodies, shared by requests. `most`: bytes."""

    def __init__(self, most: int) -> None:
        self.left = most

    def take(self, size: int) -> None:
        """Negative: gives it back."""
        self.left -= size


async def read_body(request: Request, most_bytes: int, seconds: float, room: Room | None = None) -> bytes:
    """Raises HTTPException with 413, 408, or 503 if there is no more room. The caller gives the room of the body back."""
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                _add(body, chunk, most_bytes, room)
    except (TimeoutError, ClientDisconnect) as error:
        _give_back(body, room)
        raise HTTPException(408) from error
    except BaseException:  # also when cancelled: others may have the room
        _give_back(body, room)
        raise
    return bytes(body)


def _add(body: bytearray, chunk: bytes, most_bytes: int, room: Room | None) -> None:
    if len(body) + len(chunk) > most_bytes:
        raise HTTPException(413)
    if room is not None and room.left < len(chunk):
        raise HTTPException(503)
    body += chunk
    if room is not None:
        room.take(len(chunk))


def _give_back(body: bytearray, room: Room | None) -> None:
    if room is not None:
        room.take(-len(body))
