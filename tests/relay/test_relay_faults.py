"""No thread of a relay dies alone: what it cannot go on with ends the session, and says so."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

import pytest

from mcpwatch.relay.child import Child
from mcpwatch.relay.stdio import FAULT, Relay
from servers import guard_env
from servers.gateways import http_server
from servers.processes import wait_gone, wait_until
from servers.rawclient import RawClient

MIB = 1 << 20

ANSWERS = """
import sys, json
for line in sys.stdin:
    id = json.loads(line)["id"]
    if id == 1:
        print('{"jsonrpc":"2.0","id":' + "1" * 2000 + ',"result":"' + "a" * (3 << 20) + '"}', flush=True)
    print(json.dumps({"jsonrpc": "2.0", "id": id, "result": {}}), flush=True)
"""


def run(arguments: list[str], tmp_path: Path, *, config: str = "", first: str = "pass") -> RawClient:
    """`mcpwatch run` in a process where `first`, as Python source, has been done before."""
    env = guard_env(tmp_path)
    Path(env["MCPWATCH_CONFIG"]).write_text(config)
    script = f"import sys\n{first}\nfrom mcpwatch.cli.run import main\nsys.exit(main({arguments!r}))"
    return RawClient([sys.executable, "-c", script], env=env)


def ping(id: int) -> bytes:
    return b'{"jsonrpc":"2.0","id":%d,"method":"ping"}' % id


# ---------------------------------------------------------------------- a frame too large, under an id too long
@pytest.mark.parametrize("says", [b'"result":', b'"method":"tools/call",'])
def test_an_id_of_2000_digits_from_the_client(tmp_path, says):
    with run(["--", sys.executable, "-c", ANSWERS], tmp_path, config="max_frame_mb = 1\n") as client:
        client.send(b'{"jsonrpc":"2.0","id":' + b"1" * 2000 + b"," + says + b'"x":"' + b"a" * (3 * MIB) + b'"}')
        client.send(ping(2))
        assert json.loads(client.recv()) == {"jsonrpc": "2.0", "id": 2, "result": {}}
        client.close_stdin()
        assert client.wait() == 0


def test_an_id_of_2000_digits_from_the_server(tmp_path):
    with run(["--", sys.executable, "-c", ANSWERS], tmp_path, config="max_frame_mb = 1\n") as client:
        for n in (1, 2):
            client.send(ping(n))
            assert json.loads(client.recv())["id"] == n
        client.close_stdin()
        assert client.wait() == 0


def test_an_id_of_2000_digits_over_a_bridge(tmp_path):
    with http_server("http_rogue") as port:
        arguments = ["--url", f"http://127.0.0.1:{port}/mcp"]
        with run(arguments, tmp_path, config="max_frame_mb = 1\n") as client:
            client.send(b'{"jsonrpc":"2.0","id":' + b"1" * 2000 + b',"method":"' + b"a" * (3 * MIB) + b'"}')
            client.initialize()
            client.close_stdin()
            assert client.wait() == 0


# ---------------------------------------------------------------------- any other fault
BREAK = "def broken(*arguments): raise ZeroDivisionError('ours')\n"
BREAK_WRITER = """
from mcpwatch.relay import stdio
class Broken(stdio.Relay):
    def __init__(self, child):
        super().__init__(child)
        self.{way}.write = self.{way}.write_locked = broken
stdio.Relay = Broken
"""


@pytest.mark.parametrize("way", ["_to_server", "_to_client"])
def test_a_fault_in_either_direction_ends_guard_and_server(tmp_path, way):
    first = f"{BREAK}{BREAK_WRITER.format(way=way)}"
    with run(["--", sys.executable, "-c", ANSWERS], tmp_path, first=first) as client:
        client.send(ping(2))
        assert client.wait() == FAULT
        wait_until(lambda: b"the session ends: ZeroDivisionError: ours" in client.stderr, "the reason")
        wait_gone(client.family())


def test_a_guard_that_cannot_wait_for_its_server_ends_it(tmp_path):
    first = f"{BREAK}from mcpwatch.relay.child import Child\nChild.wait = broken"
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    with run(["--", sys.executable, "-c", deaf], tmp_path, first=first) as client:
        assert client.wait() == FAULT
        wait_gone(client.family())


def test_a_fault_ends_a_bridge(tmp_path):
    first = f"{BREAK}from mcpwatch.relay.bridge import Bridge\nBridge._line = broken"
    with run(["--url", "http://127.0.0.1:9/mcp"], tmp_path, first=first) as client:
        client.send(ping(2))
        assert client.wait() == FAULT
        wait_until(lambda: b"the session ends: ZeroDivisionError: ours" in client.stderr, "the reason")


def test_a_fault_is_told_where_stderr_is_closed(tmp_path):
    first = f"{BREAK}{BREAK_WRITER.format(way='_to_client')}sys.stderr.close()"
    with run(["--", sys.executable, "-c", ANSWERS], tmp_path, first=first) as client:
        client.send(ping(2))
        assert client.wait() == FAULT


# ---------------------------------------------------------------------- what the gate's watch is told
class Slow:
    """In place of an exchange: tells the client when it may."""

    def __init__(self) -> None:
        self.asked = threading.Semaphore(0)
        self.may = threading.Semaphore(0)
        self.told: list[set[str]] = []

    def on_visible(self, kinds: set[str]) -> None:
        self.asked.release()
        assert self.may.acquire(timeout=20)
        self.told.append(kinds)


def test_changes_wait_for_a_client_that_does_not_read_and_nobody_waits_with_them():
    relay, slow = Relay(Child(0, -1, -1)), Slow()
    relay._exchange = slow  # type: ignore[assignment]
    relay.on_visible({"tool"})
    assert slow.asked.acquire(timeout=20)
    for kinds in ({"prompt"}, {"resource"}, {"prompt"}):
        relay.on_visible(kinds)
    slow.may.release(2)
    wait_until(lambda: len(slow.told) == 2, "both rounds")
    assert slow.told == [{"tool"}, {"prompt", "resource"}]
    wait_until(lambda: not relay._showing, "the end of the thread")
    slow.may.release()
    relay.on_visible({"template"})
    wait_until(lambda: len(slow.told) == 3, "a later change")
