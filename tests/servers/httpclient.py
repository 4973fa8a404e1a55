"""A raw HTTP client of MCP servers: what goes over the wire is what the test says."""

from __future__ import annotations

import http.client
import json
import urllib.parse
from collections.abc import Iterator
from typing import Any

ACCEPT = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


class Reply:
    """An answer: its status, its headers, and its body or events as they come."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self.connection = connection
        self.raw = connection.getresponse()
        self.status = self.raw.status
        self.headers = self.raw.headers

    def body(self) -> bytes:
        return self.raw.read()

    def json(self) -> Any:
        return json.loads(self.body())

    def events(self) -> Iterator[dict[str, str]]:
        """The events of the stream, each as its fields; stops where the stream does."""
        assert self.headers.get_content_type() == "text/event-stream", (self.status, self.body()[:2000])
        fields: dict[str, str] = {}
        while line := self.raw.readline():
            text = line.decode().rstrip("\r\n")
            if text:
                name, _, value = text.partition(":")
                fields[name] = fields[name] + "\n" + value[1:] if name in fields else value.removeprefix(" ")
            elif fields:
                yield fields
                fields = {}

    def frames(self) -> Iterator[Any]:
        """The frames in the events."""
        for fields in self.events():
            if fields.get("data"):
                yield json.loads(fields["data"])

    def leave(self) -> None:
        """Hang up."""
        if self.connection.sock is not None:
            self.connection.sock.close()
        self.raw.close()
        self.connection.close()


class HttpClient:
    """One client of one URL; `headers` go with every request."""

    def __init__(self, url: str, seconds: float = 30.0) -> None:
        self.url = urllib.parse.urlsplit(url)
        self.seconds = seconds
        self.headers: dict[str, str] = {}
        self.next_id = 1

    def request(self, method: str, body: bytes | None = None, path: str = "", **headers: str) -> Reply:
        connection = http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=self.seconds)
        sent = ACCEPT | self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path or self.url._replace(scheme="", netloc="").geturl(), body, sent)
        return Reply(connection)

    def post(self, frame: Any, **headers: str) -> Reply:
        body = frame if isinstance(frame, bytes) else json.dumps(frame).encode()
        return self.request("POST", body, **headers)

    def initialize(self, name: str = "raw") -> Reply:
        params = {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": name, "version": "1"},
        }
        reply = self.post({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params})
        if "Mcp-Session-Id" in reply.headers:
            self.headers["Mcp-Session-Id"] = reply.headers["Mcp-Session-Id"]
            self.headers["MCP-Protocol-Version"] = "2025-11-25"
        return reply

    def modern(self, name: str, **headers: str) -> Reply:
        """A tools/call of 2026-07-28."""
        meta = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "modern", "version": "2"},
            "io.modelcontextprotocol/clientCapabilities": {},
            "progressToken": 1,
        }
        params = {"name": name, "arguments": {}, "_meta": meta}
        sent = {"MCP_Protocol_Version": "2026-07-28", "Mcp_Method": "tools/call", "Mcp_Name": name} | headers
        return self.post(self._request("tools/call", params), **sent)

    def call(self, name: str, id: Any = None, **headers: str) -> Reply:
        params = {"name": name, "arguments": {}, "_meta": {"progressToken": 1}}
        return self.post(self._request("tools/call", params, id), **headers)

    def ask(self, method: str, **headers: str) -> Reply:
        return self.post(self._request(method, {}), **headers)

    def _request(self, method: str, params: Any, id: Any = None) -> dict[str, Any]:
        if id is None:
            id, self.next_id = self.next_id, self.next_id + 1
        return {"jsonrpc": "2.0", "id": id, "method": method, "params": params}
