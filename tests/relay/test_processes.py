"""What is asked about other processes, on real ones."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mcpwatch.relay import processes
from servers.processes import wait_until

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)"
CARELESS = "import subprocess, time; it = subprocess.Popen(['true']); print(it.pid, flush=True); time.sleep(600)"


@contextmanager
def program(*words: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", DEAF, *words], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.wait()


def test_who_listens_on_a_port():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        assert processes.listener(port) == os.getpid()
        with socket.create_connection(("127.0.0.1", port)) as client:
            assert processes.listener(client.getsockname()[1]) == 0, "a connection is no listener"
    assert processes.listener(port) == 0


@pytest.mark.parametrize(
    ("words", "gateway"),
    [
        (("-m", "mcpwatch", "serve", "--port", "1"), True),
        (("/usr/bin/mcpwatch", "serve"), True),
        (("/usr/bin/mcpwatch", "run", "--name", "x"), False),
        (("serve", "mcpwatch"), False),
        (("vim", "server.py"), False),
    ],
)
def test_a_gateway_by_its_command_line(words: tuple[str, ...], gateway: bool):
    with program(*words) as process:
        assert processes.is_gateway(process.pid) is gateway


def test_nothing_is_known_of_a_process_that_is_not_there():
    with program() as process:
        pass
    assert processes.command_of(process.pid) == ""
    assert not processes.is_gateway(process.pid)
    assert processes.kill(process.pid)


def test_one_that_does_not_obey_is_killed_and_leaves_no_zombie():
    with program() as process:
        assert processes.is_child(process.pid)
        assert not processes.ended(process.pid)
        process.send_signal(signal.SIGTERM)
        assert processes.kill(process.pid)
        assert not processes.is_child(process.pid)
        assert processes.ended(process.pid)


def test_a_zombie_of_another_program_has_ended():
    parent = subprocess.Popen([sys.executable, "-c", CARELESS], stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        wait_until(lambda: processes.ended(child), "its end")
        os.kill(child, 0)  # it is still there for its parent
    finally:
        parent.kill()
        parent.wait()


def test_one_that_ended_is_no_child_any_more():
    with program() as process:
        process.kill()
        wait_until(lambda: not processes.is_child(process.pid), "its end")
    assert not processes.is_child(1)
