"""Tasks behind a real guard: what they bring is paid for by the tool that made them, and none of it comes while
locked."""

from __future__ import annotations

import http.server
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcpwatch.guard import approval, lock
from mcpwatch.guard.gate import Gate
from mcpwatch.relay.exchange import Exchange
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.records import Dimension, Limit
from servers import guard_command, guard_env
from servers.gateways import gateway
from servers.httpclient import HttpClient
from servers.processes import wait_until
from servers.rawclient import MODERN_META, RawClient

PASSWORD = "correct horse battery"
META = "mcpwatch/refusal"
BIG = "word " * 400_000  # 2 MB

SERVER = r"""
import json, sys
for line in sys.stdin:
    m = json.loads(line)
    method, params = m.get("method"), m.get("params") or {}
    if method == "tools/call":
        result = {"task": {"taskId": params["name"], "status": "working", "ttl": None}}
    elif method == "tasks/result":
        if params["taskId"] == "slow":
            continue
        result = {"content": [{"type": "text", "text": "word " * (400000 if params["taskId"] == "big" else 1)}]}
    elif method == "initialize":
        result = {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "s", "version": "1"}}
    elif "id" in m:
        result = {"taskId": params.get("taskId"), "status": "completed"}
    else:
        if method == "notifications/cancelled":
            sys.stderr.write("cancelled %s" % params["requestId"])
        continue
    print(json.dumps({"jsonrpc": "2.0", "id": m["id"], "result": result}), flush=True)
"""


def code(message: dict[str, Any]) -> str:
    found: str = message["error"]["data"][META]["code"]
    return found


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger.open(tmp_path / "state" / "state.db")
    lock.set_password(ledger, PASSWORD, PASSWORD, None, by="test")
    yield ledger
    ledger.close()


def used(ledger: Ledger, dimension: Dimension) -> int:
    return next(one.used for one in ledger.usages() if one.limit.dimension == dimension)


def running(tmp_path: Path) -> RawClient:
    return RawClient(guard_command("srv", [sys.executable, "-c", SERVER]), env=guard_env(tmp_path))


# ---------------------------------------------------------------------- 2025-11-25, real processes
def test_a27_a_tasks_result_of_2_mb_passes_the_token_limit(tmp_path, ledger):
    lock.arm(ledger, by="test")
    with running(tmp_path) as client:
        client.initialize()
        assert client.request("tools/call", {"name": "big", "arguments": {}, "task": {}})["result"]["task"]
        assert len(json.dumps(client.request("tasks/result", {"taskId": "big"})["result"])) > 2_000_000
        wait_until(lambda: used(ledger, Dimension.TOKENS) > 400_000, "the charge")
        refused = client.call("other")
        assert refused["result"]["_meta"][META]["code"] == "tokens"
        assert code(client.request("tasks/result", {"taskId": "big"})) == "tokens"
        assert client.request("tasks/get", {"taskId": "big"})["result"]["status"] == "completed"
        assert "result" in client.request("tasks/cancel", {"taskId": "big"})
    assert used(ledger, Dimension.CALLS) == 1
    (fetched,) = [row for row in ledger.latest_calls(20) if row.method == "tasks/result" and row.outcome == "ok"]
    assert (fetched.tool, fetched.flags, fetched.protected) == ("big", "retry,unlisted", True)
    assert fetched.tokens_out > 400_000


def test_a14_the_panic_key_ends_who_waits_for_a_result(tmp_path, ledger):
    with running(tmp_path) as client:
        client.initialize()
        client.request("tools/call", {"name": "slow", "arguments": {}, "task": {}})
        client.send({"jsonrpc": "2.0", "id": "r", "method": "tasks/result", "params": {"taskId": "slow"}})
        wait_until(lambda: any(row.method == "tasks/result" for row in ledger.latest_calls(9)), "the open request")
        lock.lock(ledger, by="test")
        ended = json.loads(client.recv())
        assert (ended["id"], code(ended)) == ("r", "panic")
        client.drain()
        client.wait()
        wait_until(lambda: client.stderr, "the server hearing of it")
        assert b"cancelled r" in client.stderr


def test_a_task_of_an_earlier_session_is_charged_under_a_name_of_its_own(tmp_path, ledger):
    with running(tmp_path) as client:
        client.initialize()
        assert "result" in client.request("tasks/result", {"taskId": "small"})
        wait_until(lambda: used(ledger, Dimension.CALLS) == 1, "the charge")
        lock.exempt(ledger, "srv/@task", PASSWORD, by="test")
        assert "result" in client.request("tasks/result", {"taskId": "small"})
        lock.lock(ledger, by="test")
        assert "result" in client.request("tasks/result", {"taskId": "small"})
        client.drain()
        client.wait()
    assert used(ledger, Dimension.CALLS) == 1
    assert {row.tool for row in ledger.latest_calls(9) if row.method == "tasks/result"} == {"@task"}


# ---------------------------------------------------------------------- 2026-07-28, a real gate
class Modern:
    """A client and a server of the extension, with a real gate between them."""

    def __init__(self, state: Path) -> None:
        self.gate = Gate(server="srv", transport="stdio", command="x", on_lock=lambda _: None, state=state)
        self.refusals: list[dict[str, Any]] = []
        self.exchange = Exchange(self.gate, lambda frame: self.refusals.append(json.loads(frame)), lambda frame: None)
        self.id = 0

    def asks(self, method: str, result: Any, **params: Any) -> bool:
        """A request and its answer. Whether the client has it."""
        self.id += 1
        ask = {"jsonrpc": "2.0", "id": self.id, "method": method, "params": {**params, "_meta": MODERN_META}}
        if self.exchange.from_client(json.dumps(ask).encode()) is None:
            return False
        answer = json.dumps({"jsonrpc": "2.0", "id": self.id, "result": result})
        return self.exchange.from_server(answer.encode()) is not None

    def tells(self, **params: Any) -> bool:
        told = json.dumps({"jsonrpc": "2.0", "method": "notifications/tasks", "params": params})
        return self.exchange.from_server(told.encode()) is not None

    def close(self) -> None:
        self.exchange.close()
        self.gate.close(0)


@pytest.fixture
def modern(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Modern]:
    monkeypatch.setenv("MCPWATCH_CONFIG", str(tmp_path / "config.toml"))
    (tmp_path / "config.toml").write_text(
        'tokenizer = "estimate"\n[[prices]]\npattern = "srv/t"\nper_call = 0.5\nper_1k_in = 0\nper_1k_out = 0\n'
    )
    made = Modern(tmp_path / "state" / "state.db")
    yield made
    made.close()


WORKING = {"resultType": "task", "taskId": "k", "status": "working"}


def completed(text: str) -> dict[str, Any]:
    result = {"content": [{"type": "text", "text": text}]}
    return {"resultType": "complete", "taskId": "k", "status": "completed", "result": result}


def test_a27_what_tasks_get_brings_counts_and_asking_does_not(ledger, modern):
    lock.set_limits(ledger, [Limit(Dimension.TOKENS, 10_000, 3600)], PASSWORD, by="test")
    lock.arm(ledger, by="test")
    assert modern.asks("tools/call", WORKING, name="t", arguments={})
    before = used(ledger, Dimension.TOKENS)
    for _ in range(50):
        assert modern.asks("tasks/get", {**WORKING, "resultType": "complete"}, taskId="k")
    assert modern.asks("tasks/get", completed("word " * 50_000), taskId="k")
    wait_until(lambda: used(ledger, Dimension.TOKENS) > before + 40_000, "the charge")
    assert used(ledger, Dimension.TOKENS) < before + 60_000, "fifty states cost nothing"
    assert (used(ledger, Dimension.CALLS), used(ledger, Dimension.COST)) == (1, 500_000)
    assert not modern.asks("tasks/get", completed("once more"), taskId="k")
    assert code(modern.refusals[-1]) == "tokens"
    assert ledger.policy().lock.locked
    assert modern.asks("tasks/get", {**WORKING, "resultType": "complete"}, taskId="k")
    assert not modern.tells(**completed("pushed"))


def test_a27_what_a_notification_brings_counts(ledger, modern):
    lock.arm(ledger, by="test")
    assert modern.asks("tools/call", WORKING, name="t", arguments={})
    assert modern.tells(**completed("word " * 400_000))
    wait_until(lambda: used(ledger, Dimension.TOKENS) > 400_000, "the charge")
    assert used(ledger, Dimension.CALLS) == 1
    assert not modern.tells(**completed("once more"))


def test_b15_a_quarantined_tools_task_brings_nothing(ledger, modern):
    tools = {"tools": [{"name": "t", "description": "Adds.", "inputSchema": {"type": "object"}}]}
    assert modern.asks("tools/list", tools)
    assert modern.asks("tools/call", WORKING, name="t", arguments={})
    assert modern.asks("tasks/get", completed("a"), taskId="k")
    wait_until(lambda: ledger.definitions("srv").listed, "the definition in the state file")
    approval.block(ledger, "srv", *ledger.definitions("srv").listed[0], by="test")
    assert not modern.asks("tasks/get", completed("b"), taskId="k")
    assert not modern.asks("tasks/result", completed("b"), taskId="k")
    assert not modern.tells(**completed("c"))
    assert [code(one) for one in modern.refusals] == ["quarantined"] * 2


def figures(ledger: Ledger) -> dict[str, tuple[int, int, int, int, int]]:
    """tool → calls, errors, refused, tokens, cost."""
    return {row.name: (row.calls, row.errors, row.refused, row.tokens, row.cost) for row in ledger.tools()}


def test_what_a_task_brings_is_in_the_tools_figures_and_is_no_further_call(ledger, modern):
    """Failed once: the limits had its tokens and cost, the tool's row did not."""
    for name in ("x", "t"):
        assert modern.asks("tools/call", {**WORKING, "taskId": name}, name=name, arguments={})
    for _ in range(3):
        assert modern.asks("tasks/get", {**WORKING, "resultType": "complete"}, taskId="t")
    assert modern.asks("tasks/get", completed("word " * 900), taskId="t")
    assert modern.asks("tasks/result", completed("word " * 90), taskId="t")
    assert modern.asks("tasks/cancel", {}, taskId="t")
    assert modern.tells(**{**completed("word " * 300), "taskId": "t"})
    assert modern.asks("tasks/get", {**completed("word " * 20), "taskId": "of before"}, taskId="of before")
    lock.lock(ledger, by="test")
    assert not modern.asks("tasks/result", completed("once more"), taskId="t")
    modern.close()
    found = figures(ledger)
    assert [found[name][:3] for name in ("x", "t", "@task")] == [(1, 0, 0), (1, 0, 0), (1, 0, 0)]
    paid = [row for row in ledger.latest_calls(30) if row.protected and row.outcome == "ok"]
    for name in found:
        rows = [row for row in paid if row.tool == name]
        assert found[name][3:] == (sum(row.tokens_in + row.tokens_out for row in rows), sum(r.cost for r in rows))
    assert found["t"][3] > 1200 and found["t"][4] == 500_000
    assert sum(one[3] for one in found.values()) == used(ledger, Dimension.TOKENS)


def test_an_exempted_tools_task_is_in_its_figures_too(ledger, modern):
    lock.exempt(ledger, "srv/*", PASSWORD, by="test")
    assert modern.asks("tools/call", WORKING, name="t", arguments={})
    for _ in range(12):  # the last two are calls, as limits would see them
        assert modern.asks("tasks/get", completed("word " * 100), taskId="k")
    modern.close()
    calls, _, _, tokens, _ = figures(ledger)["t"]
    rows = [row for row in ledger.latest_calls(30) if row.tool == "t"]
    assert (calls, tokens) == (3, sum(row.tokens_in + row.tokens_out for row in rows))


# ---------------------------------------------------------------------- 2026-07-28, through the gateway
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        result = WORKING if asked["method"] == "tools/call" else completed("done")
        body = json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def served() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_gateway_knows_a_task_from_one_request_to_the_next(served, tmp_path):
    with gateway(tmp_path, {"srv": f"http://127.0.0.1:{served}/mcp"}) as running:
        ledger = Ledger.open(running.state)
        try:
            first, second = HttpClient(running.url()), HttpClient(running.url())
            assert first.modern("search").json()["result"]["taskId"] == "k"
            ask = {"jsonrpc": "2.0", "id": 7, "method": "tasks/get", "params": {"taskId": "k", "_meta": MODERN_META}}
            headers = {"MCP_Protocol_Version": "2026-07-28", "Mcp_Method": "tasks/get", "Mcp_Name": "k"}
            assert "result" in second.post(ask, **headers).json()["result"]
            lock.lock(ledger, by="test")
            assert code(first.post({**ask, "id": 8}, **headers).json()) == "panic"
            wait_until(lambda: {row.outcome for row in ledger.latest_calls(9)} == {"ok", "refused"}, "the records")
            fetched = [row for row in ledger.latest_calls(9) if row.method == "tasks/get"]
            assert {(row.tool, row.flags) for row in fetched} == {("search", "retry,unlisted")}
        finally:
            ledger.close()
