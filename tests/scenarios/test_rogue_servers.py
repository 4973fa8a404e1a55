"""Servers that break the protocol: what the guard lets through, what it stops, and that it lives on.

Each `direct` run shows that the server really misbehaves.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mcpwatch.store.ledger import Ledger
from servers import server_command
from servers.rawclient import RawClient

MIB = 1 << 20
CALL, PING = 100, 101


def answer(text: str, id: int | str | None = CALL) -> dict:
    result = {"content": [{"type": "text", "text": text}], "isError": False, "resultType": "complete"}
    return {"jsonrpc": "2.0", "id": id, "result": result}


def frames_of_one_call(client: RawClient, **arguments: object) -> list[bytes]:
    """Everything the server sends between one call and the answer to the ping behind it."""
    client.initialize()
    before = len(client.received)
    params = {"name": "echo", "arguments": {"text": "hi"} | arguments}
    client.send({"jsonrpc": "2.0", "id": CALL, "method": "tools/call", "params": params})
    client.send({"jsonrpc": "2.0", "id": PING, "method": "ping"})
    while client.recv() != b'{"jsonrpc":"2.0","id":%d,"result":{}}' % PING:
        pass
    return client.received[before:-1]


def compact(message: object) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()


PROPER = compact(answer("hi"))
NOTIFICATIONS = [
    {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": n}} for n in (1, 2)
]
BATCH = compact([NOTIFICATIONS[0], answer("in a batch"), NOTIFICATIONS[1]])


def unread(why: str) -> bytes:
    """What the guard says in place of an answer that nobody can read."""
    message = f"mcpwatch: the server's answer could not be read: {why}"
    return compact({"jsonrpc": "2.0", "id": CALL, "error": {"code": -32011, "message": message}})


SURROGATE = compact(answer("lone \ud83d in content"))

# mode: (frames sent by the server, what the client gets through the guard)
EXPECTED: dict[str, tuple[int, list[bytes]]] = {
    "proper": (1, [PROPER]),
    "stray": (5, [PROPER]),
    "unknown-id": (4, [PROPER]),
    "string-id": (1, []),
    "twice": (2, [PROPER]),
    "duplicate-keys": (2, [unread("a repeated key")]),
    "bad-utf8": (2, [unread("invalid UTF-8")]),
    "not-objects": (6, [PROPER]),
    "surrogate": (1, [SURROGATE]),
    "batch": (1, [BATCH]),
    "crlf": (1, [PROPER + b"\r"]),
}


@pytest.mark.parametrize("mode", EXPECTED)
def test_only_clean_answers_to_questions_pass(route, mode):
    sent, forwarded = EXPECTED[mode]
    with RawClient(route.command(server_command("rogue", mode)), env=route.env) as client:
        frames = frames_of_one_call(client)
        if route.guarded:
            assert frames == forwarded
        else:
            assert len(frames) == sent
            assert {frame for frame in forwarded if b'"error"' not in frame} <= set(frames)
        client.drain()
        assert client.wait() == 0


def test_result_of_20_mib(route):
    with RawClient(route.command(server_command("rogue", "big")), env=route.env) as client:
        frames = frames_of_one_call(client, mib=20)
        assert [len(frame) for frame in frames] == [20 * MIB + len(compact(answer("")))]


def test_oversize_answer_is_dropped_in_bounded_memory(guarded):
    """The question is answered with an error that says why; the server's second answer to it comes too late."""
    with RawClient(guarded.command(server_command("rogue", "oversize")), env=guarded.env) as client:
        (frame,) = frames_of_one_call(client, mib=80)
        error = json.loads(frame)
        assert error["id"] == CALL
        assert "max_frame_mb" in error["error"]["message"]
        peak_kib = int(Path(f"/proc/{client.process.pid}/status").read_text().split("VmHWM:")[1].split()[0])
        assert peak_kib < 256 * 1024


def test_oversize_request_is_refused(guarded, tmp_path):
    record = tmp_path / "record"
    with RawClient(guarded.command(server_command("scripted", str(record))), env=guarded.env) as client:
        params = {"name": "echo", "arguments": {"text": "x" * (70 * MIB)}}
        client.send({"jsonrpc": "2.0", "id": CALL, "method": "tools/call", "params": params})
        refusal = json.loads(client.recv())
        assert refusal["error"]["message"]
        assert client.request("ping")["result"] == {}
    assert record.stat().st_size < 1000


def test_flood_of_notifications(route):
    with RawClient(route.command(server_command("rogue", "proper")), env=route.env) as client:
        client.initialize()
        before = len(client.received)
        assert client.call("flood", n=5000)["result"]["content"][0]["text"] == "flooded"
        numbers = [json.loads(frame)["params"]["data"] for frame in client.received[before:-1]]
        assert numbers == list(range(5000))


def test_flood_of_calls(route):
    """2 000 calls written without waiting: each gets its answer, in order."""
    with RawClient(route.command(server_command("rogue", "proper")), env=route.env) as client:
        client.initialize()
        before = len(client.received)
        for n in range(2000):
            params = {"name": "count"}
            client.send({"jsonrpc": "2.0", "id": f"f{n}", "method": "tools/call", "params": params})
        answers = [json.loads(frame) for frame in client.drain()[before:]]
        assert answers == [answer(str(n + 1), f"f{n}") for n in range(2000)]


def test_echoed_frames(route):
    """A server that sends back what it gets: requests come back as its own, and nothing else does."""
    request = b'{"jsonrpc":"2.0","id":1 ,"method":"ping"}'
    notification = b'{"method":"notifications/x", "jsonrpc":"2.0"}'
    response = b'{"jsonrpc":"2.0","id":1,"result":{}}'
    with RawClient(route.command(server_command("rogue", "echo")), env=route.env) as client:
        client.send(request)
        assert client.recv() == request
        client.send(response)  # answers the echoed request; its own echo answers ours
        assert client.recv() == response
        client.send(notification)
        assert client.recv() == notification
        client.drain()


def test_death_in_the_middle_of_an_answer(route):
    with RawClient(route.command(server_command("rogue", "die-mid-answer")), env=route.env) as client:
        client.initialize()
        before = len(client.received)
        client.send({"jsonrpc": "2.0", "id": CALL, "method": "tools/call", "params": {"name": "echo"}})
        frames = client.drain()[before:]
        assert client.wait() == 7
        if route.guarded:
            assert all("result" not in json.loads(frame) for frame in frames)
        else:
            with pytest.raises(json.JSONDecodeError):
                json.loads(frames[0])


REFUSED = {
    "same key twice": b'{"jsonrpc":"2.0","id":7,"method":"ping","method":"tools/call","params":{"name":"a"}}',
    "same key twice, escaped": b'{"jsonrpc":"2.0","id":7,"method":"ping","\\u006dethod":"tools/call"}',
    "same name twice": b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"a","name":"b"}}',
    "same id twice": b'{"jsonrpc":"2.0","id":7,"id":8,"method":"tools/call","params":{"name":"a"}}',
    "same params twice": b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"a"},"params":{}}',
    "same key twice, in a batch": b'[{"jsonrpc":"2.0","id":7,"method":"ping","method":"tools/call"}]',
    "not an object": b"42",
    "null": b"null",
    "a string": b'"tools/call"',
    "not JSON": b'{"jsonrpc":"2.0","id":7,"method":',
    "two objects on a line": b'{"jsonrpc":"2.0","id":7,"method":"ping"}{"jsonrpc":"2.0","id":8,"method":"ping"}',
    "NaN": b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"a","arguments":{"x":NaN}}}',
    "invalid UTF-8": b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"\xff\xfe"}}',
    "overlong UTF-8": b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"\xc0\xae"}}',
    "lone surrogate in a name": b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"a\\ud800"}}',
    "lone surrogate in the method": b'{"jsonrpc":"2.0","id":7,"method":"tools/call\\udfff","params":{}}',
    "byte order mark": b'\xef\xbb\xbf{"jsonrpc":"2.0","id":7,"method":"ping"}',
    "nested too deep": b'{"jsonrpc":"2.0","id":7,"method":"ping","params":{"a":'
    + b"[" * 200_000
    + b"]" * 200_000
    + b"}}",
}


@pytest.mark.parametrize("frame", REFUSED.values(), ids=REFUSED)
def test_frames_two_readers_could_read_differently_are_refused(guarded, tmp_path, frame):
    record = tmp_path / "record"
    with RawClient(guarded.command(server_command("scripted", str(record))), env=guarded.env) as client:
        client.send(frame)
        refusal = json.loads(client.recv())
        refusal = refusal[0] if isinstance(refusal, list) else refusal
        assert refusal["jsonrpc"] == "2.0"
        assert refusal["id"] in (None, 7)
        assert isinstance(refusal["error"]["code"], int)
        assert refusal["error"]["message"]
        assert client.request("ping")["result"] == {}
        client.drain()
    assert [json.loads(line)["method"] for line in record.read_bytes().splitlines()] == ["ping"]


@pytest.mark.parametrize("frame", [b"", b"   ", b"\r"], ids=["empty", "blanks", "carriage return"])
def test_blank_lines_do_no_harm(route, frame):
    with RawClient(route.command(server_command("scripted", "/dev/null")), env=route.env) as client:
        client.send(frame)
        assert client.request("ping")["result"] == {}
        assert len(client.drain()) == 1


UNREADABLE = {
    "NaN": '{"jsonrpc":"2.0","id":ID,"result":{"content":[],"structuredContent":{"x":NaN}}}',
    "Infinity, id at the end": '{"jsonrpc":"2.0","result":{"x":[-Infinity]},"id":ID}',
    "deep": '{"jsonrpc":"2.0","id":ID,"result":{"x":' + "[" * 2000 + "]" * 2000 + "}}",
    "bad UTF-8": '{"jsonrpc":"2.0","id":ID,"result":{"x":"\xff"}}',
    "control character": '{"jsonrpc":"2.0","id":ID,"result":{"x":"\x01"}}',
    "byte order mark": '\xef\xbb\xbf{"jsonrpc":"2.0","id":ID,"result":{}}',
    "key twice": '{"jsonrpc":"2.0","id":ID,"result":{},"result":{}}',
    "key in another case": '{"jsonrpc":"2.0","id":ID,"Result":{}}',
    "cut": '{"jsonrpc":"2.0","id":ID,"result":{"x":',
    "in a batch": '[{"jsonrpc":"2.0","id":ID,"result":{"x":NaN}}]',
}


def test_no_client_waits_for_an_answer_that_nobody_can_read(guarded):
    with RawClient(guarded.command(server_command("scripted", "/dev/null")), env=guarded.env) as client:
        for n, text in enumerate(UNREADABLE.values()):
            params = {"name": "t", "arguments": {}, "_meta": {"test/emit": [text.replace("ID", str(n))]}}
            client.send({"jsonrpc": "2.0", "id": n, "method": "tools/call", "params": params})
            told = json.loads(client.recv())
            assert (told["id"], told["error"]["code"]) == (n, -32011)
            assert "the server's answer could not be read: " in told["error"]["message"]
        client.drain()
        assert client.wait() == 0
    ledger = Ledger.open(Path(guarded.env["MCPWATCH_STATE"]) / "state.db")
    rows = ledger.latest_calls(100)
    ledger.close()
    outcomes = [(row.method, row.outcome) for row in rows]
    assert outcomes.count(("tools/call", "violation")) == len(UNREADABLE)
    assert outcomes.count(("(violation)", "violation")) == len(UNREADABLE)
