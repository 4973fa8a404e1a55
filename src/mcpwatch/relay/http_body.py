"""The body of a client's request, read whole before it is judged."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

BODY_S: Final = 30.0  # between two parts of a request's body, and before its rate counts
BODY_RATE: Final = 1024
"""Bytes a second that a body must bring from then on: one that comes in drops does not hold its place for ever."""


async def read_body(request: web.BaseRequest, limit: int) -> bytes:
    """The body of a request. Raises an HTTP error for one that is too large or too slow."""
    if (request.content_length or 0) > limit:
        raise web.HTTPRequestEntityTooLarge(limit, request.content_length or 0)
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
    content = request.content
    parts: list[bytes] = []
    size = 0
    begun: float | None = None
    clock = asyncio.get_running_loop().time
    try:
        while not content.at_eof():
            if content.total_bytes > size or content.is_eof():
                part = content.read_nowait(-1)
            else:
                now = clock()
                begun = now if begun is None else begun
                async with asyncio.timeout_at(min(now + BODY_S, begun + BODY_S + size / BODY_RATE)):
                    part = await content.readany()
            parts.append(part)
            size += len(part)
            if size > limit:
                raise web.HTTPRequestEntityTooLarge(limit, size)
    except TimeoutError:
        raise web.HTTPRequestTimeout(text="mcpwatch waited too long for the body") from None
    return parts[0] if len(parts) == 1 else b"".join(parts)
