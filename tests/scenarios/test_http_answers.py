"""Every question of a client's gets its answer, whichever way that was to come: in a batch (2025-03-26), on the
stream of HTTP+SSE (2024-11-05), on one that broke and is resumed, from a server without sessions."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcpwatch.guard import lock
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.records import CallRow
from scenarios.test_http_lock import code_of, connected, rogue, seen
from servers.gateways import GatewayProcess, gateway
from servers.httpclient import HttpClient
from servers.processes import wait_until

__all__ = ["rogue"]  # a fixture

PING = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
STREAMED = {"jsonrpc": "2.0", "id": 2, "method": "resources/list"}
NOTE = {"jsonrpc": "2.0", "method": "notifications/roots/list_changed"}


@pytest.fixture
def running(rogue: int, tmp_path) -> Iterator[GatewayProcess]:
    urls = {
        "srv": f"http://127.0.0.1:{rogue}/mcp",
        "old": f"http://127.0.0.1:{rogue}/sse",
        "down": "http://127.0.0.1:9/mcp",
    }
    with gateway(tmp_path, urls, config="max_frame_mb = 1\n") as running:
        yield running


@pytest.fixture
def ledger(running: GatewayProcess) -> Iterator[Ledger]:
    ledger = Ledger.open(running.state)
    yield ledger
    ledger.close()


def named(id: int, tool: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool}}


def asked_by_server(ledger: Ledger) -> list[CallRow]:
    return [row for row in ledger.latest_calls(20) if row.method == "roots/list"]


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
    reply = client.post([named(1, "plain"), other] if first else [other, named(1, "plain")])
    assert reply.status == 200
    found = answers(reply)
    assert found.keys() == asked
    assert code_of(found[1]["result"]) == "panic"
    assert all("result" in found[id] for id in asked)
    reached = [x["body"] for x in seen(rogue)["seen"]]
    assert any(other["method"] in body for body in reached)
    assert not any("tools/call" in body for body in reached)


def test_a14_in_a_batch_that_is_answered_in_part(running, ledger):
    """Failed once: what a lock ended was refused to nobody once the answer had begun, and the stream stayed open."""
    frames = connected(running).post([STREAMED, named(1, "silent")]).frames()
    assert next(frames)["id"] == 2
    lock.lock(ledger, by="test")
    (refused,) = frames
    assert (refused["id"], code_of(refused["result"])) == (1, "panic")


def test_a14_in_a_batch_of_which_something_goes_on(running, ledger):
    lock.exempt(ledger, "srv/silent-free", None, by="test")
    reply = connected(running).post([STREAMED, named(3, "silent-free"), named(1, "silent")])
    frames = reply.frames()
    assert next(frames)["id"] == 2
    lock.lock(ledger, by="test")
    refused = next(frames)
    assert (refused["id"], code_of(refused["result"])) == (1, "panic")
    reply.leave()


def test_a_batch_that_reaches_nobody_is_answered_as_a_whole(running, ledger):
    """Failed once: one error, for the first of its questions."""
    lock.lock(ledger, by="test")
    reply = HttpClient(running.url("down")).post([named(1, "plain"), PING, {**PING, "id": 3}])
    found = answers(reply)
    assert (reply.status, found.keys()) == (502, {1, 2, 3})
    assert code_of(found[1]["result"]) == "panic"
    assert all("cannot be reached" in found[id]["error"]["message"] for id in (2, 3))


def test_a_server_without_sessions_gets_the_answer_to_its_question(running, ledger):
    """Failed once: the answer came with a request of its own, which nothing tied to the question."""
    client = HttpClient(running.url())
    frames = client.call("asks").frames()
    asked = next(frames)
    assert client.post({"jsonrpc": "2.0", "id": "another", "result": {}}).status == 202
    assert client.post({"jsonrpc": "2.0", "id": asked["id"], "result": {"roots": []}}).status == 202
    assert next(frames)["result"]["content"][0]["text"] == "asked"
    stream = client.call("asks")
    next(stream.frames())
    stream.leave()
    ends = ["ok", "timed out"]
    wait_until(lambda: sorted(row.outcome for row in asked_by_server(ledger)) == ends, "the end of each question")


def test_so_it_does_of_a_question_on_its_own_stream(running, ledger):
    client = HttpClient(running.url())
    assert "Mcp-Session-Id" not in client.initialize("wordless").headers
    stream = client.request("GET", X_Unknown="asks")
    frames = stream.frames()
    asked = next(frames)
    assert client.post({"jsonrpc": "2.0", "id": asked["id"], "result": {"roots": []}}).status == 202
    assert next(frames)["method"] == "notifications/progress"
    wait_until(lambda: [row.outcome for row in asked_by_server(ledger)] == ["ok"], "the record")
    assert client.call("plain").json()["result"], "the client's seat outlives its stream"
    assert [bool(row.ended_utc) for row in ledger.sessions()] == [False]


def test_a14_of_a_server_that_is_configured_otherwise_meanwhile(rogue, running, ledger):
    """Failed once: its calls under way were nobody's any more, and no lock ended them."""
    client = connected(running)
    replies: list[Any] = []
    waiting = threading.Thread(target=lambda: replies.append(client.call("silent").json()))
    waiting.start()
    wait_until(lambda: any("silent" in x["body"] for x in seen(rogue)["seen"]), "the call at the server")
    config = Path(running.env["MCPWATCH_CONFIG"])
    config.write_text(config.read_text().replace('/mcp"', '/mcp?other=1"', 1))
    other = HttpClient(running.url())
    wait_until(
        lambda: other.call("plain").status == 200 and any("other=1" in x["target"] for x in seen(rogue)["seen"]),
        "the new address",
    )
    lock.lock(ledger, by="test")
    waiting.join(15)
    assert [code_of(reply["result"]) for reply in replies] == ["panic"]


def test_what_we_say_ourselves_is_acceptable_after_a_get_too(rogue, running, ledger):
    """Failed once: it had the GET's own Accept, and servers made with the SDK answered 406."""
    client = connected(running)
    stalled = client.call("stall").frames()
    next(stalled)
    resumed = client.request("GET", Last_Event_ID="none", Accept="text/event-stream")
    assert resumed.status == 200
    lock.lock(ledger, by="test")
    wait_until(lambda: [x for x in seen(rogue)["seen"] if "notifications/cancelled" in x["body"]], "the cancellation")
    (told,) = [x["headers"] for x in seen(rogue)["seen"] if "notifications/cancelled" in x["body"]]
    assert told["accept"] == "application/json, text/event-stream"
    assert "last-event-id" not in told
    resumed.leave()


def test_an_event_that_is_too_large_is_said_to_all_who_wait_for_its_stream(running):
    """Failed once: over HTTP+SSE nobody heard of it."""
    stream = HttpClient(running.url("old", "sse")).request("GET")
    events = stream.events()
    client = HttpClient(running.base + next(events)["data"])
    for frame in (named(1, "silent"), named(2, "huge")):
        assert client.post(frame).status == 202
    errors = {frame["id"]: frame["error"]["message"] for frame in (json.loads(one["data"]) for one in events)}
    assert errors.keys() == {1, 2}
    assert all("more than 1,048,576 bytes" in message for message in errors.values())


def test_a14_on_the_stream_of_http_and_sse(rogue, running, ledger):
    """Failed once: the refusal came on no stream."""
    stream = HttpClient(running.url("old", "sse")).request("GET")
    events = stream.events()
    client = HttpClient(running.base + next(events)["data"])
    lock.lock(ledger, by="test")
    assert client.post(named(1, "plain")).status == 202
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


def test_requests_of_one_session_stay_together_when_the_gateway_was_restarted(rogue, running, ledger):
    """Failed once: two at a time, of a session the gateway did not know, were two sessions."""
    client = HttpClient(f"http://127.0.0.1:{rogue}/mcp")
    client.initialize()
    client.url = HttpClient(running.url()).url
    waiting = threading.Thread(target=lambda: client.call("silent").body())
    waiting.start()
    wait_until(lambda: any("silent" in x["body"] for x in seen(rogue)["seen"]), "the first request at the server")
    frames = client.call("asks").frames()
    assert client.post({"jsonrpc": "2.0", "id": next(frames)["id"], "result": {"roots": []}}).status == 202
    assert next(frames)["result"]["content"][0]["text"] == "asked"
    wait_until(lambda: len(ledger.latest_calls(9)) == 3, "the records")
    assert len(ledger.sessions()) == 1
    lock.lock(ledger, by="test")
    waiting.join(15)


def test_an_empty_word_is_no_session(rogue, running, ledger):
    """Failed once: the end of anybody's stream ended the requests that came with one."""
    replies: list[Any] = []
    client = HttpClient(running.url())
    waiting = threading.Thread(target=lambda: replies.append(client.call("silent", Mcp_Session_Id="").json()))
    waiting.start()
    wait_until(lambda: any("silent" in x["body"] for x in seen(rogue)["seen"]), "the call at the server")
    stream = HttpClient(running.url()).request("GET")
    stream.leave()
    wait_until(lambda: "get" in seen(rogue)["left"], "the end of the stream")
    lock.lock(ledger, by="test")
    waiting.join(15)
    assert [code_of(reply["result"]) for reply in replies] == ["panic"]


@pytest.mark.parametrize(
    ("frame", "status"),
    [(b'{"jsonrpc":"2.0","id":1,"method":"ping","method":"ping"}', 400), (json.dumps(PING).encode(), 404)],
    ids=["refused here", "refused there"],
)
def test_a_session_that_nobody_keeps_ends_with_its_request(running, ledger, frame, status):
    """Failed once: what was refused here left its session open, and the screen counted a client more."""
    for number in range(3):
        assert HttpClient(running.url()).post(frame, Mcp_Session_Id=f"made-up-{number}").status == status
    wait_until(lambda: [bool(row.ended_utc) for row in ledger.sessions()] == [True] * 3, "the end of the sessions")
