"""What a client and a server read is what was judged: not by another charset, another type, or the line ends of some
readers. A real gateway between a raw server and a raw client."""

from __future__ import annotations

import base64
import gzip
import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from multidict import CIMultiDict

from mcpwatch.relay.http_events import Event, Events, message_event
from mcpwatch.relay.http_types import Foreign, media_type
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.records import CallRow
from servers.gateways import GatewayProcess, gateway
from servers.httpclient import HttpClient
from servers.processes import wait_until

PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
NOTE = b'{"jsonrpc":"2.0","method":"notifications/x"}'
PONG = b'{"jsonrpc":"2.0","id":1,"result":{}}'
SAMPLING = b'{"jsonrpc":"2.0","id":9,"method":"sampling/createMessage","params":{"maxTokens":9,"messages":[]}}'
SPELLED = SAMPLING.replace(b"json", rb"\u006a\u0073on")
EVENT = b"data: " + SAMPLING + b"\n\n"
FOREIGN = ["utf-7", "UTF-16", "iso-8859-1", '"utf-7"', "utf-8; charset=utf-7", "utf-7; charset=utf-8", ""]
SAME = ["utf-8", "UTF-8", '"utf-8"', "utf8", "utf-8; charset=utf-8"]
SEPARATORS = ["\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]


def utf7(text: str) -> bytes:
    """The text spelled so that none of it is seen in ASCII."""
    return b"+" + base64.b64encode(text.encode("utf-16-be")).rstrip(b"=") + b"-"


class Server:
    """Answers every request with the same bytes; a GET with those of `stream`, which stays open, where there are any.
    `seen` (method, head lines about the body, body) of each."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, list[str], bytes]] = []
        self.chunks: list[bytes] = []
        self.stream = b""
        self.over = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                about = [f"{k}: {v}" for k, v in self.headers.items() if k in ("Content-Type", "Content-Encoding")]
                outer.seen.append((self.command, about, body))
                for chunk in [outer.stream] if outer.stream and self.command == "GET" else outer.chunks:
                    self.wfile.write(chunk)
                if outer.stream and self.command == "GET":
                    outer.over.wait(30)
                self.close_connection = True

            do_GET = do_DELETE = do_OPTIONS = do_POST

            def log_message(self, *_: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/mcp"

    def answers(self, body: bytes, *head: str, status: str = "200 OK") -> None:
        lines = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", "Connection: close", *head))
        self.chunks = [lines.encode() + b"\r\n" + body]

    def close(self) -> None:
        self.over.set()
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture(scope="module")
def one_server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def server(one_server) -> Server:
    one_server.seen.clear()
    one_server.stream = b""
    return one_server


@pytest.fixture(scope="module")
def running(one_server, tmp_path_factory) -> Iterator[GatewayProcess]:
    with gateway(tmp_path_factory.mktemp("types"), {"srv": one_server.url}) as running:
        yield running


@pytest.fixture
def client(running) -> HttpClient:
    return HttpClient(running.url())


@pytest.fixture
def violations(running) -> Iterator[Callable[[str], None]]:
    """`violations(text)` waits until a violation of which this is said is on record, and was not before."""
    ledger = Ledger.open(running.state)

    def of() -> list[CallRow]:
        return [row for row in ledger.latest_calls(10_000) if row.outcome == "violation"]

    before = {row.id for row in of()}

    def there(said: str) -> None:
        wait_until(lambda: any(said in row.note for row in of() if row.id not in before), f"a violation of {said!r}")

    yield there
    ledger.close()


def raw(running: GatewayProcess, body: bytes, *head: str) -> bytes:
    """The status line and body of the answer to a POST with this head."""
    with socket.create_connection(("127.0.0.1", running.port), timeout=10) as line:
        lines = ["POST /srv/mcp HTTP/1.1", "Host: 127.0.0.1", "Connection: close", *head]
        if not any(one.startswith("Transfer-Encoding") for one in head):
            lines.append(f"Content-Length: {len(body)}")
        line.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        came = b""
        while part := line.recv(1 << 16):
            came += part
        return came


# ---------------------------------------------------------------------- requests
def test_a25_a_call_in_another_charset_is_no_ping(server, client):
    server.answers(PONG, "Content-Type: application/json")
    hidden = utf7('"}},"method":"tools/call","params":{"name":"pay","arguments":{"x":"')
    body = b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{"a":"' + hidden + b'"}}}'
    assert json.loads(body)["method"] == "ping"
    assert json.loads(body.decode("utf-7"))["method"] == "tools/call"
    for charset in ("charset=utf-7", "Charset = utf-7", "x=1;charset*=utf-8''utf-7", "charset*0=utf-7"):
        answer = client.post(body, Content_Type=f"application/json; {charset}")
        assert (answer.status, answer.json()["id"]) == (415, None), charset
    assert server.seen == []
    assert client.post(body).status == 200
    assert server.seen == [("POST", ["Content-Type: application/json"], body)], "and there it is a ping"


@pytest.mark.parametrize("charset", FOREIGN)
def test_a25_no_other_charset_of_a_request(server, client, charset):
    server.answers(PONG, "Content-Type: application/json")
    assert client.post(PING, Content_Type=f"application/json; charset={charset}").status == 415
    assert server.seen == []


def test_a25_what_goes_on_has_a_type_of_our_own(server, running, client):
    server.answers(PONG, "Content-Type: application/json")
    for said in ("application/json", *(f"Application/JSON ;x=y; Charset={charset}" for charset in SAME)):
        assert client.post(PING, Content_Type=said, Content_Encoding="identity").json()["result"] == {}
    assert raw(running, PING).startswith(b"HTTP/1.1 200"), "without one, too"
    assert server.seen == [("POST", ["Content-Type: application/json"], PING)] * 7
    for said in (
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/json, text/plain",
        "application/jsonx",
    ):
        assert client.post(PING, Content_Type=said).status == 415
    assert len(server.seen) == 7


def test_a25_encoded_requests_are_refused(server, running):
    server.answers(PONG, "Content-Type: application/json")
    json_type = "Content-Type: application/json"
    for head in (["Content-Encoding: gzip"], ["Content-Encoding: identity, gzip"], ["Content-Encoding: x"]):
        assert raw(running, gzip.compress(PING), json_type, *head).startswith(b"HTTP/1.1 4"), head
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(PING), PING)
    for encoding in ("chunked, gzip", "chunked, chunked", "identity"):
        assert raw(running, chunked, json_type, f"Transfer-Encoding: {encoding}")[9:10] == b"4", encoding
    assert server.seen == []
    assert raw(running, chunked, json_type, "Transfer-Encoding: chunked").startswith(b"HTTP/1.1 200")
    assert server.seen == [("POST", [json_type], PING)], "with a length of our own"
    packed = gzip.compress(PING)
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(packed), packed)
    assert raw(running, chunked, json_type, "Transfer-Encoding: gzip, chunked").startswith(b"HTTP/1.1 400"), "no JSON"
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("Content-Type", "application/json", "application/json; charset=utf-7"),
        ("Content-Encoding", "identity", "gzip"),
        ("Content-Encoding", "identity", "br"),
        ("Content-Encoding", "gzip", "identity"),
        ("Mcp-Session-Id", "a", "b"),
        ("MCP-Protocol-Version", "2025-11-25", "2026-07-28"),
        ("Last-Event-ID", "1", "2"),
    ],
)
def test_a25_a_header_twice_is_a_bad_request(server, running, name, one, other):
    server.answers(PONG, "Content-Type: application/json")
    came = raw(running, PING, f"{name}: {one}", f"{name.lower()}: {other}")
    assert came.partition(b" ")[2].startswith(b"400 "), came
    assert server.seen == []


# ---------------------------------------------------------------------- answers
@pytest.mark.parametrize("body", [EVENT, SAMPLING, b"Hello"])
@pytest.mark.parametrize(
    "said",
    [
        "text/event-stream2",
        "x/text/event-stream",
        "text/event-stream, text/plain",
        "application/json",
        "text/event-stream; charset=utf-7",
    ],
)
def test_a25_an_answer_to_get_is_an_event_stream_or_none(server, client, violations, said, body):
    server.answers(body, f"Content-Type: {said}")
    answer = client.request("GET")
    assert answer.status == 502
    assert body not in answer.body()
    violations(said)
    server.answers(b": hi\n\n", "Content-Type: text/event-stream")
    assert client.request("GET").body() == b": hi\n\n"


@pytest.mark.parametrize("status", ["200 OK", "202 Accepted", "204 No Content"])
@pytest.mark.parametrize("said", ["text/plain", "application/json", "text/event-stream2"])
def test_an_empty_answer_to_get_is_no_violation(server, client, status, said):
    server.answers(b"", f"Content-Type: {said}", status=status)
    answer = client.request("GET")
    assert (answer.status, answer.body()) == (int(status[:3]), b"")
    server.answers(PONG.replace(b"result", b"error"), "Content-Type: application/json", status="405 No")
    answer = client.request("GET")
    assert (answer.status, json.loads(answer.body())["error"]) == (405, {})


@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
def test_a25_an_answer_in_another_charset_is_dropped_and_its_asker_told(server, client, violations, kind):
    body = PONG if kind == "application/json" else b"data: " + PONG + b"\n\n"
    for charset in SAME:
        server.answers(body, f"Content-Type: {kind.title()} ;x=y; charset={charset}", "X-Custom: yes")
        answer = client.post(PING)
        assert (answer.status, answer.body()) == (200, body)
        assert answer.headers.get_all("Content-Type") == [f"{kind}; charset=utf-8"]
        assert answer.headers["X-Custom"] == "yes"
    server.answers(body, f"Content-Type: {kind};")
    assert client.post(PING).headers.get_all("Content-Type") == [kind]
    for charset in FOREIGN:
        server.answers(body, f"Content-Type: {kind}; charset={charset}")
        answer = client.post(PING)
        told = answer.json()
        assert (answer.status, told["id"], told["error"]["code"]) == (502, 1, -32011)
    violations(f"another charset, '{kind}; charset=utf-7'")


def test_a25_what_was_judged_as_json_goes_on_as_json(server, client):
    server.answers(PONG, "Content-Type: text/event-stream2")
    answer = client.post(PING)
    assert (answer.status, answer.headers.get_all("Content-Type")) == (200, ["application/json"])
    assert answer.body() == PONG


@pytest.mark.parametrize("body", [SPELLED, SAMPLING, PONG, EVENT, b"ok"])
@pytest.mark.parametrize("said", ["application/json", "text/event-stream2", "text/plain; charset=utf-7"])
def test_a25_an_answer_to_a_notification_has_no_body(server, client, body, said):
    server.answers(body, f"Content-Type: {said}", "X-Custom: yes")
    if "charset" not in said:
        answer = client.post(NOTE)
        assert (answer.status, answer.body(), answer.headers["X-Custom"]) == (200, b"", "yes")
    for method in ("DELETE", "OPTIONS"):
        answer = client.request(method)
        assert (answer.status, answer.body(), answer.headers["X-Custom"]) == (200, b"", "yes")


@pytest.mark.parametrize("status", ["200 OK", "202 Accepted", "400 Bad Request"])
@pytest.mark.parametrize("body", [SPELLED, SAMPLING, PONG, b"[]"])
def test_a25_nor_has_one_to_a_post_beside_an_http_sse_stream(server, client, body, status):
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/event-stream\r\n\r\n"
    server.stream = head + b"event: endpoint\ndata: /messages\n\n"
    server.answers(body, "Content-Type: application/json", status=status)
    greeting = client.request("GET")
    path = next(greeting.events())["data"]
    for frame in (PING, NOTE):
        answer = client.request("POST", frame, path)
        assert (answer.status, answer.body()) == (int(status[:3]), b"")
    assert [body for _, _, body in server.seen] == [b"", PING, NOTE]
    greeting.leave()


def test_an_error_without_a_frame_keeps_its_text(server, client):
    for said, told in (
        ("text/html; charset=utf-8", "text/html; charset=utf-8"),
        ("text/event-stream", "text/plain; charset=utf-8"),
        ("application/json; charset=utf-7", "text/plain; charset=utf-8"),
    ):
        server.answers(b"later", f"Content-Type: {said}", status="503 Busy")
        for frame in (PING, NOTE):
            answer = client.post(frame)
            assert (answer.status, answer.body()) == (503, b"later")
            assert answer.headers.get_all("Content-Type") == [told]
    server.answers(PONG, "Content-Type: application/json", status="503 Busy")
    assert client.post(NOTE).body() == b"", "a result that nobody waits for"


# ---------------------------------------------------------------------- events
def streamed(server: Server, client: HttpClient, *chunks: bytes) -> bytes:
    """What comes of a GET stream of these chunks."""
    server.answers(b"", "Content-Type: text/event-stream")
    server.chunks += chunks
    return client.request("GET").body()


@pytest.mark.parametrize("separator", SEPARATORS)
def test_a25_no_frame_behind_a_line_end_of_some_readers(server, client, violations, separator):
    end = separator.encode()
    hidden = end + b"data: " + SAMPLING + end + end
    for outer in (b": hi", b"id: 1", b"event: x", b"retry: 1", b"x", b"event: other\ndata: x" + end):
        for behind in (b"\n\n", b"\n", b"\r\n\r\n", b"\n\ndata: " + SPELLED + b"\n\n"):
            came = streamed(server, client, outer + hidden + behind)
            assert b"sampling" not in came.replace(SPELLED, b""), (outer, behind, came)
            assert came.decode().splitlines() in ([], ["data: " + SPELLED.decode(), ""]), "what follows passes"
    violations("a frame within a frame")


def test_a25_no_frame_behind_a_carriage_return_of_a_comment(server, client):
    judged = b"data: " + SAMPLING.replace(b"9", b"8") + b"\n\n"
    for hidden in (b": hi\rdata: " + SPELLED + b"\r\r\n", b": hi\rdata: " + SPELLED + b"\n\n", b": hi\r\n" + judged):
        came = streamed(server, client, hidden)
        assert b"\r" not in came.replace(b"\r\n", b"\n")
        assert came.count(b"data: ") == 1, "as an event of its own, which is judged"


def test_a25_no_frame_behind_a_mark_that_readers_drop(server, client, violations):
    mark = b"\xef\xbb\xbf"
    for chunks in ([mark + mark + EVENT], [mark, mark + EVENT], [mark[:2], mark[2:] + mark, EVENT]):
        assert streamed(server, client, *chunks) == b""
    violations("a frame within a frame")


def test_a25_strings_with_separators_pass_and_ours_have_them_escaped(server, client):
    text = "…\u2028two\x85lines\u2029".encode()
    frame = b'{"jsonrpc":"2.0","method":"notifications/x","params":{"text":"%b"}}' % text
    event = b": caf\xc3\xa9\nid: 1\ndata: " + frame + b"\n\n"
    assert streamed(server, client, event) == event
    ours = json.loads(b'{"a":"x\\u2028data: {}\\u0085data: {}\\u2029"}')
    frame = json.dumps(ours, ensure_ascii=False).encode()
    for written in (message_event(frame), Event(b"data: {}\n\n").with_data(frame)):
        (read,) = Events(1000).feed(written)
        assert read.data is not None
        assert read.data.isascii()
        assert json.loads(read.data) == ours


def test_media_types():
    assert media_type(CIMultiDict()) == ""
    assert media_type(CIMultiDict({"content-type": " Text/Event-Stream ;"})) == "text/event-stream"
    with pytest.raises(Foreign, match="more than one"):
        media_type(CIMultiDict([("Content-Type", "a/b"), ("content-type", "a/b")]))
