"""The query of a client's URL on its way to the server: every byte of it, there and nowhere else."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from mcpwatch.guard import lock
from mcpwatch.relay import gateway_control
from mcpwatch.relay.http_upstream import joined, with_query
from mcpwatch.store.ledger import Ledger
from servers.gateways import GatewayProcess, gateway, http_server
from servers.httpclient import HttpClient
from servers.processes import wait_until

SECRET = "k3y-of-mine"
QUERY = f"exaApiKey={SECRET}%2F+%zz&b=2&a=1&b=&=?/@'"


@pytest.fixture(scope="module")
def rogue() -> Iterator[int]:
    with http_server("http_rogue") as port:
        yield port


@pytest.fixture
def running(rogue, tmp_path) -> Iterator[GatewayProcess]:
    servers = {
        "srv": f"http://127.0.0.1:{rogue}/mcp",
        "own": f"http://127.0.0.1:{rogue}/mcp?region=eu",
        "old": f"http://127.0.0.1:{rogue}/sse",
        "down": "http://127.0.0.1:9/mcp",
    }
    with gateway(tmp_path, servers) as running:
        yield running


def seen(rogue: int) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"http://127.0.0.1:{rogue}/seen") as answer:
        return json.load(answer)["seen"]


def targets(rogue: int, since: int) -> list[str]:
    return [f"{one['method']} {one['target']}" for one in seen(rogue)[since:]]


def test_each_byte_in_its_order_with_every_method(running, rogue):
    since = len(seen(rogue))
    client = HttpClient(f"{running.url()}?{QUERY}")
    assert client.initialize().status == 200
    assert client.call("plain").status == 200
    stream = client.request("GET")
    assert stream.status == 200
    stream.leave()
    resumed = client.request("GET", Last_Event_ID="7")
    assert next(resumed.frames())["method"] == "notifications/progress"
    resumed.leave()
    assert client.request("DELETE").status == 204
    assert client.call("plain").status == 404, "the session is over, as without a query"
    assert targets(rogue, since) == [
        f"{method} /mcp?{QUERY}" for method in ("POST", "POST", "GET", "GET", "DELETE", "POST")
    ]


def test_behind_the_parameters_of_the_configuration(running, rogue):
    since = len(seen(rogue))
    for query in ("", "?", "?a=b", "?region=us"):
        assert HttpClient(running.url("own") + query).call("plain").status == 200
    assert targets(rogue, since) == [
        "POST /mcp?region=eu",
        "POST /mcp?region=eu",
        "POST /mcp?region=eu&a=b",
        "POST /mcp?region=eu&region=us",
    ]


def test_a_redirect_within_the_server_keeps_it_when_the_server_does(running, rogue):
    since = len(seen(rogue))
    assert HttpClient(f"{running.url()}?{QUERY}").call("moved").status == 200
    assert targets(rogue, since) == [f"POST /mcp?{QUERY}", f"POST /moved?{QUERY}"]


@pytest.mark.parametrize(
    "query", ["@evil.example/", "/../../other", "http://evil.example/", "%0d%0aHost:%20evil.example", "?", "\\..\\x"]
)
def test_a_query_changes_neither_host_nor_path(running, rogue, query):
    since = len(seen(rogue))
    assert HttpClient(f"{running.url()}?{query}").call("plain").status == 200
    (one,) = seen(rogue)[since:]
    assert (one["target"], one["headers"]["host"]) == (f"/mcp?{query}", f"127.0.0.1:{rogue}")


@pytest.mark.parametrize("query", [b"a=\xc3\xa9", b"a=\xff", b"a=\x7f"])
def test_what_no_url_has_is_refused(running, rogue, query):
    since = len(seen(rogue))
    with socket.create_connection(("127.0.0.1", running.port), timeout=10) as line:
        head = b"DELETE /srv/mcp?%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % query
        line.sendall(head)
        assert b" 400 " in line.makefile("rb").readline()
    assert targets(rogue, since) == []


def test_a_stream_of_2024_11_05_and_its_endpoint(running, rogue):
    """The server's endpoint has the key in its own query: it stays behind a word of ours."""
    since = len(seen(rogue))
    stream = HttpClient(f"{running.url('old', 'sse')}?{QUERY}").request("GET")
    events = stream.events()
    first = next(events)
    assert first["event"] == "endpoint" and SECRET not in first["data"]
    sent = HttpClient(running.base + first["data"]).call("plain")
    assert sent.status == 202
    assert json.loads(next(events)["data"])["result"]["content"][0]["text"] == "ok"
    assert HttpClient(f"{running.base}{first['data']}?more=1").call("plain").status == 202
    stream.leave()
    greeted, posted, more = targets(rogue, since)
    assert greeted == f"GET /sse?{QUERY}"
    assert posted.startswith("POST /messages?session=") and posted.endswith(f"&{QUERY}")
    assert more == f"{posted}&more=1"


def test_what_we_say_ourselves_brings_the_key_too(running, rogue):
    client = HttpClient(f"{running.url()}?{QUERY}")
    client.initialize()
    frames = client.call("stall").frames()
    assert next(frames)["method"] == "notifications/progress"
    ledger = Ledger.open(running.state)
    lock.lock(ledger, by="test")
    ledger.close()
    wait_until(lambda: any("notifications/cancelled" in x["body"] for x in seen(rogue)), "the cancellation")
    (told,) = [one for one in seen(rogue) if "notifications/cancelled" in one["body"]]
    assert told["target"] == f"/mcp?{QUERY}"


def test_metadata_is_asked_with_it(running):
    client = HttpClient(running.base)
    answer = client.request("GET", path="/.well-known/oauth-protected-resource/srv/mcp?a=%2F")
    assert answer.json()["path"] == "/.well-known/oauth-protected-resource/mcp?a=%2F"


def test_it_is_in_no_log_no_record_and_no_message(running):
    said = []
    for name in ("srv", "own", "down", "nobody"):
        client = HttpClient(f"{running.url(name)}?{QUERY}")
        client.initialize()
        for tool in ("plain", "garbage", "elsewhere", "half", "unauthorized"):
            with contextlib.suppress(http.client.IncompleteRead):
                said.append(client.call(tool).body())
        said.append(client.request("DELETE").body())
    said.append(HttpClient(running.base).request("GET", path=gateway_control.HEALTH).body())
    running.process.terminate()
    said.append(running.process.communicate(timeout=20)[0].encode())
    state = Path(running.env["MCPWATCH_STATE"])
    said += [file.read_bytes() for file in state.iterdir()]
    assert len(said) > 20 and all(SECRET.encode() not in one for one in said)


def test_what_the_http_library_says_of_a_url_is_left_out(tmp_path):
    """A server that does not speak HTTP: the library's message has the whole URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with gateway(tmp_path, {"srv": f"http://127.0.0.1:{port}/mcp"}) as running, contextlib.ExitStack() as ends:
            body = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}'
            line = ends.enter_context(socket.create_connection(("127.0.0.1", running.port), timeout=20))
            head = f"POST /srv/mcp?{QUERY} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
            line.sendall(head.encode() + body)
            server = ends.enter_context(listener.accept()[0])
            assert SECRET.encode() in server.recv(1 << 16)
            server.sendall(b"this is no HTTP\r\n\r\n")
            server.close()
            answer = line.recv(1 << 16)
            assert b"cannot be reached" in answer and SECRET.encode() not in answer
            ledger = Ledger.open(running.state)
            ends.callback(ledger.close)
            wait_until(lambda: any(row.outcome == "error" for row in ledger.latest_calls(5)), "the record")
            assert all(SECRET not in row.note for row in ledger.latest_calls(5))


def test_urls_put_together():
    base = URL("https://example.com:8443/mcp?q=1")
    assert str(with_query(base, "")) == str(base)
    assert str(with_query(base, "a=%2F+")) == "https://example.com:8443/mcp?q=1&a=%2F+"
    assert str(joined(base, "/m?s=%2F+%zz#f")) == "https://example.com:8443/m?s=%2F+%zz"
    assert str(joined(base, "?s=1")) == "https://example.com:8443/mcp?s=1"
    assert str(joined(base, "messages")) == "https://example.com:8443/messages"
    for query in ("a b", "a\r\nHost: x", "a#b", "é", "\0"):
        with pytest.raises(ValueError, match="no URL has"):
            with_query(base, query)
