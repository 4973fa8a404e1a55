"""An MCP client on the standard library that sends exact bytes and keeps every byte it receives."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from servers.processes import marked

MODERN_META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "raw", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
"""The `_meta` each request carries on 2026-07-28."""

INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "raw", "version": "1"},
}

WAIT = 20.0
"""Seconds to wait for a frame before the test fails."""


class RawClient:
    """A server process (or a guard in front of one) and its three pipes.

    `received` holds every line of stdout that was taken so far, without its line end; the last one may be
    cut short. Use as a context manager: leaving it kills whatever is left of the process and of all that
    it started.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self._mark = f"TEST_CLIENT={uuid.uuid4()}"
        name, _, value = self._mark.partition("=")
        self.process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | dict(env or {}) | {name: value},
            cwd=cwd,
            start_new_session=True,
        )
        self.received: list[bytes] = []
        self.stderr = b""
        self._frames: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._next_id = 0
        self._threads = [threading.Thread(target=self._read), threading.Thread(target=self._read_stderr)]
        for thread in self._threads:
            thread.start()

    def _read(self) -> None:
        assert self.process.stdout
        for raw in self.process.stdout:
            self._frames.put(raw.removesuffix(b"\n"))
        self._frames.put(None)

    def _read_stderr(self) -> None:
        assert self.process.stderr
        self.stderr = self.process.stderr.read()

    def send(self, frame: bytes | Mapping[str, Any] | Sequence[Any]) -> None:
        """Write one frame and its line end; a mapping or list is written as JSON."""
        assert self.process.stdin
        raw = frame if isinstance(frame, bytes) else json.dumps(frame).encode()
        self.process.stdin.write(raw + b"\n")
        self.process.stdin.flush()

    def recv(self, timeout: float = WAIT) -> bytes:
        """The next frame; `EOFError` when stdout has ended, `TimeoutError` when none comes."""
        try:
            frame = self._frames.get(timeout=timeout)
        except queue.Empty:
            raise TimeoutError(f"no frame within {timeout:g} s") from None
        if frame is None:
            self._frames.put(None)
            raise EOFError("the server closed stdout")
        self.received.append(frame)
        return frame

    def request(self, method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send a request under the next integer id and return the message that answers it.

        Everything that arrives before the answer stays in `received`.
        """
        self._next_id += 1
        message: dict[str, Any] = {"jsonrpc": "2.0", "id": self._next_id, "method": method}
        self.send(message if params is None else message | {"params": params})
        while True:
            reply = json.loads(self.recv())
            if isinstance(reply, dict) and reply.get("id") == self._next_id and "method" not in reply:
                return reply

    def initialize(self, version: str = "2025-11-25") -> dict[str, Any]:
        """The handshake of the session era; returns the `initialize` result."""
        reply = self.request("initialize", INITIALIZE | {"protocolVersion": version})
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        result: dict[str, Any] = reply["result"]
        return result

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Send a `tools/call` and return the whole message that answers it."""
        return self.request("tools/call", {"name": tool, "arguments": arguments})

    def text(self, tool: str, **arguments: Any) -> str:
        """Send a `tools/call` and return the text of its first content block."""
        text: str = self.call(tool, **arguments)["result"]["content"][0]["text"]
        return text

    def close_stdin(self) -> None:
        assert self.process.stdin
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()

    def drain(self) -> list[bytes]:
        """Close stdin and read until stdout ends; returns every frame received in the whole life."""
        self.close_stdin()
        with contextlib.suppress(EOFError):
            while True:
                self.recv()
        return self.received

    def wait(self, timeout: float = WAIT) -> int:
        """The exit code, negative for a signal."""
        return self.process.wait(timeout)

    def family(self) -> list[int]:
        """The process and everything it started that is alive, also what it left behind."""
        return marked(self._mark)

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *exc: object) -> None:
        self.process.kill()
        for pid in self.family():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self.close_stdin()
        for thread in self._threads:
            thread.join(WAIT)
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe
            pipe.close()
