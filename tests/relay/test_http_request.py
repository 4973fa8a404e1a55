"""A request leaves as the library would send it, only in one piece."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientSession
from multidict import CIMultiDict
from yarl import URL

from mcpwatch.relay import http_request, http_upstream
from mcpwatch.relay.http_request import AT_ONCE
from mcpwatch.relay.http_upstream import Unreachable, ask, pool

HEADERS = CIMultiDict({"Content-Type": "application/json", "X-Two": "é", "Accept-Encoding": "identity"})
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Takes requests as bytes. `reads` has one entry a read, `connections` how many there were."""

    def __init__(self, answer: bytes = ANSWER) -> None:
        self.answer = answer
        self.reads: list[bytes] = []
        self.connections = 0
        self.writer: asyncio.StreamWriter | None = None  # of the last connection

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writer = writer
        while data := await reader.read(1 << 20):
            self.reads.append(data)
            head, _, body = b"".join(self.reads).rpartition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
            if len(body) == length:
                writer.write(self.answer)
                if not self.answer:
                    break
        writer.close()


@asynccontextmanager
async def running(server: Server) -> AsyncIterator[URL]:
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    async with listener:
        yield URL(f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/mcp?a=b%20c")


async def sent(server: Server, body: bytes) -> bytes:
    """The bytes of one request, without its address."""
    async with running(server) as url, pool() as http:
        answer = await ask(http, "POST", url, HEADERS, body)
        assert await answer.read() == b"ok"
        return b"".join(server.reads).replace(b"%d" % (url.port or 0), b"PORT")


@pytest.mark.parametrize("size", [1, 100, AT_ONCE, AT_ONCE + 1, 3 << 20])
async def test_the_bytes_are_those_of_the_library(monkeypatch, size):
    body = b"x" * size
    ours = await sent(Server(), body)
    monkeypatch.setattr(http_request, "FITS", False)
    assert ours == await sent(Server(), body)
    assert ours.endswith(b"\r\n\r\n" + body)


async def test_a_small_request_leaves_in_one_piece():
    assert http_request.FITS, "this aiohttp makes responses otherwise; see AsItIs.send"
    server = Server()
    await sent(server, b"x" * 100)
    assert len(server.reads) == 1


async def test_connections_are_used_again():
    server = Server()
    async with running(server) as url, pool() as http:
        for n in range(3):
            answer = await ask(http, "POST", url, HEADERS, b"%d" % n)
            assert await answer.read() == b"ok"
            server.reads.clear()
    assert server.connections == 1


@asynccontextmanager
async def answered_twice(server: Server) -> AsyncIterator[tuple[URL, ClientSession]]:
    """One connection in the pool, on which a second answer has come since it went there."""
    async with running(server) as url, pool() as http:
        answer = await ask(http, "POST", url, HEADERS, b"x")
        assert await answer.read() == b"ok"
        [[(protocol, _)]] = http.connector._conns.values()
        server.writer.write(ANSWER.replace(b"ok", b"no"))
        while not len(protocol._buffer):
            await asyncio.sleep(0)
        server.reads.clear()
        yield url, http


@pytest.mark.parametrize("method, body", [("POST", b"x"), ("POST", b"x" * (AT_ONCE + 1)), ("GET", None)])
async def test_a_second_answer_is_nobody_elses(method, body):
    server = Server()
    async with answered_twice(server) as (url, http):
        answer = await ask(http, method, url, HEADERS, body)
        assert await answer.read() == b"ok"
    assert server.connections == 2


async def test_nothing_is_sent_where_an_answer_is_before_the_request(monkeypatch):
    server = Server()
    monkeypatch.setattr(http_upstream, "CONNECTIONS", 1)
    async with answered_twice(server) as (url, http):
        with pytest.raises(Unreachable, match="before it is asked"):
            await ask(http, "POST", url, HEADERS, b"y")
    assert server.reads == []


async def test_a_server_that_hangs_up_gave_no_answer():
    async with running(Server(answer=b"")) as url, pool() as http:
        with pytest.raises(Unreachable):
            await ask(http, "POST", url, HEADERS, b"x")


async def test_a_header_that_is_more_than_one_is_not_sent():
    server = Server()
    async with running(server) as url, pool() as http:
        with pytest.raises(Unreachable):
            await ask(http, "POST", url, CIMultiDict({"Content-Type": "a", "X": "1\r\nY: 2"}), b"x")
    assert server.reads == []
