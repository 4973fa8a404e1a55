"""Room for connections: as many descriptors as the system gives, and only as many clients as leave some for servers.

A loop that runs out of descriptors while it accepts tries again at once, once for each connection that may wait, and
logs each time.
"""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Any, Final

from aiohttp import web

try:
    import resource
except ImportError:  # Windows, where connections take no descriptors
    resource = None  # type: ignore[assignment]

WANTED: Final = (65_536, 10_240)  # the first that may be had; macOS gives no more than the second
SPARE: Final = 64  # descriptors for all that is no connection, and for those that are being closed
AT_ONCE: Final = 8  # connections accepted before the loop comes to what else there is
WAITING: Final = 1024  # connections that the system keeps until they are accepted


def clients_most() -> int:
    """How many connections of clients there is room for, with one to a server for each. Takes what room there is."""
    if resource is None:
        return WANTED[0] // 2
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in WANTED:
        more = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        if soft == resource.RLIM_INFINITY or soft >= more:
            break
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (more, hard))
        except (OSError, ValueError):
            continue
        soft = more
    available = WANTED[0] if soft == resource.RLIM_INFINITY else soft
    return max(1, (available - SPARE) // 2)


class Bounded(web.Server):
    """A server that closes a connection at once when there is no room for it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._most = clients_most()

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        if len(self.connections) > self._most:
            transport.abort()


async def listening(server: web.Server, host: str, port: int) -> asyncio.Server:
    """The server on this address. Raises OSError."""
    # asyncio takes one number for both: how many may wait, and how many it accepts without a pause.
    listener = await asyncio.get_running_loop().create_server(server, host, port, backlog=AT_ONCE)
    for each in listener.sockets:
        with socket.socket(fileno=os.dup(each.fileno())) as same:
            same.listen(WAITING)
    return listener
