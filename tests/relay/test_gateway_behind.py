"""A server that is one answer behind on a connection: that one is left, or every later call is lost on it."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from servers.gateways import gateway
from servers.httpclient import HttpClient


@pytest.fixture(params=["application/json", "text/event-stream"])
def behind(request) -> Iterator[str]:
    """The URL of a server whose answer to each call but the first of a connection is that to the one before."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        late = b""

        def do_POST(self) -> None:
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = {"jsonrpc": "2.0", "id": message["id"], "result": {"content": []}}
            now = json.dumps(answer).encode()
            late, self.late = self.late or now, now
            body = late if request.param == "application/json" else b"data: " + late + b"\n\n"
            self.send_response(200)
            self.send_header("Content-Type", request.param)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/mcp"
    server.shutdown()
    server.server_close()


def test_an_answer_to_another_call_is_the_last_of_its_connection(behind, tmp_path):
    with gateway(tmp_path, {"srv": behind}) as running:
        client = HttpClient(running.url())
        answered: list[bool] = []
        while len(answered) < 20 and answered[-2:] != [False, True]:
            id = 100 + len(answered)
            body = client.post(
                {"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": "plain", "arguments": {}}}
            ).body()
            answered.append(b'"content"' in body and str(id).encode() in body)
        assert answered[-3:] == [True, False, True]
