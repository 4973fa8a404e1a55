"""Commands as real processes: without a terminal, or at one of their own."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcpwatch.guard import lock as guard
from mcpwatch.store.ledger import Ledger
from servers import guard_env

PASSWORD = "correct horse 🐴"
_MCPWATCH = [sys.executable, "-m", "mcpwatch"]
# Make the terminal on stdin the one the process belongs to, so that it finds it as /dev/tty.
_OWN_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)


class Terminal:
    """A command at a terminal, and the person before it."""

    def __init__(
        self,
        arguments: tuple[str, ...],
        env: dict[str, str],
        *,
        size: tuple[int, int] = (120, 40),
        stdout: Path | None = None,
        stderr: Path | None = None,
    ) -> None:
        self._master, slave = os.openpty()
        termios.tcsetwinsize(slave, size[::-1])
        self.fd = self._master
        self.text = ""
        with contextlib.ExitStack() as stack:
            output, errors = (stack.enter_context(f.open("wb")) if f else slave for f in (stdout, stderr))
            self.process = subprocess.Popen(
                [sys.executable, "-c", _OWN_TERMINAL, *_MCPWATCH, *arguments],
                stdin=slave,
                stdout=output,
                stderr=errors,
                env=env,
                start_new_session=True,
            )
        self._slave = slave

    def expect(self, text: str, seconds: float = 15.0) -> None:
        """Wait until `text` has appeared after what was expected before."""
        deadline = time.monotonic() + seconds
        while text not in self.text:
            if not self._read(deadline):
                raise AssertionError(f"{text!r} did not appear; there is {self.text[-500:]!r}")

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode("utf-8", "surrogateescape"))

    def answer(self, prompt: str, keys: str) -> None:
        self.expect(prompt)
        self.text = self.text.partition(prompt)[2]
        self.type(keys + "\r")

    def ends(self) -> int:
        """Wait for the end; the exit code. All that was shown is in `text`."""
        deadline = time.monotonic() + 15
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it does not end; there is {self.text[-500:]!r}"
            self._read(time.monotonic() + 0.02)
        while self._read(time.monotonic()):
            pass
        return self.process.returncode

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return False
        self.text += os.read(self._master, 65536).decode("utf-8", "replace")
        return True

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._slave)
        os.close(self._master)


class Machine:
    """One user's machine: a state folder, a configuration file, commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state" / "state.db"
        self.config = folder / "config.toml"
        self.env = {
            k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "TERM", "COLORTERM", "COLUMNS", "LINES")
        }
        self.env |= guard_env(folder) | {"TERM": "xterm-256color", "PYTHONUTF8": "1", "HOME": str(folder / "home")}
        self._terminals: list[Terminal] = []

    def __call__(self, *arguments: str, input: str = "", env: dict[str, str] | None = None) -> Done:
        """Run a command that has no terminal."""
        done = subprocess.run(
            [*_MCPWATCH, *arguments],
            input=input.encode(),
            capture_output=True,
            env=self.env | (env or {}),
            start_new_session=True,
            timeout=60,
        )
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command that has no terminal; its output is a pipe."""
        return subprocess.Popen(
            [*_MCPWATCH, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.env,
            start_new_session=True,
        )

    def terminal(self, *arguments: str, env: dict[str, str] | None = None, **options: Any) -> Terminal:
        """Start a command at a terminal of its own, `size` columns and lines large."""
        terminal = Terminal(arguments, self.env | (env or {}), **options)
        self._terminals.append(terminal)
        return terminal

    @contextlib.contextmanager
    def ledger(self) -> Iterator[Ledger]:
        ledger = Ledger.open(self.state)
        try:
            yield ledger
        finally:
            ledger.close()

    def set_password(self, *, arm: bool = False) -> None:
        with self.ledger() as ledger:
            guard.set_password(ledger, PASSWORD, PASSWORD, None, by="test")
            if arm:
                guard.arm(ledger, by="test")

    def close(self) -> None:
        for terminal in self._terminals:
            terminal.close()


class Done:
    """What a command left behind."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    def __repr__(self) -> str:
        return f"exit {self.code}\n{self.out}\n{self.err}"

    def failed(self, code: int, *words: str) -> None:
        """Assert the exit code, and one line on stderr that holds the words."""
        assert self.code == code, self
        assert self.err.count("\n") == 1 and self.err.endswith("\n"), self
        for word in words:
            assert word in self.err, self


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path)
    yield machine
    machine.close()
