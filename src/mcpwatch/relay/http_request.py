"""A request as it leaves for a server: without headers of the library's own, and, when it is small, in one piece."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any, Final

import aiohttp
from aiohttp import hdrs
from aiohttp.connector import Connection
from aiohttp.http import StreamWriter

AT_ONCE: Final = 1 << 16
"""Bytes of a body that a server's connection takes without being waited for."""

_OF_A_RESPONSE: Final = {"self", "method", "url"} | {
    *("writer", "continue100", "timer", "request_info", "traces", "loop", "session", "stream_writer")
}
FITS: Final = set(inspect.signature(aiohttp.ClientResponse.__init__).parameters) == _OF_A_RESPONSE
"""Whether this aiohttp makes a response of what `AsItIs.send` gives it. Where not, it sends every request itself."""


class Unasked(aiohttp.ClientConnectionError):
    """A connection was not used: the server said something on it before it was asked. What a second answer to the
    last request is would be taken for the answer to this one, and so on with all that follow."""


class AsItIs(aiohttp.ClientRequest):
    """Says once which headers are the library's, where it would work that out for each, and writes a small body with
    its head, where it would have a task write it: 25 µs a call. Never on a connection with an answer in it."""

    _small = b""

    def update_auto_headers(self, skip_auto_headers: Iterable[str] | None) -> None:
        if "Content-Type" not in self.headers:
            super().update_auto_headers(skip_auto_headers)

    def update_body_from_data(self, body: Any, *more: Any) -> None:
        if FITS and type(body) is bytes and len(body) <= AT_ONCE:
            self._small = body
            self.headers[hdrs.CONTENT_LENGTH] = str(len(body))
        else:
            super().update_body_from_data(body, *more)

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        small, protocol = self._small, conn.protocol
        if protocol is not None and protocol.should_close:
            raise Unasked("the server answered before it was asked")
        if not small:
            return await super().send(conn)
        if protocol is None or protocol.writing_paused or self.proxy:
            super().update_body_from_data(small)
            return await super().send(conn)
        writer = StreamWriter(protocol, self.loop)
        await writer.write_headers(f"{self.method} {self.url.raw_path_qs} HTTP/1.1", self.headers)
        await writer.write_eof(small)
        protocol.start_timeout()
        response = self.response_class(
            self.method,
            self.original_url,
            writer=None,
            continue100=None,
            timer=self._timer,
            request_info=self.request_info,
            traces=[],
            loop=self.loop,
            session=self._session,
            stream_writer=writer,
        )
        self.response = response  # type: ignore[assignment] # declared as None
        return response
