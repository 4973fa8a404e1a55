"""A fast MCP server over HTTP for the benchmark: `python http_stub.py PORT [--sse]`. Answers tools/call at once."""

from __future__ import annotations

import asyncio
import re
import sys

ID = re.compile(rb'"id":\s*(-?\d+|"[^"]*")')
LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
SSE = "--sse" in sys.argv
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


class Stub(asyncio.Protocol):
    made = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.data = b""

    def data_received(self, data: bytes) -> None:
        self.data += data
        while (end := self.data.find(b"\r\n\r\n")) >= 0:
            head = self.data[:end]
            length = LENGTH.search(head)
            size = int(length.group(1)) if length else 0
            if len(self.data) < end + 4 + size:
                return
            body = self.data[end + 4 : end + 4 + size]
            self.data = self.data[end + 4 + size :]
            self.transport.write(self.answer(head, body))

    def answer(self, head: bytes, body: bytes) -> bytes:
        if head.startswith(b"GET"):
            return STREAM + b"3\r\n:\n\n\r\n"
        if head.startswith(b"DELETE"):
            return b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"
        found = ID.search(body)
        if found is None:
            return b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
        extra = b""
        if b'"initialize"' in body:
            Stub.made += 1
            extra = b"Mcp-Session-Id: bench-%d\r\n" % Stub.made
            result = b'{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"s","version":"1"}}'
        elif b'"tools/list"' in body:
            result = b'{"tools":[{"name":"echo","description":"Echo.","inputSchema":{"type":"object"}}]}'
        else:
            result = b'{"content":[{"type":"text","text":"%s"}],"isError":false}' % (b"x" * 100)
        frame = b'{"jsonrpc":"2.0","id":%s,"result":%s}' % (found.group(1), result)
        if SSE and not extra:
            event = b"event: message\r\ndata: %s\r\n\r\n" % frame
            return STREAM + b"%x\r\n%s\r\n0\r\n\r\n" % (len(event), event)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n"
        return head % (extra, len(frame)) + frame


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Stub, "127.0.0.1", int(sys.argv[1]), backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        import uvloop

        uvloop.run(main())
    except ImportError:
        asyncio.run(main())
