"""The same gate over HTTP: locks, limits, quarantine, for every session of the gateway."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from mcpwatch.guard import lock
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.records import Dimension, Limit
from servers.gateways import GatewayProcess, gateway, http_server
from servers.httpclient import HttpClient
from servers.processes import wait_until

PASSWORD = "correct horse battery"


@pytest.fixture
def rogue() -> Iterator[int]:
    with http_server("http_rogue") as port:
        yield port


@pytest.fixture
def running(rogue, tmp_path) -> Iterator[GatewayProcess]:
    with gateway(tmp_path, {"srv": f"http://127.0.0.1:{rogue}/mcp"}) as running:
        yield running


@pytest.fixture
def ledger(running) -> Iterator[Ledger]:
    ledger = Ledger.open(running.state)
    yield ledger
    ledger.close()


def connected(running: GatewayProcess, name: str = "raw") -> HttpClient:
    client = HttpClient(running.url())
    assert client.initialize(name).status == 200
    return client


def seen(rogue: int) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{rogue}/seen") as answer:
        return json.load(answer)


def code_of(result: Any) -> str:
    assert result["isError"]
    return result["_meta"]["mcpwatch/refusal"]["code"]


@pytest.mark.parametrize("era", ["2025-11-25", "2026-07-28"])
def test_a14_panic_ends_an_answer_that_is_being_streamed(rogue, running, ledger, era):
    client = connected(running)
    answer = client.call("stall") if era == "2025-11-25" else HttpClient(running.url()).modern("stall")
    frames = answer.frames()
    assert next(frames)["method"] == "notifications/progress"
    lock.lock(ledger, by="test")
    started = time.monotonic()
    refused, *more = frames
    assert code_of(refused["result"]) == "panic"
    assert time.monotonic() - started < 2
    assert not more, "the stream ends with the refusal"
    assert ("resultType" in refused["result"]) == (era == "2026-07-28")
    wait_until(lambda: "stall" in seen(rogue)["left"], "the server noticing")
    if era == "2025-11-25":
        wait_until(
            lambda: any("notifications/cancelled" in x["body"] for x in seen(rogue)["seen"]), "the cancellation"
        )
    wait_until(lambda: ledger.latest_calls(1)[0].outcome == "cancelled", "the record")


def test_a14_panic_ends_a_call_that_has_no_answer_yet(running, ledger):
    client = connected(running)
    replies = []
    waiting = threading.Thread(target=lambda: replies.append(client.call("silent").json()))
    waiting.start()
    wait_until(lambda: any(row.tool == "silent" for row in ledger.latest_calls(10)), "the call in the records")
    lock.lock(ledger, by="test")
    waiting.join(10)
    assert code_of(replies[0]["result"]) == "panic"


def test_a12_while_locked_calls_are_refused_and_the_rest_goes_on(rogue, running, ledger):
    lock.lock(ledger, by="test")
    for client in (connected(running), HttpClient(running.url())):
        answer = client.modern("plain") if "Mcp-Session-Id" not in client.headers else client.call("plain")
        assert answer.status == 200
        assert code_of(answer.json()["result"]) == "panic"
    assert client.ask("ping").json()["result"] == {}
    assert not any("plain" in x["body"] for x in seen(rogue)["seen"])
    batch = [
        {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "plain"}},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "plain"}},
    ]
    answers = connected(running).post(batch).json()
    assert [(x["id"], code_of(x["result"])) for x in answers] == [(1, "panic"), (2, "panic")]


def test_a29_sampling_over_an_event_stream_is_admitted_like_a_call(rogue, running, ledger):
    lock.exempt(ledger, "srv/sampling", None, by="test")
    client = connected(running)
    asked = next(client.call("sampling").frames())
    assert asked["method"] == "sampling/createMessage"
    lock.lock(ledger, by="test")
    frames = client.call("sampling").frames()
    wait_until(lambda: any('"s1"' in x["body"] for x in seen(rogue)["seen"]), "our answer to the server")
    (told,) = [x["body"] for x in seen(rogue)["seen"] if '"s1"' in x["body"] and "error" in x["body"]]
    assert json.loads(told)["error"]["data"]["mcpwatch/refusal"]["code"] == "panic"
    assert frames is not None


def test_b15_a_poisoned_tool_is_neither_listed_nor_callable(running, ledger):
    client = connected(running)
    tools = client.ask("tools/list").json()["result"]["tools"]
    assert [tool["name"] for tool in tools] == ["plain"]
    assert code_of(client.call("evil").json()["result"]) == "quarantined"
    assert client.call("plain").status == 200


def test_a10_a_limit_holds_over_all_sessions(running, ledger):
    lock.set_password(ledger, PASSWORD, PASSWORD, None, by="test")
    lock.set_limits(ledger, [Limit(Dimension.CALLS, 30, 3600)], PASSWORD, by="test")
    lock.arm(ledger, by="test")
    outcomes: list[bool] = []
    together = threading.Barrier(8)

    def play(n: int) -> None:
        client = connected(running, f"client-{n}") if n % 2 else HttpClient(running.url())
        together.wait(30)
        for _ in range(10):
            answer = client.call("plain") if n % 2 else client.modern("plain")
            outcomes.append(answer.json()["result"].get("isError", False))

    threads = [threading.Thread(target=play, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 80
    assert outcomes.count(False) <= 30, "the lock ends those under way"
    assert next(u.used for u in ledger.usages() if u.limit.dimension is Dimension.CALLS) == 30
    wait_until(lambda: ledger.policy().lock.refused == 50, "fifty refusals counted")
    assert "31 calls" in ledger.policy().lock.reason
    wait_until(lambda: len(ledger.sessions()) == 5, "a row for each session, one for the sessionless client")


def test_a_decision_reaches_an_open_stream(running, ledger):
    """An approved tool appears: the client is told to list again, on its GET stream."""
    from mcpwatch.guard import approval

    client = connected(running)
    client.ask("tools/list").body()
    events = client.request("GET").frames()
    heard: list[Any] = []
    listening = threading.Thread(target=lambda: heard.append(next(events)), daemon=True)
    listening.start()
    wait_until(lambda: ledger.texts("srv", "tool", "evil"), "the definition in the records")
    (text,) = ledger.texts("srv", "tool", "evil")
    approval.approve(ledger, "srv", "tool", "evil", text.fingerprint, "UNLOCK", by="test")
    listening.join(15)
    assert heard[0]["method"] == "notifications/tools/list_changed"
    assert len(client.ask("tools/list").json()["result"]["tools"]) == 2
