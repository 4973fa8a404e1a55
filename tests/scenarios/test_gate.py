"""No way round the gate: whatever spells a `tools/call`, on whatever connection, is held by lock and limit."""

from __future__ import annotations

import json
import threading
from collections import Counter
from pathlib import Path

import pytest

from mcpwatch.guard import lock
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.records import Dimension, Limit
from servers import server_command
from servers.rawclient import MODERN_META, RawClient

PASSWORD = "correct horse battery"


def state_of(route) -> Ledger:
    return Ledger.open(Path(route.env["MCPWATCH_STATE"]) / "state.db")


@pytest.fixture
def locked(guarded):
    ledger = state_of(guarded)
    lock.lock(ledger, "for this test", by="test")
    ledger.close()
    return guarded


def call(id: str, params: str = '{"name":"pay","arguments":{}}') -> bytes:
    return f'{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{params}}}'.encode()


HELD = {
    "plain": call("1"),
    "first frame of a stateless connection": call("1", json.dumps({"name": "pay", "_meta": MODERN_META})),
    "method in escapes": call("1").replace(b"tools/call", rb"\u0074ools\/c\u0061ll"),
    "key in escapes": call("1").replace(b'"method"', rb'"\u006dethod"'),
    "white space": call("1").replace(b":", b" :\t").replace(b",", b" ,\r "),
    "other order": b'{"params":{"name":"pay"},"method":"tools/call","id":1,"jsonrpc":"2.0"}',
    "string id": call('"a"'),
    "fractional id": call("1.5"),
    "huge id": call("1" * 40),
    "null id": call("null"),
    "object id": call("{}"),
    "no id": b'{"jsonrpc":"2.0","method":"tools/call","params":{"name":"pay"}}',
    "no version": b'{"id":1,"method":"tools/call","params":{"name":"pay"}}',
    "method twice": b'{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call","params":{"name":"pay"}}',
    "method twice, the other way": b'{"id":1,"method":"tools/call","params":{"name":"pay"},"method":"ping"}',
    "method in two cases": b'{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call","params":{"name":"pay"}}',
    "dressed as an answer": b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay"},"result":{}}',
    "in a batch": b"[" + call("1") + b"]",
    "in a nested batch": b"[[" + call("1") + b"]]",
    "last in a batch": b'[{"jsonrpc":"2.0","method":"n"},[],' + call("1") + b"]",
    "no name": call("1", "{}"),
    "a name that is no string": call("1", '{"name":["pay"]}'),
    "params by position": call("1", '["pay"]'),
    "unknown members": call("1", '{"name":"pay","x":[1e400],"task":{"ttl":1}}'),
    "upper case": call("1").replace(b"tools/call", b"TOOLS/CALL"),
    "a blank before the method": call("1").replace(b"tools/call", b" tools/call"),
    "a NUL behind the method": call("1").replace(b"tools/call", rb"tools/call\u0000"),
    "a slash behind the method": call("1").replace(b"tools/call", b"tools/call/"),
    "full width": call("1").replace(b"tools/call", "ｔｏｏｌｓ/ｃａｌｌ".encode()),
    "method in another case": call("1").replace(b'"method"', b'"Method"'),
    "a retry nobody is owed": call("1", '{"name":"pay","requestState":"x","inputResponses":{}}'),
    "with stray carriage return": call("1") + b"\r",
    "behind a blank": b" " * 70_000 + call("1"),
}


@pytest.mark.parametrize("frame", HELD.values(), ids=HELD)
def test_a25_nothing_that_calls_a_tool_passes_a_lock(locked, tmp_path, frame):
    record = tmp_path / "record"
    with RawClient(locked.command(server_command("scripted", str(record))), env=locked.env) as client:
        client.send(frame)
        client.send({"jsonrpc": "2.0", "id": "after", "method": "ping"})
        assert json.loads(client.drain()[-1]) == {"jsonrpc": "2.0", "id": "after", "result": {}}
    passed = [json.loads(line) for line in record.read_bytes().splitlines()]
    assert b"pay" not in record.read_bytes()
    methods = [part["method"] for line in passed for part in (line if isinstance(line, list) else [line])]
    assert [method for method in methods if method != "n"] == ["ping"]


def test_what_else_stands_in_a_batch_passes_a_lock(locked, tmp_path):
    record = tmp_path / "record"
    batch = b'[{"jsonrpc":"2.0","id":2,"method":"ping"},' + call("1") + b',{"jsonrpc":"2.0","method":"n"}]'
    with RawClient(locked.command(server_command("scripted", str(record))), env=locked.env) as client:
        client.send(batch)
        answers = [json.loads(frame) for frame in client.drain()]
    answers = [part for frame in answers for part in (frame if isinstance(frame, list) else [frame])]
    by_id = {part["id"]: part["result"] for part in answers}
    assert by_id[2] == {}
    assert by_id[1]["isError"]
    assert by_id[1]["_meta"]["mcpwatch/refusal"]["code"] == "panic"
    (passed,) = record.read_bytes().splitlines()
    assert [part["method"] for part in json.loads(passed)] == ["ping", "n"]


def test_a10_twenty_guards_admit_exactly_the_limit(guarded):
    """20 processes × 20 calls at once against a limit of 30.

    The lock that the 31st brings about ends what is in flight, so that an admitted call may come to nothing.
    """
    ledger = state_of(guarded)
    lock.set_password(ledger, PASSWORD, PASSWORD, None, by="test")
    lock.set_limits(ledger, [Limit(Dimension.CALLS, 30, 3600)], PASSWORD, by="test")
    lock.arm(ledger, by="test")
    outcomes: list[bool] = []
    together = threading.Barrier(20)

    def play(n: int) -> None:
        command = guarded.command(server_command("rogue", "proper"), f"server-{n}")
        with RawClient(command, env=guarded.env) as client:
            client.initialize()
            together.wait(60)
            outcomes.extend(client.call("count")["result"]["isError"] for _ in range(20))
            client.drain()
            assert client.wait() == 0

    threads = [threading.Thread(target=play, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 400
    recorded = Counter(row.outcome for row in ledger.latest_calls(1000) if row.method == "tools/call")
    assert recorded["ok"] == outcomes.count(False)
    assert recorded["ok"] + recorded["cancelled"] == 30
    assert recorded["refused"] == 370
    usage = {u.limit.key: u.used for u in ledger.usages()}
    assert usage["calls/3600s"] == 30
    found = ledger.policy().lock
    assert found.code == "calls"
    assert "31 calls" in found.reason
    assert found.refused == 370
    ledger.close()


def test_a27_a_damaged_state_refuses_calls_and_relays_the_rest(guarded):
    state = Path(guarded.env["MCPWATCH_STATE"])
    state.mkdir()
    (state / "state.db").write_bytes(b"not a database" * 1000)
    with RawClient(guarded.command(server_command("rogue", "proper")), env=guarded.env) as client:
        client.initialize()
        assert len(client.request("tools/list")["result"]["tools"]) == 5
        refused = client.call("count")["result"]
        assert refused["isError"]
        assert "doctor" in refused["content"][0]["text"]
        assert client.request("ping")["result"] == {}
