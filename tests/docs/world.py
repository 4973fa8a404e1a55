"""The machine that the documentation's commands are run on: a home of its own, and stand-ins for what is not here."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import sysconfig
import termios
import time
from pathlib import Path

from servers import MCPWATCH

SERVER = Path(__file__).with_name("notes_stand_in.py")
CLIENT = Path(__file__).with_name("client_stand_in.py")
_CURL = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[-1], timeout=10).read().decode())"
_RUNNERS, _CLIENTS = ("npx", "uvx"), ("claude", "codex", "code")
_PROGRAM = "/home/you/.local/bin/mcpwatch"  # in the documentation; here the one under test
_PORT = "7373"  # in the documentation; here one that is free
_OWN_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
)
_SECONDS = 30.0


class World:
    """One page's machine. What a block changes, the next one finds."""

    def __init__(self, folder: Path) -> None:
        self.home, self.project, tools = folder / "home", folder / "project", folder / "bin"
        for made in (self.home, self.project / ".git", tools):
            made.mkdir(parents=True)
        for names, script in ((_RUNNERS, SERVER), (_CLIENTS, CLIENT)):
            for name in names:
                (tools / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n')
                (tools / name).chmod(0o755)
        (tools / "curl").write_text(f"#!/bin/sh\nexec '{sys.executable}' -c '{_CURL}' \"$@\"\n")
        (tools / "curl").chmod(0o755)
        self.config = self.home / ".config/mcpwatch/config.toml"
        self.state = self.home / ".local/state/mcpwatch"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = str(free.getsockname()[1])
        self.env = {
            "HOME": str(self.home),
            "PATH": os.pathsep.join((str(tools), sysconfig.get_path("scripts"), "/usr/bin", "/bin")),
            "MCPWATCH_STATE": str(self.state),
            "MCPWATCH_CONFIG": str(self.config),
            "SEARCH_TOKEN": "only-for-tests",
            "TERM": "xterm-256color",
            "PYTHONUTF8": "1",
            "TIKTOKEN_CACHE_DIR": str(folder / "vocabularies"),
        }
        self._running: list[subprocess.Popen[bytes]] = []

    def write(self, name: str, text: str) -> None:
        """A file that the page shows. `config.toml` is ours, `~` the home, all else is in the project."""
        if name == "config.toml":
            path = self.config
            text += "" if "[gateway]" in text else f"\n[gateway]\nport = {_PORT}\n"
        else:
            path = self.home / name[2:] if name.startswith("~/") else self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace(_PROGRAM, MCPWATCH).replace(_PORT, self._port), "utf-8")

    def run(self, script: str) -> tuple[int, str]:
        """Run commands without a terminal: their exit code, and what they printed."""
        done = subprocess.run(
            self._shell(script),
            env=self.env,
            cwd=self.project,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            timeout=_SECONDS,
        )
        return done.returncode, self._shown(done.stdout)

    def start(self, script: str) -> str:
        """Start commands that go on: the first line they print."""
        process = subprocess.Popen(
            self._shell(f"exec {script}"),
            env=self.env,
            cwd=self.project,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._running.append(process)
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], _SECONDS)
        assert ready, f"{script!r} prints nothing"
        return self._shown(process.stdout.readline())

    def type(self, script: str, answers: list[tuple[str, str]]) -> tuple[int, str]:
        """Run commands at a terminal, where each prompt is waited for and answered."""
        master, slave = os.openpty()
        termios.tcsetwinsize(slave, (40, 120))
        try:
            process = subprocess.Popen(
                [sys.executable, "-c", _OWN_TERMINAL, *self._shell(script)],
                env=self.env,
                cwd=self.project,
                stdin=slave,
                stdout=slave,
                stderr=slave,
                start_new_session=True,
            )
            with contextlib.ExitStack() as stack:
                stack.callback(_end, process)
                return self._converse(process, master, answers)
        finally:
            os.close(slave)
            os.close(master)

    def _converse(
        self, process: subprocess.Popen[bytes], master: int, answers: list[tuple[str, str]]
    ) -> tuple[int, str]:
        shown, seen = b"", 0
        waiting = [(prompt.encode(), answer.encode() + b"\r") for prompt, answer in answers]
        deadline = time.monotonic() + _SECONDS
        while True:
            ended = process.poll() is not None
            if select.select([master], [], [], 0 if ended else 0.05)[0]:
                shown += os.read(master, 65_536)
            elif ended:
                break
            if waiting and (at := shown.find(waiting[0][0], seen)) >= 0:
                seen = at + len(waiting[0][0])
                os.write(master, waiting.pop(0)[1])
            assert time.monotonic() < deadline, f"no {waiting[:1] or 'end'} after {shown!r}"
        assert not waiting, f"was not asked {waiting[0][0]!r}: {shown!r}"
        return process.returncode, self._shown(shown.replace(b"\r\n", b"\n"))

    def _shell(self, script: str) -> list[str]:
        return ["bash", "-euo", "pipefail", "-c", script.replace(_PORT, self._port)]

    def _shown(self, output: bytes) -> str:
        text = output.decode("utf-8", "replace")
        return text.replace(self._port, _PORT).replace(MCPWATCH, _PROGRAM).replace(str(self.home), "~")

    def close(self) -> None:
        """End what goes on; each of it by itself, and well."""
        for process in self._running:
            process.send_signal(signal.SIGTERM)
        codes = [process.wait(_SECONDS) for process in self._running]
        for process in self._running:
            _end(process)
        assert {*codes} <= {0, -signal.SIGTERM}, f"what was started in the background ended with {codes}"


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()
