"""What the gateway adds to HTTP servers: `python bench/http_bench.py [--quick] [--json FILE]`.

Direct and through `mcpwatch serve` in the same run, client, gateway and server pinned to one core where the system
allows: the figures are work plus context switches. Calls carry 100 bytes each way, answered as JSON and as an event
stream, observing (as installed) and armed with limits that are never reached.

Per target: median round trip of one call after another; calls a second over 16 connections. Then the gateway's memory
after 1 000 and after 10 000 sessions opened and closed, and with 1 000 idle GET streams.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import resource
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
MCPWATCH = str(Path(sys.executable).with_name("mcpwatch"))
LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
PAYLOAD = "x" * 100
CONNECTIONS = 16


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def pinned(
    core: int | None, command: list[str], env: dict[str, str] | None = None, **how: Any
) -> subprocess.Popen[str]:
    pin = ["taskset", "-c", str(core)] if core is not None else []
    return subprocess.Popen([*pin, *command], env=os.environ | (env or {}), text=True, **how)


def request(port: int, path: str, id: int, session: str = "", method: str = "tools/call") -> bytes:
    params: Any = {"name": "echo", "arguments": {"text": PAYLOAD}} if method == "tools/call" else {}
    if method == "initialize":
        params = {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "bench", "version": "1"},
        }
    body = json.dumps(
        {"jsonrpc": "2.0", "id": id, "method": method, "params": params}, separators=(",", ":")
    ).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: application/json, text/event-stream\r\n"
        f"Content-Type: application/json\r\n{session}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def whole(data: bytes) -> bool:
    """Whether these bytes are a whole answer."""
    head, blank, body = data.partition(b"\r\n\r\n")
    if not blank:
        return False
    if (length := LENGTH.search(head)) is not None:
        return len(body) >= int(length.group(1))
    return body.endswith(b"0\r\n\r\n") or b" 204 " in head[:20]


class Line:
    """One keep-alive connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.data = b""

    def ask(self, frame: bytes) -> bytes:
        self.socket.sendall(frame)
        data = b""
        while not whole(data):
            part = self.socket.recv(1 << 16)
            if not part:
                raise SystemExit(f"the target hung up: {data[:300]!r}")
            data += part
        return data


def round_trip(port: int, path: str, session: str, calls: int) -> float:
    """Median microseconds of a call."""
    line = Line(port)
    times = []
    for id in range(1, calls + 1):
        frame = request(port, path, id, session)
        started = time.perf_counter_ns()
        data = line.ask(frame)
        times.append(time.perf_counter_ns() - started)
        if b"xxxx" not in data:
            raise SystemExit(f"not an answer: {data[:300]!r}")
    line.socket.close()
    return statistics.median(times[calls // 10 :]) / 1000


def throughput(port: int, path: str, session: str, seconds: float) -> float:
    """Calls a second over several connections, each with one call on its way."""
    lines = {line.socket.fileno(): line for line in (Line(port) for _ in range(CONNECTIONS))}
    poll = select.epoll()
    for fd, line in lines.items():
        poll.register(fd, select.EPOLLIN)
        line.socket.sendall(request(port, path, 10_000 + fd, session))
    done, id = 0, 1 << 20
    started = time.perf_counter()
    while (now := time.perf_counter()) - started < seconds:
        for fd, _ in poll.poll(1):
            line = lines[fd]
            line.data += line.socket.recv(1 << 16)
            if whole(line.data):
                line.data = b""
                done, id = done + 1, id + 1
                line.socket.sendall(request(port, path, id, session))
    for line in lines.values():
        line.socket.close()
    return done / (now - started)


def memory_mb(pid: int) -> float:
    """Resident memory now."""
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()).group(1)) / 1024


def open_session(line: Line, port: int, path: str) -> str:
    data = line.ask(request(port, path, 0, method="initialize"))
    found = re.search(rb"(?i)\r\nmcp-session-id: *([^\r]+)", data)
    if found is None:
        raise SystemExit(f"no session: {data[:300]!r}")
    return f"Mcp-Session-Id: {found.group(1).decode()}\r\n"


def sessions(port: int, path: str, count: int) -> None:
    """Open, use and close so many sessions."""
    line = Line(port)
    for _ in range(count):
        session = open_session(line, port, path)
        line.ask(request(port, path, 1, session))
        line.ask(f"DELETE {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{session}\r\n".encode())
    line.socket.close()


def idle_streams(port: int, path: str, count: int) -> list[socket.socket]:
    """So many GET streams, each of a session of its own."""
    line = Line(port)
    streams = []
    for _ in range(count):
        session = open_session(line, port, path)
        stream = socket.create_connection(("127.0.0.1", port))
        stream.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n{session}\r\n".encode()
        )
        data = b""
        while b":\n\n" not in data:
            data += stream.recv(1 << 16)
        streams.append(stream)
    return streams


@contextlib.contextmanager
def running(core: int | None) -> Iterator[tuple[dict[str, int], int, Path, subprocess.Popen[str]]]:
    """Stubs (kind → port), the gateway's port, its state file and process."""
    ports = {"json": free_port(), "sse": free_port()}
    stubs = [
        pinned(core, [sys.executable, str(HERE / "http_stub.py"), str(port), *(["--sse"] if kind == "sse" else [])])
        for kind, port in ports.items()
    ]
    with tempfile.TemporaryDirectory() as directory:
        config = Path(directory, "config.toml")
        config.write_text("".join(f'[servers.{k}]\nurl = "http://127.0.0.1:{p}/mcp"\n' for k, p in ports.items()))
        env = {"MCPWATCH_STATE": directory, "MCPWATCH_CONFIG": str(config)}
        gateway = pinned(core, [MCPWATCH, "serve", "--port", "0"], env, stdout=subprocess.PIPE)
        assert gateway.stdout is not None
        port = int(re.search(r":(\d+)/", gateway.stdout.readline()).group(1))
        try:
            yield ports, port, Path(directory, "state.db"), gateway
        finally:
            for process in (gateway, *stubs):
                process.terminate()
                process.wait()


def arm(state: Path) -> None:
    from mcpwatch.guard import lock
    from mcpwatch.store.ledger import Ledger
    from mcpwatch.store.records import Dimension, Limit

    ledger = Ledger.open(state)
    lock.set_password(ledger, "benchmark password", "benchmark password", None, by="bench")
    plenty = [(Dimension.CALLS, 60), (Dimension.TOKENS, 3600), (Dimension.COST, 3600)]
    lock.set_limits(ledger, [Limit(d, 10**12, w) for d, w in plenty], "benchmark password", by="bench")
    lock.arm(ledger, by="bench")
    ledger.close()


def speed(core: int | None, quick: bool) -> dict[str, dict[str, float]]:
    calls, seconds = (1000, 1.0) if quick else (5000, 4.0)
    found: dict[str, dict[str, float]] = {}
    with running(core) as (ports, gateway, state, _):
        for mode in ("observing", "armed"):
            if mode == "armed":
                arm(state)
            for kind, direct in ports.items():
                for way, port, path in (("direct", direct, "/mcp"), (mode, gateway, f"/{kind}/mcp")):
                    line = Line(port)
                    session = open_session(line, port, path)
                    line.ask(request(port, path, 0, session, "tools/list"))  # as clients do
                    found[f"{kind} {way}"] = {
                        "p50_us": round_trip(port, path, session, calls),
                        "calls_s": throughput(port, path, session, seconds),
                    }
    return found


def memory(quick: bool) -> dict[str, float]:
    many = 1000 if quick else 10_000
    with running(None) as (_, port, _, gateway):
        sessions(port, "/json/mcp", 1000)
        start = memory_mb(gateway.pid)
        sessions(port, "/json/mcp", many - 1000)
        found = {"after 1 000 sessions, MB": start, f"after {many:,} sessions, MB": memory_mb(gateway.pid)}
        streams = idle_streams(port, "/json/mcp", 1000)
        found["with 1 000 idle streams more, MB"] = memory_mb(gateway.pid) - found[f"after {many:,} sessions, MB"]
        for stream in streams:
            stream.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a smoke test, not a measurement")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    parser.add_argument("--only", choices=("speed", "memory"))
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
    core = max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    report: dict[str, Any] = {}
    if options.only != "memory":
        if core is not None:
            before = os.sched_getaffinity(0)
            os.sched_setaffinity(0, {core})
        report["speed"] = speed(core, options.quick)
        if core is not None:
            os.sched_setaffinity(0, before)
        for name, figures in report["speed"].items():
            print(f"{name:16} p50 {figures['p50_us']:8.1f} µs   {figures['calls_s']:8.0f} calls/s")
    if options.only != "speed":
        report["memory"] = memory(options.quick)
        for name, value in report["memory"].items():
            print(f"{name}: {value:.1f}")
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
