"""The server `everything` over Streamable HTTP, with events that can be resumed; answers as JSON with `--json`.

Prints its port on the first line. `--sse` serves the HTTP+SSE transport of 2024-11-05 at /sse instead.
"""

from __future__ import annotations

import socket
import sys
from typing import Any

import uvicorn
from everything import server
from mcp.server.lowlevel import NotificationOptions
from mcp.server.sse import SseServerTransport
from mcp.server.streamable_http import EventCallback, EventMessage, EventStore
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

CHANGED = NotificationOptions(prompts_changed=True, resources_changed=True, tools_changed=True)


class Events(EventStore):
    """Every event in one list; an event's id is its place there."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []

    async def store_event(self, stream_id: str, message: Any) -> str:
        self.events.append((stream_id, message))
        return str(len(self.events) - 1)

    async def replay_events_after(self, last_event_id: str, send_callback: EventCallback) -> str | None:
        after = int(last_event_id) + 1
        stream = self.events[after - 1][0]
        for n, (of, message) in enumerate(self.events[after:], after):
            if of == stream and message is not None:
                await send_callback(EventMessage(message, str(n)))
        return stream


def over_sse() -> Starlette:
    transport = SseServerTransport("/messages/")

    async def stream(request: Request) -> Response:
        async with transport.connect_sse(request.scope, request.receive, request._send) as (reader, writer):
            await server.run(reader, writer, server.create_initialization_options(CHANGED))
        return Response()

    return Starlette(routes=[Route("/sse", stream), Mount("/messages/", transport.handle_post_message)])


def main() -> None:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    print(listener.getsockname()[1], flush=True)
    if "--sse" in sys.argv:
        app = over_sse()
    else:
        json_response = "--json" in sys.argv
        app = server.streamable_http_app(
            json_response=json_response,
            event_store=None if json_response else Events(),
            retry_interval=50,
            max_request_body_size=64 << 20,
        )
    uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=0)).run([listener])


if __name__ == "__main__":
    main()
