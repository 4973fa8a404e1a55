"""An HTTP MCP server in a thread of the test, which says when it goes on. The name of the tool says what it does.

At /mcp it answers POSTs, as JSON or as a stream; /old is the stream of HTTP+SSE (2024-11-05).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from aiohttp import web

from servers.http_rogue import MIB, answer, event

Write = Callable[[bytes], Awaitable[None]]


class OddServer:
    """`seen` are the frames that came, in their order."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._go = asyncio.Event()
        self._stop = asyncio.Event()
        self._old: web.StreamResponse | None = None
        self._left = threading.Event()
        self._jobs: set[asyncio.Future[None]] = set()

    def go(self) -> None:
        self._loop.call_soon_threadsafe(self._go.set)

    def methods(self) -> list[str]:
        return [frame.get("method", "") for frame in list(self.seen)]

    def left(self) -> bool:
        """Wait until a subscription's stream is closed by its client."""
        return self._left.wait(20)

    # -- in its thread -----------------------------------------------------------------------------------

    def run(self, ready: threading.Event) -> None:
        self._loop.run_until_complete(self._run(ready))

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)

    async def _run(self, ready: threading.Event) -> None:
        app = web.Application(client_max_size=100 * MIB)
        app.add_routes(
            [web.post("/mcp", self._post), web.get("/old", self._greet), web.post("/messages", self._message)]
        )
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        await web.SockSite(runner, listener).start()
        ready.set()
        await self._stop.wait()
        self._go.set()
        await runner.cleanup()

    async def _post(self, request: web.Request) -> web.StreamResponse:
        frame = json.loads(await request.read())
        self.seen.append(frame)
        if "id" not in frame or "method" not in frame:
            if frame.get("method") == "notifications/unanswered":
                await self._stop.wait()
            return web.Response(status=202)
        if frame["method"] == "initialize":
            return web.Response(body=_hello(frame), content_type="application/json")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await self._answer(frame, response.write)
        return response

    async def _greet(self, request: web.Request) -> web.StreamResponse:
        self._old = response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"event: endpoint\ndata: /messages\n\n")
        await self._stop.wait()
        return response

    async def _message(self, request: web.Request) -> web.Response:
        frame = json.loads(await request.read())
        self.seen.append(frame)
        assert self._old is not None
        if "id" in frame and "method" in frame:
            self._jobs.add(asyncio.ensure_future(self._say(frame, self._old)))
        return web.Response(status=202)

    async def _say(self, frame: Any, stream: web.StreamResponse) -> None:
        with contextlib.suppress(ConnectionError):  # its client has left
            await self._answer(frame, stream.write)

    async def _answer(self, frame: Any, write: Write) -> None:
        id, method = frame["id"], frame["method"]
        if method == "initialize":
            await write(event(_hello(frame)))
            return
        if method == "subscriptions/listen":
            await write(event(_notified("subscriptions/acknowledged", {"notifications": {}})))
            await self._go.wait()
            await write(event(_notified("cancelled", {"requestId": id})))
            try:
                await self._stop.wait()
            except asyncio.CancelledError:
                self._left.set()
                raise
        match frame.get("params", {}).get("name", ""):
            case "takes back":  # its own question, which has the id of the client's
                asks = {"jsonrpc": "2.0", "id": id, "method": "sampling/createMessage", "params": {"messages": []}}
                await write(event(json.dumps(asks).encode()) + event(_notified("cancelled", {"requestId": id})))
                await self._go.wait()
            case "held":
                await self._go.wait()
            case "huge":
                await write(event(answer(id, "x" * (2 * MIB))))
                return
        await write(event(answer(id)))


@contextlib.contextmanager
def odd_server() -> Iterator[OddServer]:
    """The server, running."""
    server, ready = OddServer(), threading.Event()
    thread = threading.Thread(target=server.run, args=(ready,), name="odd server")
    thread.start()
    try:
        assert ready.wait(20)
        yield server
    finally:
        server.stop()
        thread.join(20)


def _hello(frame: Any) -> bytes:
    version = frame["params"]["protocolVersion"]
    result = {"protocolVersion": version, "capabilities": {}, "serverInfo": {"name": "odd", "version": "1"}}
    return json.dumps({"jsonrpc": "2.0", "id": frame["id"], "result": result}).encode()


def _notified(what: str, params: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "method": f"notifications/{what}", "params": params}).encode()
