"""The guard stands in for the server's process: same surroundings, same end, and nothing left behind."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from servers import server_command
from servers.processes import alive, marked, wait_gone, wait_until
from servers.rawclient import RawClient
from servers.sdkclient import sdk_client, text_of

STUBBORN = ("--ignore-eof", "--ignore-term")


def rogue(*options: str) -> list[str]:
    return server_command("rogue", "proper", *options)


class Family:
    """A client's processes behind a guard: the guard, the server and the server's child."""

    def __init__(self, client: RawClient, pids: Path) -> None:
        wait_until(pids.exists, "the server's start")
        started = json.loads(pids.read_text())
        self.guard = client.process.pid
        self.server: int = started["server"]
        self.all = [pid for pid in (self.guard, self.server, started["grandchild"]) if pid]
        assert all(map(alive, self.all))


def test_environment_folder_and_arguments(route, tmp_path):
    odd = ["--name", "x y", "", "--", "-v", "*", "$HOME", "é世", "a\"b'c", "\\", "line\nbreak", "--help"]
    folder = tmp_path / "a folder"
    folder.mkdir()
    env = route.env | {"ODD_ONE": "é=\n;", "EMPTY": ""}
    with RawClient(route.command([*rogue(), *odd]), env=env, cwd=folder) as client:
        client.initialize()
        seen = json.loads(client.text("dump"))
        assert seen["argv"][2:] == odd
        assert seen["cwd"] == str(folder)
        assert {"ODD_ONE": "é=\n;", "EMPTY": ""}.items() <= seen["env"].items()
        own = Path(f"/proc/{client.process.pid}/environ").read_bytes().split(b"\0")
        started_with = dict(entry.decode().partition("=")[::2] for entry in own if entry)
        assert seen["env"] == started_with


def test_stderr_passes_through(route):
    with RawClient(route.command(rogue("--stderr-bytes", str(1 << 20))), env=route.env) as client:
        client.initialize()
        client.drain()
        assert client.wait() == 0
        wait_until(lambda: client.stderr, "the end of stderr")
        assert client.stderr == b"e" * ((1 << 20) - 1) + b"\n"


@pytest.mark.parametrize("code", [0, 1, 3, 255])
def test_exit_code_after_stdin_ends(route, code):
    with RawClient(route.command(rogue("--exit-code", str(code))), env=route.env) as client:
        client.initialize()
        client.close_stdin()
        assert client.wait() == code


def test_exit_code_when_the_server_leaves_by_itself(route):
    with RawClient(route.command(rogue()), env=route.env) as client:
        client.initialize()
        client.send(
            {"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": {"name": "exit", "arguments": {"code": 42}}}
        )
        assert client.wait() == 42
        assert client.family() == []


def test_a_command_that_does_not_exist(guarded):
    with RawClient(guarded.command(["/nowhere/no-such-server"]), env=guarded.env) as client:
        assert client.wait() in (126, 127)
        assert client.drain() == []
        wait_until(lambda: client.stderr, "a message")
        assert b"no-such-server" in client.stderr
        assert b"Traceback" not in client.stderr


@pytest.mark.parametrize("options", [(), ("--grandchild",), ("--ignore-eof",), STUBBORN, (*STUBBORN, "--grandchild")])
def test_nothing_is_left_when_stdin_ends(guarded, tmp_path, options):
    pids = tmp_path / "pids"
    with RawClient(guarded.command(rogue("--pids", str(pids), *options)), env=guarded.env) as client:
        family = Family(client, pids)
        client.initialize()
        client.close_stdin()
        client.wait()
        wait_gone(family.all)
        assert client.family() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
@pytest.mark.parametrize("options", [("--grandchild",), (*STUBBORN, "--grandchild")], ids=["meek", "stubborn"])
def test_nothing_is_left_when_the_guard_is_signalled(guarded, tmp_path, number, options):
    pids = tmp_path / "pids"
    with RawClient(guarded.command(rogue("--pids", str(pids), *options)), env=guarded.env) as client:
        family = Family(client, pids)
        client.initialize()
        os.kill(family.guard, number)
        client.wait()
        wait_gone(family.all)
        assert client.family() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_when_the_server_is_killed(guarded, tmp_path, number):
    pids = tmp_path / "pids"
    with RawClient(guarded.command(rogue("--pids", str(pids), "--grandchild")), env=guarded.env) as client:
        family = Family(client, pids)
        client.initialize()
        os.kill(family.server, number)
        assert client.wait() in (-number, 128 + number)
        wait_gone(family.all)
        assert client.family() == []


CLIENT = """
import subprocess, sys
guard = subprocess.Popen(sys.argv[1:])
print(guard.pid, file=sys.stderr, flush=True)
guard.wait()
"""


@pytest.mark.parametrize("options", [("--grandchild",), (*STUBBORN, "--grandchild")], ids=["meek", "stubborn"])
def test_nothing_is_left_when_the_client_is_killed(guarded, tmp_path, options):
    """The guard's parent dies, while somebody else (this test) keeps its stdin and stdout open."""
    pids = tmp_path / "pids"
    command = guarded.command(rogue("--pids", str(pids), *options))
    with RawClient([sys.executable, "-c", CLIENT, *command], env=guarded.env) as client:
        family = Family(client, pids)
        client.initialize()
        everyone = client.family()
        assert len(everyone) >= 4
        os.kill(family.guard, signal.SIGKILL)  # the process RawClient started: the guard's parent
        wait_gone(everyone)
        assert client.family() == []


@pytest.mark.parametrize("options", [(), STUBBORN], ids=["meek", "stubborn"])
async def test_nothing_is_left_when_an_sdk_client_leaves(guarded, tmp_path, options):
    """The SDK's client closes stdin, and after 2 s each sends SIGTERM and SIGKILL to the guard's group."""
    pids = tmp_path / "pids"
    command = guarded.command(rogue("--pids", str(pids), "--grandchild", *options))
    mark = {"TEST_CLIENT": str(tmp_path)}
    with (tmp_path / "stderr.txt").open("w") as errlog:
        async with sdk_client(command, "2025-11-25", env=guarded.env | mark, errlog=errlog) as client:
            assert text_of(await client.call_tool("echo", {"text": "hi"})) == "hi"
            assert len(marked(f"TEST_CLIENT={tmp_path}")) >= 3
    wait_until(lambda: marked(f"TEST_CLIENT={tmp_path}") == [], "the end of every process")


@pytest.mark.parametrize("seed", range(5))
def test_kill_at_a_random_moment(guarded, tmp_path, seed):
    """kill -9 of the guard under load: no orphan, and a state file that is whole and can be used again."""
    moment = random.Random(seed).randrange(1, 400)
    for _ in range(2):
        with RawClient(guarded.command(rogue("--ignore-eof", "--grandchild")), env=guarded.env) as client:
            client.initialize()
            for n in range(400):
                call = {"name": "count", "arguments": {"text": "x" * 1000}}
                try:
                    client.send({"jsonrpc": "2.0", "id": f"f{n}", "method": "tools/call", "params": call})
                except BrokenPipeError:
                    break
                if n == moment:
                    client.process.kill()
            client.wait()
            wait_until(lambda client=client: client.family() == [], "the end of every process")
        for state in Path(guarded.env["MCPWATCH_STATE"]).rglob("*.db"):
            with sqlite3.connect(state) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            connection.close()


def test_two_guards_side_by_side(guarded):
    """The same name twice, one state: neither notices the other."""
    with (
        RawClient(guarded.command(rogue(), name="same"), env=guarded.env) as one,
        RawClient(guarded.command(rogue(), name="same"), env=guarded.env) as two,
    ):
        one.initialize()
        two.initialize()
        for n in range(50):
            assert one.text("count") == str(n + 1)
            assert two.text("count") == str(n + 1)
        one.close_stdin()
        assert one.wait() == 0
        assert two.text("echo", text="still here") == "still here"


def test_nothing_of_the_guards_on_stdout(guarded, tmp_path):
    """Even with a state folder that cannot be written, stdout carries the server's frames alone."""
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the state folder should be")
    env = guarded.env | {"MCPWATCH_STATE": str(blocked)}
    with RawClient(guarded.command(rogue()), env=env) as client:
        client.initialize()
        assert client.request("ping")["result"] == {}
        assert all(json.loads(frame)["jsonrpc"] == "2.0" for frame in client.drain())


def test_a_closed_reader_ends_the_guard(guarded):
    """A client that closes the guard's stdout and keeps stdin open is gone, too."""
    process = subprocess.Popen(
        guarded.command(rogue()),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | guarded.env,
    )
    assert process.stdin
    assert process.stdout
    try:
        process.stdout.close()
        for n in range(3):
            try:
                process.stdin.write(b'{"jsonrpc":"2.0","id":%d,"method":"ping"}\n' % n)
                process.stdin.flush()
            except BrokenPipeError:
                break
        process.wait(15)
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
