"""What servers reached over HTTP say to a client without credentials: whether they want a login first."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from mcpwatch.protocol.replies import hello
from mcpwatch.relay.http_headers import SESSION, VERSION
from mcpwatch.relay.http_upstream import Unreachable, ask, checked_url, pool

WAIT_S: Final = 15.0  # for one server
_LOGIN: Final = "it wants a login, which by OAuth holds for its own address only: see `mcpwatch login --help`"
_BOTH: Final = "application/json, text/event-stream"


def answers(urls: Iterable[str]) -> dict[str, str]:
    """address → "" when the server lets anyone in, else a reason to leave it alone. Asks them all at once."""
    return asyncio.run(_all(list(dict.fromkeys(urls))))


async def _all(urls: list[str]) -> dict[str, str]:
    async with pool() as http:
        return dict(zip(urls, await asyncio.gather(*(_one(http, url) for url in urls)), strict=True))


async def _one(http: aiohttp.ClientSession, url: str) -> str:
    try:
        async with asyncio.timeout(WAIT_S):
            return await _asked(http, checked_url(url))
    except TimeoutError:
        return f"it did not answer within {WAIT_S:.0f} seconds"
    except (Unreachable, ValueError) as error:
        return str(error)


async def _asked(http: aiohttp.ClientSession, url: URL) -> str:
    """A first message as a client would send it; then, for a server of 2024-11-05, a stream."""
    status = 0
    for method, data in (("POST", hello("mcpwatch wrap")), ("GET", None)):
        headers = CIMultiDict({"Accept": _BOTH, "Accept-Encoding": "identity", "Content-Type": "application/json"})
        if data is None:
            del headers["Content-Type"]
        answer = await ask(http, method, url, headers, data)
        status, session = answer.status, answer.headers.get(SESSION)
        answer.close()
        if status in (401, 403):
            return _LOGIN
        if status < 300:
            if session is not None:
                goodbye = CIMultiDict({SESSION: session, VERSION: "2025-11-25"})
                (await ask(http, "DELETE", url, goodbye)).close()
            return ""
    return f"it does not answer as an MCP server does (HTTP status {status})"
