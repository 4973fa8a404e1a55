"""The screen in a real pseudo-terminal: what it sends, byte by byte, and what a terminal would show."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

RUN = "import sys; from pathlib import Path; from mcpwatch.tui.app import run_app; "
# CSI, OSC and the other string sequences, a two-byte escape, one character, or a control.
_TOKEN = re.compile(
    r"\x1b\[(?P<csi>[0-?]*[ -/]*[@-~])"
    r"|(?P<string>\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?)"
    r"|(?P<esc>\x1b.)|(?P<text>.)",
    re.DOTALL,
)
_LEFT_OUT = {"XDG_CONFIG_HOME", "NO_COLOR", "MCPWATCH_THEME", "TMUX", "COLUMNS", "LINES"}


class Terminal:
    """A program in a pty of `columns` × `rows`."""

    def __init__(self, program: str, *, columns: int = 80, rows: int = 24, **env: str) -> None:
        self.columns, self.rows = columns, rows
        self.raw = b""
        self._shown: tuple[int, list[str]] = (-1, [])  # of how many bytes, and their picture
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        # The screen looks at the AI clients' files of whoever is at home.
        self._home = tempfile.TemporaryDirectory(prefix="mcpwatch-home-")
        home = self._home.name
        ours_only = {"HOME": home, "MCPWATCH_STATE": f"{home}/state", "MCPWATCH_CONFIG": f"{home}/config.toml"}
        clean = {k: v for k, v in os.environ.items() if k not in _LEFT_OUT} | ours_only | {"PYTHONFAULTHANDLER": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            env={**clean, "TERM": "xterm-256color", "COLORTERM": "truecolor", "TZ": "UTC", **env},
        )  # fmt: skip
        os.close(theirs)
        self._fd = ours

    def read(self, seconds: float = 0.1) -> None:
        """Whatever comes within `seconds`."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if not select.select([self._fd], [], [], left)[0]:
                return
            try:
                more = os.read(self._fd, 65536)
            except OSError:  # the other end is gone
                return
            if not more:
                return
            self.raw += more

    def wait_for(self, condition: Callable[[], object], *, seconds: float = 80.0) -> None:
        """As long as a machine that does much else may take; what never comes is the test's own time-out."""
        until = time.monotonic() + seconds
        while not condition():
            ended = self.process.poll() is not None and not self._more()
            if ended and condition():
                return
            if ended or time.monotonic() > until:
                shown = "\n".join(self.screen())
                raise AssertionError(f"it did not show in time:\n{shown}\n{'' if ended else self._stacks()}")
            self.read(0.05)

    def _stacks(self) -> str:
        """Where each thread of a program that hangs is; it ends by that."""
        before = len(self.raw)
        self.process.send_signal(signal.SIGABRT)
        self.read(2.0)
        return self.raw[before:].decode("utf-8", "replace")

    def _more(self) -> bool:
        """Whether a program that has ended left something to read."""
        before = len(self.raw)
        self.read(0.05)
        return len(self.raw) != before

    def shows(self, text: str) -> None:
        self.wait_for(lambda: any(text in line for line in self.screen()))

    def send(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    def leave(self) -> int:
        """ctrl+q, and the exit code."""
        self.send("\x11")
        self.wait_for(lambda: self.process.poll() is not None)
        self.read(0.2)
        return self.process.returncode

    def hang_up(self) -> None:
        """The terminal is gone."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def close(self) -> None:
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.hang_up()
        self._home.cleanup()

    def tokens(self) -> Iterator[tuple[str, str]]:
        for match in _TOKEN.finditer(self.raw.decode("utf-8", "surrogateescape")):
            yield str(match.lastgroup), match[0]

    def screen(self) -> list[str]:
        """The rows a terminal would show; it knows as much as this program uses."""
        if len(self.raw) != self._shown[0]:
            self._shown = (len(self.raw), self._grid())
        return self._shown[1]

    def _grid(self) -> list[str]:
        grid = [[" "] * self.columns for _ in range(self.rows)]
        x = y = 0
        for kind, token in self.tokens():
            if kind == "csi" and token[-1] == "H":
                parts = [int(p or 1) for p in token[2:-1].split(";")] if token[2:-1] else [1, 1]
                y, x = parts[0] - 1, (parts[1] if len(parts) > 1 else 1) - 1
            elif kind == "csi" and token[2:] == "2J":
                grid = [[" "] * self.columns for _ in range(self.rows)]
            elif kind == "text" and token == "\n":
                y += 1
            elif kind == "text" and token == "\r":
                x = 0
            elif kind == "text" and token >= " ":
                if 0 <= y < self.rows and 0 <= x < self.columns:
                    grid[y][x] = token
                x += 1
        return ["".join(row) for row in grid]


@contextlib.contextmanager
def terminal(program: str, **options: object) -> Iterator[Terminal]:
    opened = Terminal(program, **options)  # type: ignore[arg-type]
    try:
        yield opened
    finally:
        opened.close()


def run_app(state: Path, *options: str) -> str:
    """The program that runs the screen on a state file."""
    extra = "".join(f", {option}" for option in options)
    return f"{RUN}sys.exit(run_app(state=Path({str(state)!r}){extra}))"
