"""How long a request's body may take: gaps are bounded, and so is the whole of one that comes in drops."""

from __future__ import annotations

import asyncio

from aiohttp import web

from mcpwatch.relay import http_body


async def upload(count: int, part: bytes, every_s: float) -> bytes:
    """The status line for a body that comes in so many parts, or for as many of them as were waited for."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        try:
            body = await http_body.read_body(request, 1 << 20)
        except web.HTTPException as error:
            return web.Response(status=error.status, text=error.text)
        return web.Response(text=str(len(body)))

    server = web.Server(handle)
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.sockets[0].getsockname()[1])
    answer = asyncio.ensure_future(reader.readline())
    try:
        writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (count * len(part)))
        for _ in range(count):
            writer.write(part)
            if (await asyncio.wait([answer], timeout=every_s))[0]:
                break
        return await asyncio.wait_for(answer, 30)
    finally:
        writer.close()
        listener.close()
        await server.shutdown(0)


def test_a_body_in_drops_is_let_go(monkeypatch):
    """No gap is too long, yet it would go on for a minute."""
    monkeypatch.setattr(http_body, "BODY_S", 1.0)
    assert b" 408 " in asyncio.run(upload(3000, b"x", 0.02))


def test_a_body_that_stops_is_let_go(monkeypatch):
    monkeypatch.setattr(http_body, "BODY_S", 0.2)
    assert b" 408 " in asyncio.run(upload(2, b"x" * 8192, 30))


def test_a_slow_upload_gets_through(monkeypatch):
    """Longer than the first bytes may take, and faster than the least rate."""
    monkeypatch.setattr(http_body, "BODY_S", 2.0)
    assert b" 200 " in asyncio.run(upload(50, b"x" * 1024, 0.05))
