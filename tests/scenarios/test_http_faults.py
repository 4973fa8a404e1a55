"""Servers and clients that misbehave over HTTP: what is broken is told, recorded, and hurts nobody else."""

from __future__ import annotations

import http.client
import json
import socket
import time
import urllib.request
from collections.abc import Iterator

import pytest

from mcpwatch.store.ledger import Ledger
from mcpwatch.store.records import CallRow
from servers.gateways import GatewayProcess, gateway, http_server
from servers.httpclient import HttpClient
from servers.processes import wait_until


@pytest.fixture
def rogue() -> Iterator[int]:
    with http_server("http_rogue") as port:
        yield port


@pytest.fixture
def running(rogue, tmp_path) -> Iterator[GatewayProcess]:
    servers = {"srv": f"http://127.0.0.1:{rogue}/mcp", "down": "http://127.0.0.1:9/mcp"}
    with gateway(tmp_path, servers) as running:
        yield running


@pytest.fixture
def client(running) -> HttpClient:
    client = HttpClient(running.url())
    assert client.initialize().status == 200
    return client


def what_it_saw(rogue: int) -> dict:
    with urllib.request.urlopen(f"http://127.0.0.1:{rogue}/seen") as answer:
        return json.load(answer)


def recorded(running: GatewayProcess, tool: str) -> CallRow:
    """The record of the one call of this tool, once it is over."""
    ledger = Ledger.open(running.state)
    found: list[CallRow] = []

    def over() -> bool:
        found[:] = [row for row in ledger.latest_calls(100) if row.tool == tool and row.outcome != "pending"]
        return bool(found)

    try:
        wait_until(over, f"the end of the call of {tool}")
    finally:
        ledger.close()
    (row,) = found
    return row


def violations(running: GatewayProcess) -> list[str]:
    ledger = Ledger.open(running.state)
    try:
        return [row.note for row in ledger.latest_calls(100) if row.outcome == "violation"]
    finally:
        ledger.close()


def test_status_and_headers_reach_the_client_as_they_were(running, client):
    refused = client.call("unauthorized")
    assert refused.status == 401
    assert "resource_metadata" in refused.headers["WWW-Authenticate"]
    assert refused.body() == b"who are you"
    busy = client.call("busy")
    assert (busy.status, busy.headers["Retry-After"], busy.headers["X-Custom"]) == (429, "17", "yes")
    assert recorded(running, "busy").code == "http 429"
    gone = client.call("plain", Mcp_Session_Id="nobody")
    assert gone.status == 404
    assert gone.json()["error"]["message"] == "gone"


def test_unknown_headers_reach_the_server(rogue, client):
    client.call(
        "plain", X_Unknown="é".encode().decode("latin-1"), Authorization="Bearer abc", Mcp_Param_Region="eu"
    ).body()
    seen = what_it_saw(rogue)["seen"][-1]["headers"]
    assert seen["authorization"] == "Bearer abc"
    assert seen["mcp-param-region"] == "eu"
    assert seen["host"] == f"127.0.0.1:{rogue}"


def test_a_server_that_is_down(running):
    answer = HttpClient(running.url("down")).call("plain")
    assert answer.status == 502
    error = answer.json()
    assert error["id"] == 1
    assert "cannot be reached" in error["error"]["message"]
    assert recorded(running, "plain").outcome == "error"


@pytest.mark.parametrize("name", ["garbage", "html", "stranger"])
def test_an_answer_that_is_none(running, client, name):
    answer = client.call(name)
    assert answer.status == 502, answer.body()
    assert answer.json()["id"] == 1
    assert recorded(running, name).outcome == "violation"
    assert client.call("plain").json()["result"]["content"][0]["text"] == "ok"


def test_half_a_chunk(running, client):
    """What is not whole does not look whole, and is recorded as lost; what came before it passes, once."""
    answer = client.call("half")
    with pytest.raises(http.client.IncompleteRead) as cut:
        answer.body()
    assert cut.value.partial.count(b"notifications/progress") == 1
    assert b'"result"' not in cut.value.partial
    assert recorded(running, "half").outcome == "timed out"


def test_an_answer_before_the_break(running, client):
    with pytest.raises(http.client.IncompleteRead) as cut:
        client.call("sloppy").body()
    assert b'"result"' in cut.value.partial
    assert recorded(running, "sloppy").outcome == "ok"


def test_ten_thousand_tiny_events(client):
    frames = list(client.call("tiny").frames())
    assert len(frames) == 10_001
    assert [frame["params"]["progress"] for frame in frames[:-1]] == list(range(10_000))
    assert frames[-1]["result"]["content"][0]["text"] == "tiny"


def test_an_event_of_50_mib(client):
    (frame,) = client.call("big").frames()
    assert len(frame["result"]["content"][0]["text"]) == 50 << 20


def test_an_event_beyond_the_limit(rogue, tmp_path):
    with gateway(tmp_path, {"srv": f"http://127.0.0.1:{rogue}/mcp"}, config="max_frame_mb = 2\n") as running:
        client = HttpClient(running.url())
        client.initialize()
        (frame,) = client.call("big").frames()
        assert "more than 2,097,152 bytes" in frame["error"]["message"]
        assert recorded(running, "big").outcome == "violation"
        assert client.request("POST", b" " * (3 << 20)).status == 413


def test_a_slow_client_holds_up_nobody(running, client):
    """One client stops reading a large answer; another one's calls go on."""
    slow = client.call("big")
    started = time.monotonic()
    other = HttpClient(running.url())
    other.initialize()
    for _ in range(20):
        assert other.call("plain").status == 200
    assert time.monotonic() - started < 10
    slow.leave()
    assert recorded(running, "big").outcome in ("ok", "cancelled")


def test_leaving_a_stream_reaches_the_server_and_ends_the_call(rogue, running):
    client = HttpClient(running.url())
    answer = client.modern("stall")
    assert next(answer.frames())["method"] == "notifications/progress"
    answer.leave()
    wait_until(lambda: "stall" in what_it_saw(rogue)["left"], "the server noticing")
    row = recorded(running, "stall")
    assert (row.outcome, row.client_name, row.protocol) == ("cancelled", "modern", "2026-07-28")
    connection = socket.create_connection(("127.0.0.1", running.port))
    body = json.dumps({"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": {"name": "silent"}}).encode()
    head = f"POST /srv/mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    connection.sendall(head + body)
    wait_until(lambda: any("silent" in x["body"] for x in what_it_saw(rogue)["seen"]), "the call at the server")
    connection.close()
    wait_until(lambda: "silent" in what_it_saw(rogue)["left"], "the server noticing")


def test_a_stream_that_ends_without_an_answer(running, client):
    assert [frame["method"] for frame in client.call("unanswered").frames()] == ["notifications/progress"]
    row = recorded(running, "unanswered")
    assert (row.outcome, row.note) == ("timed out", "the server ended the stream without an answer")


def test_a_resumed_stream_brings_the_answer_once_and_may_repeat_it(running, client):
    client.next_id = 5
    broken = client.call("resumable")
    assert next(broken.events())["id"] == "7"
    resumed = client.request("GET", Last_Event_ID="7")
    texts = [frame["result"]["content"][0]["text"] for frame in resumed.frames() if "result" in frame]
    assert texts == ["resumed", "resumed"], "the answer, and its repetition; not the forged one"
    assert recorded(running, "resumable").outcome == "ok"
    wait_until(lambda: "an answer to no open request" in violations(running), "the forged answer in the records")


def test_a_frame_hidden_behind_a_line_separator(running, client):
    (frame,) = client.call("smuggled").frames()
    assert frame["result"]["content"][0]["text"] == "ok"
    wait_until(lambda: any("separator" in note for note in violations(running)), "the violation")


def test_redirects_within_the_server_only(running, client):
    (moved,) = client.call("moved").frames()
    assert moved["result"]["content"][0]["text"] == "ok"
    elsewhere = client.call("elsewhere")
    assert elsewhere.status == 502
    assert "follows no redirect to another server" in elsewhere.json()["error"]["message"]
    for nowhere in ("http://[", "http://localhost:99999999/", "file:///etc/passwd"):
        answer = client.call(f"to {nowhere}")
        assert answer.status == 502
        assert "redirects to what is no address" in answer.json()["error"]["message"]
        assert recorded(running, f"to {nowhere}").outcome == "error"


def test_routing_headers_that_lie_are_recorded_and_the_body_is_judged(running):
    client = HttpClient(running.url())
    assert client.modern("plain", Mcp_Name="something-else").status == 200
    wait_until(lambda: any("Mcp-Name" in note for note in violations(running)), "the violation")
    assert recorded(running, "plain").outcome == "ok"


def test_a_request_that_cannot_be_read_is_refused(running, client):
    answer = client.post(b'{"jsonrpc":"2.0","id":7,"id":8,"method":"tools/call","params":{"name":"plain"}}')
    assert answer.status == 400
    assert answer.json()["id"] is None
    twice = client.post(b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"a","name":"b"}}')
    assert (twice.status, twice.json()["id"]) == (400, 7)


def test_sessions_end_on_either_side(running, client, rogue):
    ledger = Ledger.open(running.state)
    client.call("plain").body()
    wait_until(lambda: len(ledger.sessions(live=True)) == 1, "the session in the records")
    assert ledger.sessions()[0].client_name == "raw"
    assert client.request("DELETE").status == 204
    wait_until(lambda: not ledger.sessions(live=True), "the end of the session")
    assert client.call("plain").status == 404
    ledger.close()


def test_a_call_to_a_session_that_the_server_ended(running, client, rogue):
    """The server says so, and that is what is recorded: nobody waited for it in vain."""
    server = HttpClient(f"http://127.0.0.1:{rogue}/mcp")
    server.headers = client.headers
    open_still = client.call("stall")
    assert next(open_still.frames())["method"] == "notifications/progress"
    assert server.request("DELETE").status == 204
    assert client.call("plain").status == 404
    row = recorded(running, "plain")
    assert (row.outcome, row.code) == ("error", "http 404")
    assert row.note == "the server answered with HTTP status 404"
    open_still.leave()
    assert recorded(running, "stall").outcome == "cancelled", "by its client, later"
    ledger = Ledger.open(running.state)
    wait_until(lambda: not ledger.sessions(live=True), "the end of the session")
    ledger.close()


def test_a_session_survives_the_gateway(rogue, tmp_path):
    servers = {"srv": f"http://127.0.0.1:{rogue}/mcp"}
    with gateway(tmp_path, servers) as first:
        client = HttpClient(first.url())
        client.initialize()
        assert client.call("plain").status == 200
    with gateway(tmp_path, servers) as second:
        again = HttpClient(second.url())
        again.headers = client.headers
        assert again.call("plain").status == 200
