"""The server's process: started as asked, and never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mcpwatch.relay.child import Child, NotStarted
from servers.processes import alive, marked, wait_gone, wait_until

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
PARENT = """
import subprocess, sys, time, signal
if "stubborn" in sys.argv:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): signal.signal(number, signal.SIG_IGN)
kid = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(kid.pid, flush=True)
time.sleep(600 if "stay" in sys.argv else 0)
"""


def grandchild(child: Child) -> int:
    return int(os.read(child.stdout, 100))


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        (["no-such-command-anywhere"], 127, "check its spelling"),
        (["/nowhere/at/all"], 127, "full path"),
        ([str(Path(__file__).parent)], 126, "executed"),
        ([__file__], 126, "executed"),
        (["bad\0name"], 126, "null"),
    ],
)
def test_a_command_that_cannot_be_started_says_what_to_do(command, code, words):
    with pytest.raises(NotStarted) as caught:
        Child.start(command)
    assert caught.value.code == code
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("script", ["import sys; sys.exit(3)", "import os; os.kill(os.getpid(), 9)"])
def test_exit_codes(script):
    child = Child.start([sys.executable, "-c", script])
    assert child.wait() == (3 if "exit" in script else 137)


def test_the_server_does_not_ignore_what_python_ignores():
    shell = Child.start(["sh", "-c", "grep SigIgn /proc/$$/status"])
    shell.wait()
    ignored = int(os.read(shell.stdout, 100).split()[1], 16)
    assert ignored & (1 << (signal.SIGPIPE - 1) | 1 << (signal.SIGXFSZ - 1)) == 0


def test_the_server_holds_no_pipe_of_another():
    """Or the other's end of input would not reach it."""
    first = Child.start(SLEEP)
    second = Child.start(["sh", "-c", "ls -l /proc/$$/fd"])
    second.wait()
    shown = os.read(second.stdout, 10_000)
    for fd in (first.stdin, first.stdout):
        assert str(os.fstat(fd).st_ino).encode() not in shown
    assert b"pipe:" in shown
    first.kill()
    first.wait()
    first.unwatch()


@pytest.mark.parametrize("mode", ["meek", "stubborn"])
def test_what_the_server_left_behind_is_ended(mode):
    child = Child.start([sys.executable, "-c", PARENT, mode])
    left = grandchild(child)
    child.wait()
    assert alive(left)
    child.finish(0.2)
    wait_gone([left])


def test_nothing_to_end_takes_no_time():
    child = Child.start(["true"])
    child.wait()
    start = time.monotonic()
    child.finish(30)
    child.signal(signal.SIGTERM)
    child.kill()
    assert time.monotonic() - start < 1


GUARD = """
import os, sys
from mcpwatch.relay.child import Child
child = Child.start(sys.argv[1:])
print(child.pid, os.read(child.stdout, 100).decode(), flush=True)
if sys.stdin.read(1):
    child.kill(); child.wait(); child.unwatch()
"""


EARLY = """
import os, signal, sys, time
from mcpwatch.relay import child
moment, step = int(sys.argv[1]), 0
def count(name, work):
    def counted(*arguments):
        global step
        step += 1
        if step == moment and os.getpid() == guard:
            os.kill(guard, signal.SIGKILL)
        return work(*arguments)
    setattr(os, name, counted)
guard = os.getpid()
for name in ("pipe", "fork", "close", "read"):
    count(name, getattr(os, name))
child.Child.start(sys.argv[2:])
print("started", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("moment", range(1, 10))
def test_kill_9_of_the_guard_at_any_step_of_the_start_leaves_nothing(moment, tmp_path):
    """The server says nothing and heeds nothing: only its environment tells whose it is."""
    mark = f"EARLY_{os.getpid()}_{moment}={tmp_path}"
    deaf = ["sh", "-c", "trap '' TERM HUP INT; sleep 600; sleep 600"]
    name, _, value = mark.partition("=")
    command = [sys.executable, "-c", EARLY, str(moment), *deaf]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | {name: value}) as guard:
        assert guard.stdout
        assert guard.stdout.read() == b""
        assert guard.wait() == -signal.SIGKILL
    wait_until(lambda: marked(mark) == [], "the end of what the guard started")


@pytest.mark.parametrize("mode", ["meek", "stubborn"])
def test_kill_9_of_the_guard_takes_the_whole_group_along(mode):
    command = [sys.executable, "-c", GUARD, sys.executable, "-c", PARENT, "stay", mode]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as guard:
        assert guard.stdout
        pids = [int(word) for word in guard.stdout.readline().split()]
        assert all(map(alive, pids))
        guard.kill()
        # The watchdog holds nothing the client waits for.
        assert guard.stdout.read().strip() == b""
        wait_gone(pids, 5)


CHAIN = r"""
trap '' TERM HUP INT
sh -c 'trap "" TERM HUP INT; "$0" -c "$1" </dev/null & echo $$ $! ; wait' "$0" "$1" &
wait
"""
LEAF = """
import os, subprocess, time
subprocess.Popen(["sleep", "600"])
time.sleep(600)
"""


def in_group(group: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, _, pgrp = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
            except OSError:
                continue
            if int(pgrp) == group and state != "Z":
                found.append(int(entry.name))
    return found


def test_kill_9_of_the_guard_takes_a_chain_of_launchers_along():
    """As `npx` starts a server: shells that wait, a program behind them that reads no stdin, and one that it started;
    all of them deaf to SIGTERM."""
    command = [sys.executable, "-c", GUARD, "sh", "-c", CHAIN, sys.executable, LEAF]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as guard:
        assert guard.stdout
        group = int(guard.stdout.readline().split()[0])
        wait_until(lambda: len(in_group(group)) >= 4, "the whole chain")
        pids = in_group(group)
        guard.kill()
        wait_gone(pids, 10)
        assert in_group(group) == []


def watchdogs(guard: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if b"mcpwatch-watchdog" in words and parent == guard:
                found.append(int(entry.name))
    return found


def test_the_watchdog_goes_with_the_guard():
    command = [sys.executable, "-c", GUARD, sys.executable, "-c", PARENT, "stay"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as guard:
        assert guard.stdin
        assert guard.stdout
        pids = [int(word) for word in guard.stdout.readline().split()]
        (watchdog,) = watchdogs(guard.pid)
        guard.stdin.write(b"x")
        guard.stdin.close()
        assert guard.wait() == 0
        assert not alive(watchdog)
        wait_gone(pids)
