"""The HTTP side of a bridge: one session of one server, and what each request says beside its body."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Final

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from mcpwatch.relay.http_events import TooLarge
from mcpwatch.relay.http_headers import LAST_EVENT, SESSION, VERSION
from mcpwatch.relay.http_types import EVENTS, JSON
from mcpwatch.relay.http_upstream import Unreachable, ask, joined, pool, same_origin
from mcpwatch.relay.oauth_tokens import Fresh

GOODBYE_S: Final = 2.0  # for ending the session
ENDPOINT_S: Final = 15.0  # for an HTTP+SSE server to say where frames are to be sent
_BOTH: Final = f"{JSON}, {EVENTS}"


class BridgedServer:
    """The server at `url`. `own` are headers of every request; where Authorization is not among them, the tokens of
    `mcpwatch login NAME` are sent. `protocol()` is the version the client and the server agreed on, "" before that.

    To be made on the loop, and closed.
    """

    def __init__(self, name: str, url: URL, own: Mapping[str, str], protocol: Callable[[], str]) -> None:
        self._url = url
        self._own = own
        self._protocol = protocol
        self._http = pool()
        self._tokens = None if any(k.lower() == "authorization" for k in own) else Fresh(name, url, self._http)
        self.word: str | None = None  # of the session
        self.endpoint: asyncio.Future[URL] | None = None  # of an HTTP+SSE server (2024-11-05)

    async def post(self, line: bytes, extra: Mapping[str, str]) -> aiohttp.ClientResponse:
        """The answer to a frame, its body unread. Raises `Unreachable`."""
        url = await self._named(self.endpoint) if self.endpoint is not None else self._url
        return await ask(self._http, "POST", url, await self._headers(extra, _BOTH), line.strip())

    async def listen(self, mark: str | None = None) -> aiohttp.ClientResponse:
        """The stream on which the server speaks by itself, or one to be taken up after the event `mark`. Raises
        `Unreachable`."""
        headers = await self._headers({}, EVENTS)
        if mark is not None:
            headers[LAST_EVENT] = mark
        return await ask(self._http, "GET", self._url, headers)

    async def greets(self) -> aiohttp.ClientResponse | None:
        """The stream of a server that speaks HTTP+SSE, where this is one."""
        try:
            response = await self.listen()
        except Unreachable:
            return None
        if response.status >= 300 or EVENTS not in response.headers.get("Content-Type", ""):
            response.close()
            return None
        self.endpoint = asyncio.get_running_loop().create_future()
        return response

    def met(self, data: bytes) -> None:
        """The server has said where frames are to be sent."""
        if self.endpoint is None or self.endpoint.done():
            return
        try:
            url = joined(self._url, data.decode("utf-8", "replace").strip())
        except ValueError:
            url = URL()
        if same_origin(self._url, url):
            self.endpoint.set_result(url)
        else:
            self.endpoint.set_exception(Unreachable("the server names an endpoint on another server"))

    def hung_up(self, why: str = "the server named no endpoint") -> None:
        """An HTTP+SSE server will not say where frames are to be sent, if it has not: its stream has ended."""
        if self.endpoint is not None and not self.endpoint.done():
            self.endpoint.set_exception(Unreachable(why))

    async def _named(self, endpoint: asyncio.Future[URL]) -> URL:
        await asyncio.wait([endpoint], timeout=ENDPOINT_S)
        self.hung_up(f"the server named no endpoint within {ENDPOINT_S:.0f} seconds")
        return endpoint.result()

    async def close(self) -> None:
        """End the session, if there is one."""
        if self.word is not None:
            with contextlib.suppress(Unreachable, TimeoutError):
                async with asyncio.timeout(GOODBYE_S):
                    (await ask(self._http, "DELETE", self._url, await self._headers({}, _BOTH))).close()
        await self._http.close()

    async def _headers(self, extra: Mapping[str, str], accept: str) -> CIMultiDict[str]:
        headers = CIMultiDict(self._own)
        if self._tokens is not None:
            self._tokens.look()
            if self._tokens.due:
                await self._tokens.refresh()
            if token := self._tokens.header():
                headers["Authorization"] = token
        headers.update({"Accept": accept, "Content-Type": JSON, "Accept-Encoding": "identity"})
        if self.word is not None:
            headers[SESSION] = self.word
        if not extra and (protocol := self._protocol()):
            headers[VERSION] = protocol
        headers.update(extra)
        return headers


async def body_of(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """The whole body of an answer. Raises `TooLarge`."""
    parts = []
    size = 0
    async for chunk in response.content.iter_any():
        parts.append(chunk)
        size += len(chunk)
        if size > limit:
            raise TooLarge(f"an answer of more than {limit:,} bytes")
    return b"".join(parts)
