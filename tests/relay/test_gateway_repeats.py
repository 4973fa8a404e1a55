"""A server behind the gateway that says the same again and again, and words that a client makes up."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import itertools
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

from yarl import URL

from mcpwatch.guard import lock
from mcpwatch.relay import http_relay
from mcpwatch.relay.http_relay import HttpServer
from mcpwatch.store.ledger import Ledger
from servers.gateways import GatewayProcess, gateway
from servers.httpclient import HttpClient
from servers.processes import wait_until

SAMPLING = {"jsonrpc": "2.0", "id": 77, "method": "sampling/createMessage", "params": {"messages": []}}
Stream = Callable[[dict[str, str]], Iterator[bytes]]


class Scripted:
    """An HTTP server in this process: `stream(headers)` gives what each GET brings."""

    def __init__(self, stream: Stream) -> None:
        self.posted: list[dict[str, Any]] = []
        self.over = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.posted.append(message)
                result = {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "s"}}
                out = json.dumps({"jsonrpc": "2.0", "id": message.get("id"), "result": result}).encode()
                asked = "method" in message and "id" in message
                self.send_response(200 if asked else 202)
                self.send_header("Mcp-Session-Id", "word")
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(out) if asked else 0))
                self.end_headers()
                self.wfile.write(out if asked else b"")

            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Connection", "close")
                self.end_headers()
                with contextlib.suppress(OSError):
                    for part in stream(dict(self.headers.items())):
                        self.wfile.write(part)
                self.close_connection = True

            def log_message(self, *arguments: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/mcp"


@contextlib.contextmanager
def scripted(stream: Stream) -> Iterator[Scripted]:
    server = Scripted(stream)
    try:
        yield server
    finally:
        server.server.shutdown()
        server.server.server_close()


@contextlib.contextmanager
def opened(running: GatewayProcess) -> Iterator[Ledger]:
    ledger = Ledger.open(running.state)
    try:
        yield ledger
    finally:
        ledger.close()


def event(frame: dict[str, Any]) -> bytes:
    return b"id: e1\ndata: " + json.dumps(frame).encode() + b"\n\n"


def violations(ledger: Ledger) -> list[str]:
    return [row.note for row in ledger.latest_calls(100) if row.outcome == "violation"]


# ---------------------------------------------------------------------- repetition
def test_a29_a_repeated_question_passes_once_on_each_resumed_stream(tmp_path):
    def stream(headers: dict[str, str]) -> Iterator[bytes]:
        yield event(SAMPLING) * (20 if "Last-Event-ID" in headers else 1)

    with scripted(stream) as server, gateway(tmp_path, {"srv": server.url}) as running:
        client = HttpClient(running.url())
        client.initialize()
        passed = [len(list(client.request("GET").frames()))]
        passed += [len(list(client.request("GET", Last_Event_ID="e1").frames())) for _ in range(2)]
        assert passed == [1, 1, 1]
        with opened(running) as ledger:
            wait_until(lambda: len(violations(ledger)) == 38, "what was dropped, in the records")
            assert set(violations(ledger)) == {"the id of a request that is still open"}
            assert sum(row.tool == "@sampling" for row in ledger.latest_calls(100)) == 1


def test_one_endpoint_a_stream(tmp_path):
    def stream(headers: dict[str, str]) -> Iterator[bytes]:
        for n in range(5):
            yield b"event: endpoint\ndata: /messages?%d\n\n" % n

    with scripted(stream) as server, gateway(tmp_path, {"srv": server.url}) as running:
        for _ in range(2):
            (one,) = HttpClient(running.url()).request("GET").events()
            assert one["event"] == "endpoint"
            assert one["data"].startswith("/srv/messages/")
        with opened(running) as ledger:
            wait_until(lambda: len(violations(ledger)) == 8, "the others, in the records")
            assert set(violations(ledger)) == {"a second endpoint on one stream"}


def test_a14_panic_reaches_the_server_though_the_client_reads_nothing(tmp_path):
    """Sampling is asked for on a stream that the client then does not read."""
    over = threading.Event()

    def stream(headers: dict[str, str]) -> Iterator[bytes]:
        yield event(SAMPLING)
        while not over.is_set():  # more than all buffers on the way hold
            yield event({"jsonrpc": "2.0", "method": "x", "params": {"x": "f" * (1 << 20)}})

    with scripted(stream) as server, gateway(tmp_path, {"srv": server.url}) as running:
        client = HttpClient(running.url())
        client.initialize()
        reply = client.request("GET")
        assert next(reply.frames())["id"] == 77
        with opened(running) as ledger:
            lock.lock(ledger, by="test")
            try:
                wait_until(lambda: any("error" in one for one in server.posted), "the refusal at the server")
            finally:
                over.set()
                reply.leave()
        (told,) = [one for one in server.posted if "error" in one]
        assert told["id"] == 77
        assert told["error"]["data"]["mcpwatch/refusal"]["code"] == "panic"


# ---------------------------------------------------------------------- words for sessions
def test_a_word_that_is_none_is_refused(tmp_path):
    with scripted(lambda headers: iter(())) as server, gateway(tmp_path, {"srv": server.url}) as running:
        client = HttpClient(running.url())
        words = ("a" * 4097, "a" * 50_000, "two words", "\xe9", "tab\there")
        for word, method in itertools.product(words, ("POST", "GET", "DELETE")):
            refused = client.request(method, b"{}" if method == "POST" else None, Mcp_Session_Id=word)
            assert refused.status == 400
            assert "4,096 visible ASCII" in refused.json()["error"]["message"]
        assert server.posted == []
        assert client.ask("ping", Mcp_Session_Id="!" + "~" * 4095).status == 200


async def test_sessions_under_made_up_words_are_few_and_small(tmp_path, monkeypatch):
    monkeypatch.setenv("MCPWATCH_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("MCPWATCH_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setattr(http_relay, "SESSIONS_MOST", 100)
    nothing = cast(Any, None)
    server = HttpServer(
        "srv", URL("http://127.0.0.1:9/mcp"), lambda sent, kept: {}, nothing,
        http=nothing, worker=nothing, limit=1 << 20, load_judge=nothing,
    )  # fmt: skip
    try:
        known = server.new_session()
        hello = {"protocolVersion": "2025-11-25", "clientInfo": {"name": "known", "version": "1"}}
        known.from_client(json.dumps({"id": 0, "method": "initialize", "params": hello}).encode())
        known.from_server(json.dumps({"id": 0, "result": {"protocolVersion": "2025-11-25"}}).encode())
        server.keep("known", known)
        for n in range(300):
            session = server.new_session()
            session.reached(URL("http://127.0.0.1/?" + "q" * 50_000), {"X": "y" * 50_000})
            server.opened(session, live=True)
            server.keep(f"made-up-{n}", session)
            server.opened(session, live=False)
            assert (session.url, session.headers) == (None, None)
        assert len(server.sessions) <= 100
        assert server.sessions["known"] is known, "who said hello stays longest"
        assert "made-up-299" in server.sessions
        server.keep("a" * 4097, server.new_session())
        assert "a" * 4097 not in server.sessions
        busy = server.new_session()
        busy.reached(URL("http://127.0.0.1/"), {"X": "y"})
        busy.from_client(b'{"jsonrpc":"2.0","id":1,"method":"ping"}')
        server.opened(busy, live=False)
        assert busy.headers == {"X": "y"}, "a cancellation still needs them"
    finally:
        await asyncio.to_thread(server.close)
