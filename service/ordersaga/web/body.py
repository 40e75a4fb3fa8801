"""Reads the body of a request, within bounds."""

import asyncio

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request


async def read_body(request: Request, most_bytes: int, seconds: float) -> bytes:
    """Raises HTTPException with 413 or 408."""
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most_bytes:
                    raise HTTPException(413)
    except (TimeoutError, ClientDisconnect) as error:
        raise HTTPException(408) from error
    return bytes(body)
