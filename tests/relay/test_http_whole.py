"""Answers that leave in one piece are what they would have been in parts."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterator

import pytest
from aiohttp import web
from multidict import CIMultiDict

from mcpwatch.relay.http_events import Events
from mcpwatch.relay.http_whole import AT_ONCE, whole
from servers.gateways import gateway, http_server

BODY = b'{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"plain","arguments":{}}}'


def request(id: int, version: str = "1.1", *lines: str) -> bytes:
    body = BODY % id
    head = [f"POST /srv/mcp HTTP/{version}", "Host: 127.0.0.1", *lines, f"Content-Length: {len(body)}"]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def exchange(port: int, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        line.sendall(data)
        came = b""
        while part := line.recv(1 << 16):
            came += part
        return came


@pytest.fixture(scope="module")
def port(tmp_path_factory) -> Iterator[int]:
    with (
        http_server("http_rogue") as server,
        gateway(tmp_path_factory.mktemp("whole"), {"srv": f"http://127.0.0.1:{server}/mcp"}) as running,
    ):
        yield running.port


def test_one_connection_for_many_calls_and_its_end(port):
    came = exchange(port, request(1) + request(2) + request(3, "1.1", "Connection: close"))
    heads = re.findall(rb"HTTP/1\.1 200 OK\r\n(.*?)\r\n\r\n", came, re.DOTALL)
    assert len(heads) == 3
    assert [int(id) for id in re.findall(rb'"id": ?(\d)', came)] == [1, 2, 3], "in the order they were asked"
    for head in heads:
        assert len(re.findall(rb"(?mi)^date: ", head)) == len(re.findall(rb"(?mi)^content-length: \d+", head)) == 1
        assert b"X-Custom: yes" in head
    assert b"Connection: close" in heads[2]


def test_a_client_of_http_1_0(port):
    came = exchange(port, request(1, "1.0"))
    assert came.startswith(b"HTTP/1.0 200 OK\r\n")
    assert b"chunked" not in came


async def answered(status: int, headers: list[tuple[str, str]], body: bytes, *, chunked: bool) -> bytes:
    """What a client gets for such an answer."""

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        return whole(request, status, CIMultiDict(headers), body, chunked=chunked)

    server = await asyncio.get_running_loop().create_server(web.Server(handler), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    came = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    server.close()
    return came


def parsed(answer: bytes) -> tuple[bytes, list[bytes], bytes]:
    """(status line, header lines, body) of the first of two answers, the body without its chunks."""
    head, _, rest = answer.partition(b"\r\n\r\n")
    line, *headers = head.split(b"\r\n")
    if any(header.lower() == b"transfer-encoding: chunked" for header in headers):
        body = b""
        while (size := int(rest.partition(b"\r\n")[0], 16)) > 0:
            rest = rest.partition(b"\r\n")[2]
            body, rest = body + rest[:size], rest[size + 2 :]
        return line, headers, body
    length = next(int(header[16:]) for header in headers if header.lower().startswith(b"content-length: "))
    return line, headers, rest[:length]


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", [0, 1, 4000, AT_ONCE, AT_ONCE + 1])
@pytest.mark.parametrize("status", [200, 202, 203, 418])
async def test_status_headers_and_body(status, size, chunked):
    sent = [("Content-Type", "text/x"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Raw", "ä\udcff")][
        : 4 - chunked
    ]
    if size > AT_ONCE or status not in (200, 202):
        sent = [pair for pair in sent if pair[1].isascii()]
    line, headers, body = parsed(await answered(status, sent, b"x" * size, chunked=chunked))
    assert line.startswith(b"HTTP/1.1 %d " % status)
    assert body == b"x" * size
    for name, value in sent:
        assert f"{name}: {value}".encode("utf-8", "surrogateescape") in headers
    names = [header.partition(b":")[0].lower() for header in headers]
    assert names.count(b"date") == 1
    assert (b"content-length" in names) + (b"transfer-encoding" in names) == 1


async def test_a_header_that_would_be_two_is_not_sent():
    assert b"evil" not in await answered(200, [("X", "a\r\nevil: 1")], b"x", chunked=False)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_chunk_that_is_one_event(end):
    one = b"event: message" + end + b'data: {"a":1}' + end + end
    assert [event.raw for event in Events(1000).feed(one)] == [one]
    assert len(Events(1000).feed(one + one)) == 2
    assert Events(1000).feed(one[:-1]) == []
    for odd in (b"data: 1\r\rdata: 2\r\n\r\n", b"data: 1\n\r\ndata: 2\r\n\r\n", b"data: 1\n\ndata: 2\r\n\r\n"):
        assert [event.data for event in Events(1000).feed(odd)] == [b"1", b"2"], odd
