"""A14: what a refusal says reaches who asked, whichever way an answer was to come: in a batch (2025-03-26), on the
stream of HTTP+SSE (2024-11-05), on a stream that broke and is resumed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from mcpwatch.guard import lock
from mcpwatch.store.ledger import Ledger
from scenarios.test_http_lock import code_of, connected, rogue, seen
from servers.gateways import GatewayProcess, gateway
from servers.httpclient import HttpClient
from servers.processes import wait_until

__all__ = ["rogue"]  # a fixture

CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "plain"}}
PING = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
STREAMED = {"jsonrpc": "2.0", "id": 2, "method": "resources/list"}
NOTE = {"jsonrpc": "2.0", "method": "notifications/roots/list_changed"}


@pytest.fixture
def running(rogue: int, tmp_path) -> Iterator[GatewayProcess]:
    urls = {"srv": f"http://127.0.0.1:{rogue}/mcp", "old": f"http://127.0.0.1:{rogue}/sse"}
    with gateway(tmp_path, urls) as running:
        yield running


@pytest.fixture
def ledger(running: GatewayProcess) -> Iterator[Ledger]:
    ledger = Ledger.open(running.state)
    yield ledger
    ledger.close()


def answers(reply: Any) -> dict[Any, Any]:
    """id → the frame that answers it."""
    if reply.headers.get_content_type() == "text/event-stream":
        frames = list(reply.frames())
    else:
        found = reply.json()
        frames = found if isinstance(found, list) else [found]
    assert all(isinstance(frame, dict) for frame in frames), frames
    return {frame["id"]: frame for frame in frames}


@pytest.mark.parametrize(
    ("other", "asked"), [(PING, {1, 2}), (STREAMED, {1, 2}), (NOTE, {1})], ids=["json", "events", "notification"]
)
@pytest.mark.parametrize("first", [True, False], ids=["call first", "call last"])
def test_a14_in_a_batch_with_something_that_passes(rogue, running, ledger, other, asked, first):
    """Failed once: the refusal was lost, and its client waited."""
    lock.lock(ledger, by="test")
    client = connected(running)
    reply = client.post([CALL, other] if first else [other, CALL])
    assert reply.status == 200
    found = answers(reply)
    assert found.keys() == asked
    assert code_of(found[1]["result"]) == "panic"
    assert all("result" in found[id] for id in asked)
    reached = [x["body"] for x in seen(rogue)["seen"]]
    assert any(other["method"] in body for body in reached)
    assert not any("tools/call" in body for body in reached)


def test_a14_on_the_stream_of_http_and_sse(rogue, running, ledger):
    """Failed once: the refusal came on no stream."""
    stream = HttpClient(running.url("old", "sse")).request("GET")
    events = stream.events()
    client = HttpClient(running.base + next(events)["data"])
    lock.lock(ledger, by="test")
    assert client.post(CALL).status == 202
    refused = json.loads(next(events)["data"])
    assert (refused["id"], code_of(refused["result"])) == (1, "panic")
    assert client.post(PING).status == 202
    assert json.loads(next(events)["data"])["id"] == 2, "the rest goes on"
    stream.leave()
    assert not any("tools/call" in x["body"] for x in seen(rogue)["seen"])


def test_a14_on_the_stream_that_resumes_a_broken_one(running, ledger):
    """Failed once: a call whose stream had broken was ended without a word to whoever came back for its answer."""
    client = connected(running)
    broken = client.call("resumable")
    assert next(broken.events())["id"] == "7"
    broken.leave()
    lock.lock(ledger, by="test")
    wait_until(lambda: any(row.outcome == "cancelled" for row in ledger.latest_calls(9)), "the call to be ended")
    refused = next(client.request("GET", Last_Event_ID="none").frames())
    assert code_of(refused["result"]) == "panic"


def test_a14_on_a_stream_that_has_resumed_it_already(running, ledger):
    client = connected(running)
    broken = client.call("resumable")
    assert next(broken.events())["id"] == "7"
    broken.leave()
    listening = client.request("GET")
    resumed = client.request("GET", Last_Event_ID="none")
    assert (listening.status, resumed.status) == (200, 200)
    lock.lock(ledger, by="test")
    assert code_of(next(resumed.frames())["result"]) == "panic"
    listening.leave()
