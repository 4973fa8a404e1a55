"""The relay between real processes, where a pipe is full, closed, or cut in the middle of a frame."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mcpwatch.guard import lock
from mcpwatch.relay.exchange import Exchange
from mcpwatch.relay.stdio import Closed, Replies, Writer, _through
from mcpwatch.store.ledger import Ledger
from relay.fakegate import FakeGate
from servers import guard_command, guard_env
from servers.processes import wait_until
from servers.rawclient import RawClient

MIB = 1 << 20


def guarded(script: str, tmp_path: Path, *, config: str = "") -> RawClient:
    """A server given as Python source, behind a guard."""
    env = guard_env(tmp_path)
    Path(env["MCPWATCH_CONFIG"]).write_text(config)
    return RawClient(guard_command("srv", [sys.executable, "-c", script]), env=env)


def call(id: int, text: str = "") -> bytes:
    params = {"name": "t", "arguments": {"text": text}}
    return json.dumps({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}).encode()


# ---------------------------------------------------------------------- batches
def test_refusals_of_a_batch_come_as_a_batch():
    written: list[bytes] = []
    replies, gate = Replies(written.append), FakeGate()
    gate.refuse = {"t"}
    exchange = Exchange(gate, replies, written.append, replies.together)
    ping = b'{"jsonrpc":"2.0","id":3,"method":"ping"}'
    assert exchange.from_client(b"[" + call(1) + b"," + call(2) + b',{"id":5,"Method":"x"}]') is None
    (frame,) = written
    assert frame.endswith(b"]\n")
    assert [(message["id"], "error" in message) for message in json.loads(frame)] == [
        (1, False),
        (2, False),
        (5, True),
    ]
    written.clear()
    assert exchange.from_client(b"[" + ping + b"," + call(4) + b"]") == b"[" + ping + b"]"
    assert [message["id"] for message in json.loads(written[0])] == [4]
    written.clear()
    assert exchange.from_client(b"[" + ping.replace(b"3", b"7") + b"]") is not None
    assert written == []
    assert exchange.from_client(call(8)) is None
    assert json.loads(written[0])["id"] == 8


def test_a_lock_answers_in_the_middle_of_a_batch():
    """From its own thread, and at once."""
    written: list[bytes] = []
    replies = Replies(written.append)
    with replies.together():
        replies(b'{"id":1}\n')
        other = threading.Thread(target=replies, args=(b'{"id":2}\n',))
        other.start()
        other.join()
        assert written == [b'{"id":2}\n']
    assert written[1:] == [b'[{"id":1}]\n']


# ---------------------------------------------------------------------- the server's side of the pipes
DEAF = """
import sys, time
sys.stdin.buffer.readline()
print('{"jsonrpc":"2.0","method":"n"}', flush=True)
time.sleep(600)
"""


def test_a14_a_lock_reaches_the_client_though_the_server_reads_nothing(tmp_path):
    """The pipe to the server is full and a frame is stuck in it: the cancellation waits, the refusal does not."""
    with guarded(DEAF, tmp_path) as client:
        client.send(call(1))
        client.recv()
        threading.Thread(target=lambda: client.send(call(2, "x" * MIB)), daemon=True).start()
        ledger = Ledger.open(tmp_path / "state" / "state.db")
        wait_until(lambda: len(ledger.latest_calls(10)) >= 2, "both calls in the ledger")
        lock.lock(ledger, by="command line")
        replies = [json.loads(client.recv()) for _ in range(2)]
        assert sorted(reply["id"] for reply in replies) == [1, 2]
        assert all(reply["result"]["isError"] for reply in replies)
        ledger.close()


CLOSES_STDIN = """
import os, sys, time
os.close(0)
print('{"jsonrpc":"2.0","method":"closed"}', flush=True)
time.sleep(0.2)
print('{"jsonrpc":"2.0","method":"still-here"}', flush=True)
time.sleep(600)
"""


def test_a_server_that_closes_its_stdin_closes_the_clients(tmp_path):
    with guarded(CLOSES_STDIN, tmp_path) as client:
        assert b"closed" in client.recv()
        with pytest.raises(BrokenPipeError):
            for n in range(10_000):
                client.send(call(n, "x" * 1000))
        assert b"still-here" in client.recv()


BOTH_WAYS = """
import sys, threading
def write():
    for n in range(8):
        sys.stdout.write('{"jsonrpc":"2.0","method":"n","params":{"x":"' + 'y' * (1 << 20) + '"}}\\n')
    sys.stdout.flush()
thread = threading.Thread(target=write); thread.start()
size = sum(len(line) for line in sys.stdin.buffer)
thread.join()
print('{"jsonrpc":"2.0","method":"read","params":{"bytes":%d}}' % size)
"""


def test_large_frames_both_ways_at_once(tmp_path):
    with guarded(BOTH_WAYS, tmp_path) as client:
        for n in range(8):
            client.send(call(n, "x" * MIB))
        frames = client.drain()
        assert len(frames) == 9
        assert json.loads(frames[-1])["params"]["bytes"] > 8 * MIB
        assert client.wait() == 0


ECHO_LAST = """
import sys
data = sys.stdin.buffer.read()
sys.stdout.buffer.write(b'{"jsonrpc":"2.0","method":"got","params":{"bytes":%d}}' % len(data))
"""


def test_a_last_frame_without_its_line_feed_passes_both_ways(tmp_path):
    with guarded(ECHO_LAST, tmp_path) as client:
        assert client.process.stdin
        client.process.stdin.write(b'{"jsonrpc":"2.0","method":"x"}')
        client.process.stdin.flush()
        assert client.drain() == [b'{"jsonrpc":"2.0","method":"got","params":{"bytes":30}}']


ANSWERS = """
import sys, json
for line in sys.stdin:
    message = json.loads(line)
    text = message["params"]["arguments"]["text"]
    text = text if text else "y" * (2 << 20)
    answer = {"result": {"content": [{"type": "text", "text": text}]}, "jsonrpc": "2.0", "id": message["id"]}
    print(json.dumps(answer, separators=(",", ":")), flush=True)
"""


def test_frames_beyond_the_configured_limit_are_refused_on_either_side(tmp_path):
    with guarded(ANSWERS, tmp_path, config="max_frame_mb = 1\n") as client:
        client.send(call(1, "x" * (MIB + MIB // 2)))
        assert "max_frame_mb = 1" in json.loads(client.recv())["error"]["message"]
        client.send(call(2))  # its answer is 2 MiB
        reply = json.loads(client.recv())
        assert reply["id"] == 2
        assert "max_frame_mb = 1" in reply["error"]["message"]
        client.send(call(3, "x" * (MIB // 2)))
        assert json.loads(client.recv())["result"]["content"][0]["text"] == "x" * (MIB // 2)


def test_a_configuration_that_cannot_be_read_leaves_the_default_limit(tmp_path):
    with guarded(ANSWERS, tmp_path, config="max_frame_mb = 'many'\n") as client:
        client.send(call(3, "x" * (2 * MIB)))
        assert len(client.recv()) > 2 * MIB
        client.drain()
        wait_until(lambda: client.stderr, "the end of stderr")
        assert b"max_frame_mb" in client.stderr
        assert b"Traceback" not in client.stderr


PONG = """
import sys, json
for line in sys.stdin:
    print(json.dumps({"jsonrpc": "2.0", "id": json.loads(line)["id"], "result": {}}), flush=True)
"""


def test_the_first_answer_waits_for_no_state_file(tmp_path):
    """The state file is held by another process for longer than a client would wait."""
    state = tmp_path / "state" / "state.db"
    Ledger.open(state).close()
    holder = subprocess.Popen(
        [sys.executable, "-c", "import sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None);"
         "db.execute('BEGIN EXCLUSIVE'); print('held', flush=True); sys.stdin.read()", str(state)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert holder.stdout
        holder.stdout.readline()
        with guarded(PONG, tmp_path) as client:
            client.send(b'{"jsonrpc":"2.0","id":0,"method":"initialize","params":{}}')
            assert json.loads(client.recv(3))["id"] == 0
            client.send(b'{"jsonrpc":"2.0","id":1,"method":"ping"}')
            assert json.loads(client.recv(3))["id"] == 1
    finally:
        holder.communicate(b"")


# ---------------------------------------------------------------------- small parts
def test_a_partial_write_is_carried_on():
    read, write = os.pipe()
    data = bytes(range(256)) * 4096
    got = bytearray()

    def reader() -> None:
        while chunk := os.read(read, 1000):
            got.extend(chunk)

    thread = threading.Thread(target=reader)
    thread.start()
    writer = Writer(write)
    writer.write(data)
    writer.close(1)
    thread.join()
    assert bytes(got) == data
    with pytest.raises(Closed):
        writer.write(b"x")
    os.close(read)


def test_a_closed_reader_is_noticed():
    read, write = os.pipe()
    os.close(read)
    with pytest.raises(Closed):
        Writer(write).write(b"x")
    os.close(write)


def test_a_pipe_somebody_writes_to_is_not_closed_under_them():
    read, write = os.pipe()
    writer = Writer(write)
    with writer.lock:
        writer.close(0.01)
        os.write(write, b"x")
    writer.close(0.01)
    with pytest.raises(OSError, match="Bad file"):
        os.write(write, b"x")
    os.close(read)


@pytest.mark.parametrize("block", [b"a\n", b"a\nb\n", b"a", b"a\r\nb\r\n", b"a\nb", b"\n\n"])
def test_what_does_not_change_is_not_copied(block):
    assert _through(block, lambda line: line) is block


def test_changed_frames_end_their_line():
    assert _through(b"a\nb\nc\n", lambda line: None if line == b"b" else line) == b"a\nc\n"
    assert _through(b"a\nb\n", lambda line: line.upper()) == b"A\nB\n"
    assert _through(b"a\n", lambda line: b"B") == b"B\n"
    assert _through(b"a\n", lambda line: None) == b""
    assert _through(b"a\nb", lambda line: None) == b""
