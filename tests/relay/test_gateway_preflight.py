"""What a browser asks before it asks (CORS): the server answers it, at its own path and for its OAuth metadata."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from servers.gateways import GatewayProcess, gateway
from servers.httpclient import HttpClient

PAGE = "http://localhost:6274"
METADATA = "/.well-known/oauth-protected-resource/srv/mcp"
WANTS = {"Access_Control_Request_Method": "GET", "Access_Control_Request_Headers": "mcp-protocol-version"}
seen: list[tuple[str, str, str, str]] = []


class Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_OPTIONS(self) -> None:
        headers = self.headers
        wants = headers.get("Access-Control-Request-Headers", "")
        seen.append((self.command, self.path, headers.get("Access-Control-Request-Method", ""), wants))
        self.answer(204, b"", **{"Access-Control-Allow-Headers": wants})

    def do_GET(self) -> None:
        self.answer(200, b'{"resource":"http://server/mcp"}', **{"Content-Type": "application/json"})

    def answer(self, status: int, body: bytes, **more: str) -> None:
        self.send_response(status)
        if (origin := self.headers.get("Origin")) is not None:
            self.send_header("Access-Control-Allow-Origin", origin)
        for name, value in more.items():
            self.send_header(name, value)
        if body:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def running(tmp_path) -> Iterator[GatewayProcess]:
    seen.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with gateway(tmp_path, {"srv": f"http://127.0.0.1:{server.server_port}/mcp"}) as running:
            yield running
        server.shutdown()


@pytest.mark.parametrize(
    ("path", "asked"), [("/srv/mcp", "/mcp"), (METADATA, "/.well-known/oauth-protected-resource/mcp")]
)
def test_the_server_answers_a_preflight(running, path, asked):
    answer = HttpClient(running.base).request("OPTIONS", path=path, Origin=PAGE, **WANTS)
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    assert answer.headers["Access-Control-Allow-Headers"] == "mcp-protocol-version"
    assert seen == [("OPTIONS", asked, "GET", "mcp-protocol-version")]


def test_the_page_that_was_let_in_may_read_the_metadata(running):
    answer = HttpClient(running.base).request("GET", path=METADATA, Origin=PAGE)
    assert answer.json() == {"resource": "http://server/mcp"}
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    assert "Access-Control-Allow-Origin" not in HttpClient(running.base).request("GET", path=METADATA).headers


@pytest.mark.parametrize("path", ["/srv/mcp", METADATA])
def test_other_pages_stay_out(running, path):
    answer = HttpClient(running.base).request("OPTIONS", path=path, Origin="https://evil.example", **WANTS)
    assert answer.status == 403
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert seen == [], "the server has not been asked"


def test_nothing_else_goes_to_the_metadata(running):
    assert HttpClient(running.base).request("POST", b"{}", path=METADATA, Origin=PAGE).status == 404
    assert HttpClient(running.base).request("OPTIONS", path="/.well-known/other/srv/mcp").status == 404
    assert seen == []
