"""What ends a question, a stream, or the bridge itself, and what must not."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from mcpwatch.relay import bridge_server
from mcpwatch.relay.bridge_server import BridgedServer
from mcpwatch.relay.http_upstream import Unreachable
from mcpwatch.store.ledger import Ledger
from relay.test_bridge import bridge_command
from relay.test_lock_unread import send, unread, waiting
from servers import guard_env
from servers.http_odd import OddServer, odd_server
from servers.processes import wait_until
from servers.rawclient import MODERN_META, RawClient

MODERN = {"_meta": MODERN_META}


@pytest.fixture
def odd() -> Iterator[OddServer]:
    with odd_server() as server:
        yield server


@pytest.fixture
def old(odd, tmp_path) -> Iterator[RawClient]:
    """A client of the server over HTTP+SSE (2024-11-05)."""
    with RawClient(bridge_command(f"http://127.0.0.1:{odd.port}/old"), env=small_frames(tmp_path)) as client:
        client.initialize("2024-11-05")
        yield client


@pytest.fixture
def client(odd, tmp_path) -> Iterator[RawClient]:
    with RawClient(bridge_command(f"http://127.0.0.1:{odd.port}/mcp"), env=small_frames(tmp_path)) as client:
        yield client


def small_frames(directory: Path) -> dict[str, str]:
    """The environment of a guard that relays frames of up to 1 MiB."""
    env = guard_env(directory)
    Path(env["MCPWATCH_CONFIG"]).write_text("max_frame_mb = 1\n")
    return env


def violations(directory: Path) -> list[str]:
    """What is on record of them, when the guard has ended."""
    ledger = Ledger.open(directory / "state" / "state.db")
    try:
        return [row.note for row in ledger.latest_calls(100) if row.outcome == "violation"]
    finally:
        ledger.close()


def call(id: int, tool: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool, "arguments": {}, **params}}


def test_a_server_that_takes_its_question_back_ends_no_call_of_the_same_id(odd, client):
    """Failed once: the next line of the client ended its own call, which was never answered."""
    client.initialize()
    client.send(call(7, "takes back"))
    assert json.loads(client.recv())["method"] == "sampling/createMessage"
    assert json.loads(client.recv())["method"] == "notifications/cancelled"
    assert "result" in client.call("plain")
    odd.go()
    answer = json.loads(client.recv())
    assert (answer["id"], "result" in answer) == (7, True)


def test_a_subscription_that_the_server_ends_takes_no_call_with_it(odd, client):
    """Failed once: the next line of the client never reached the server. Its stream is closed, which the server
    does not do: the bridge does not wait for it when the client leaves."""
    client.send({"jsonrpc": "2.0", "id": 2, "method": "subscriptions/listen", "params": MODERN})
    assert json.loads(client.recv())["method"] == "notifications/subscriptions/acknowledged"
    odd.go()
    assert json.loads(client.recv())["method"] == "notifications/cancelled"
    client.send(call(3, "plain", **MODERN))
    assert json.loads(client.recv())["id"] == 3
    assert odd.left()


@pytest.mark.parametrize("end", ["SIGTERM", "end of input"])
def test_it_ends_though_the_client_reads_nothing(odd, tmp_path, end):
    """Failed once: the thread that wrote was waited for."""
    with unread(bridge_command(f"http://127.0.0.1:{odd.port}/mcp"), tmp_path) as process:
        assert process.stdin
        send(process, id=1, method="tools/call", params={"name": "huge", "arguments": {}})
        wait_until(lambda: waiting(process) > 0, "the beginning of the answer")
        if end == "SIGTERM":
            process.send_signal(signal.SIGTERM)
        else:
            process.stdin.close()
        assert process.wait(20) == (128 + signal.SIGTERM if end == "SIGTERM" else 0)


def test_a_frame_that_the_server_does_not_take_holds_up_nothing(odd, client):
    """Failed once: nothing of the client's was read any more, nor that it had left."""
    client.initialize()
    for _ in range(3):
        client.send({"jsonrpc": "2.0", "method": "notifications/unanswered"})
    assert "result" in client.call("plain")
    wait_until(lambda: odd.methods().count("notifications/unanswered") == 3, "all of them")
    client.drain()
    assert client.wait() == 0


def test_an_event_that_is_too_large_ends_a_session_over_sse_with_every_question(odd, old, tmp_path):
    """Failed once: nothing was heard any more, and nobody was told."""
    old.send(call(5, "held"))
    wait_until(lambda: "tools/call" in odd.methods(), "the call")
    old.send(call(6, "huge"))
    told = [json.loads(old.recv()), json.loads(old.recv())]
    assert [answer["id"] for answer in told] == [5, 6]
    assert all("more than 1,048,576 bytes" in answer["error"]["message"] for answer in told)
    assert old.wait() == 1
    assert violations(tmp_path) == ["an event of more than 1,048,576 bytes"]


def test_one_in_the_answer_to_a_post_ends_that_only(client, tmp_path):
    """It was not on record."""
    client.initialize()
    assert "more than 1,048,576 bytes" in client.call("huge")["error"]["message"]
    assert "result" in client.call("plain")
    client.drain()
    assert client.wait() == 0
    assert violations(tmp_path) == ["an event of more than 1,048,576 bytes"]


def test_an_answer_over_sse_comes_though_the_client_sends_no_more(odd, old):
    """Failed once: the bridge left as soon as the server had taken the question."""
    old.send(call(5, "held"))
    old.close_stdin()
    wait_until(lambda: "tools/call" in odd.methods(), "the call")
    with contextlib.suppress(subprocess.TimeoutExpired):
        old.wait(0.5)  # for the bridge to notice; there is nothing to see of that
    odd.go()
    assert json.loads(old.recv())["id"] == 5
    assert old.wait() == 0


def test_a_signal_ends_the_wait_for_the_last_answers(odd, client):
    client.send(call(5, "held"))
    client.close_stdin()
    wait_until(lambda: "tools/call" in odd.methods(), "the call")
    client.process.send_signal(signal.SIGTERM)
    assert client.wait() == 128 + signal.SIGTERM


async def test_a_server_that_names_no_endpoint(monkeypatch):
    """Failed once: the first request waited for ever, and one that was cancelled took it from all others."""
    server = BridgedServer("srv", URL("http://127.0.0.1:9/sse"), {"Authorization": "x"}, lambda: "")
    try:
        server.endpoint = asyncio.get_running_loop().create_future()
        gone = asyncio.ensure_future(server.post(b"{}", {}))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.wait([gone])
        assert not server.endpoint.done()
        monkeypatch.setattr(bridge_server, "ENDPOINT_S", 0.0)
        for _ in range(2):
            with pytest.raises(Unreachable, match="named no endpoint"):
                await server.post(b"{}", {})
    finally:
        await server.close()
