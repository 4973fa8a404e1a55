"""What mcpwatch adds between a client and a server: `python bench/bench.py [--quick] [--json FILE]`.

Direct, through `socat` (a relay in C that knows nothing of MCP) and through `mcpwatch run`, in the same run, client,
relay and server pinned to one core where the system allows: the figures are work plus context switches, and their
ratios repeat from run to run within about 15 %. The server is `stub.c`, built with the system's C compiler.

Where the system puts a program in memory differs from start to start, and with an interpreter that counts: in about
one start of five everything in it takes a third longer, from the first call to the last. So each figure is the median
of five starts.

Per target: start until `initialize` is answered; round trip of a tools/call carrying 100 bytes and 1 MiB each way,
one after another; calls a second with 64 in flight; peak memory of the relay. `mcpwatch` is measured observing
(as installed), and armed with limits that are never reached, also over a ledger of many rows.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CHUNK = 1 << 16
STARTS = 5
INITIALIZE = (
    b'{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},'
    b'"clientInfo":{"name":"bench","version":"1"}}}\n'
)
INITIALIZED = b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n'
LIST = b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}\n'


class Peer:
    """A client of the target over its standard streams, with no more work of its own than a read and a write."""

    def __init__(self, command: list[str], env: dict[str, str], core: int | None) -> None:
        pin = ["taskset", "-c", str(core)] if core is not None else []
        self.process = subprocess.Popen(
            [*pin, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env=env,
        )
        assert self.process.stdin and self.process.stdout
        self._in, self._out = self.process.stdin.fileno(), self.process.stdout.fileno()

    def send(self, frame: bytes) -> None:
        view = memoryview(frame)
        while view:
            view = view[os.write(self._in, view) :]

    def line(self) -> bytes:
        """One answer; nothing else may be waiting."""
        parts = []
        while True:
            part = os.read(self._out, CHUNK)
            if not part:
                raise SystemExit("the target closed its output")
            parts.append(part)
            if part.endswith(b"\n"):
                return b"".join(parts)

    def some(self) -> bytes:
        return os.read(self._out, CHUNK)

    def exchange(self, frame: bytes) -> bytes:
        """Send and receive, also when both do not fit into the pipes at once."""
        if len(frame) < CHUNK // 2:
            self.send(frame)
            return self.line()
        import threading

        sender = threading.Thread(target=self.send, args=(frame,))
        sender.start()
        answer = self.line()
        sender.join()
        return answer

    def peak_memory(self) -> int:
        """Largest resident size of the relay itself, in KiB; 0 where the system does not tell."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return 0
        return next((int(x.split()[1]) for x in status.splitlines() if x.startswith("VmHWM")), 0)

    def close(self) -> None:
        os.close(self._in)
        self.process.stdin = None
        self.process.wait(10)


def call(number: int, text: bytes) -> bytes:
    return b'{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"echo","arguments":{"text":"%b"}}}\n' % (
        number,
        text,
    )


def round_trips(peer: Peer, size: int, count: int) -> dict[str, float]:
    """Microseconds of sequential calls carrying `size` bytes each way."""
    text = b"x" * size
    for i in range(20 if size < CHUNK else 3):
        peer.exchange(call(i + 2, text))
    taken = []
    for i in range(count):
        frame = call(i + 100, text)
        start = time.perf_counter_ns()
        answer = peer.exchange(frame)
        taken.append((time.perf_counter_ns() - start) / 1000)
        if not answer.startswith(b'{"jsonrpc":"2.0","id":%d,"result"' % (i + 100)):
            raise SystemExit(f"wrong answer: {answer[:200]!r}")
    taken.sort()
    return {"p50": statistics.median(taken), "p99": taken[len(taken) * 99 // 100]}


def throughput(peer: Peer, seconds: float, in_flight: int = 64) -> float:
    """Calls a second with `in_flight` of them always open."""
    text = b"x" * 100
    number = 1_000_000
    peer.send(b"".join(call(number + i, text) for i in range(in_flight)))
    number += in_flight
    done = 0
    start = time.perf_counter()
    while (now := time.perf_counter()) - start < seconds:
        answers = peer.some().count(b"\n")
        done += answers
        if answers:
            peer.send(b"".join(call(number + i, text) for i in range(answers)))
            number += answers
    rate = done / (now - start)
    left = in_flight
    while left > 0:
        left -= peer.some().count(b"\n")
    return rate


def measure(command: list[str], env: dict[str, str], core: int | None, *, quick: bool) -> dict[str, Any]:
    """Medians over several starts of the target."""
    starts = []
    for _ in range(3 if quick else 7):
        begun = time.perf_counter()
        peer = Peer(command, env, core)
        peer.exchange(INITIALIZE)
        starts.append((time.perf_counter() - begun) * 1000)
        peer.close()
    runs = [run(Peer(command, env, core), quick=quick) for _ in range(1 if quick else STARTS)]
    return {"start_ms": statistics.median(starts)} | {
        name: statistics.median(found[name] for found in runs) for name in runs[0]
    }


def run(peer: Peer, *, quick: bool) -> dict[str, float]:
    peer.exchange(INITIALIZE)
    peer.send(INITIALIZED)
    peer.exchange(LIST)
    small = round_trips(peer, 100, 1000 if quick else 4000)
    large = round_trips(peer, 1 << 20, 20 if quick else 100)
    rate = throughput(peer, 1.0 if quick else 2.0)
    memory = peer.peak_memory()
    peer.close()
    return {
        "p50_us": small["p50"],
        "p99_us": small["p99"],
        "mib_p50_us": large["p50"],
        "calls_per_s": rate,
        "peak_kib": memory,
    }


@contextmanager
def state(*, armed: bool, rows: int = 0) -> Iterator[dict[str, str]]:
    """An environment with a state of its own; armed with limits out of reach; with a ledger of `rows` charges."""
    from mcpwatch.guard import lock
    from mcpwatch.store.ledger import Ledger
    from mcpwatch.store.records import Dimension, Limit

    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger.open(Path(folder) / "state.db")
        if armed:
            high = [Limit(Dimension.CALLS, 10**12, 60), Limit(Dimension.TOKENS, 10**14, 3600)]
            lock.set_limits(ledger, [*high, Limit(Dimension.COST, 10**15, 3600)], None, by="bench")
            lock.set_password(ledger, "benchmark", "benchmark", None, by="bench")
            lock.arm(ledger, by="bench")
        if rows:
            with ledger.transaction() as tx:
                start = tx.now - rows * 1000
                tx.db.executemany(
                    "INSERT INTO charges VALUES ('*/*', ?, ?, ?, ?)",
                    ((start + i * 1000, i, i * 50, i * 150) for i in range(rows)),
                )
        ledger.close()
        yield os.environ | {"MCPWATCH_STATE": folder, "MCPWATCH_CONFIG": str(Path(folder) / "none.toml")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer runs: a smoke test")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the long ledger (default 1 000 000)")
    parser.add_argument("--json", metavar="FILE", help="also write the figures as JSON")
    options = parser.parse_args()
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise SystemExit("bench: a C compiler is needed for the stub server")
    core = max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") and shutil.which("taskset") else None
    if core is not None:
        os.sched_setaffinity(0, {core})  # the client too: a hop between cores costs more than a relay
    results: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        stub = str(Path(folder) / "stub")
        subprocess.run([compiler, "-O2", "-D_GNU_SOURCE", "-o", stub, str(HERE / "stub.c")], check=True)
        guard = [sys.executable, "-m", "mcpwatch", "run", "--name", "stub", "--", stub]
        results["direct"] = measure([stub], dict(os.environ), core, quick=options.quick)
        if shutil.which("socat"):
            socat = ["socat", "-b", "262144", "STDIO", f"EXEC:{stub}"]
            results["socat"] = measure(socat, dict(os.environ), core, quick=options.quick)
        with state(armed=False) as env:
            results["mcpwatch, observing"] = measure(guard, env, core, quick=options.quick)
        with state(armed=True) as env:
            results["mcpwatch, armed"] = measure(guard, env, core, quick=options.quick)
        with state(armed=True, rows=options.rows) as env:
            results[f"mcpwatch, armed, {options.rows:,} charges"] = measure(guard, env, core, quick=options.quick)
    pinned = f"pinned to core {core}" if core is not None else "not pinned"
    print(f"Python {platform.python_version()}, {platform.machine()}, {pinned}\n")
    print(f"{'':36}{'start':>8}{'100 B p50':>11}{'p99':>9}{'1 MiB p50':>11}{'calls/s':>10}{'memory':>9}")
    for name, x in results.items():
        print(
            f"{name:36}{x['start_ms']:>5.0f} ms{x['p50_us']:>8.1f} µs{x['p99_us']:>6.0f} µs{x['mib_p50_us']:>8.0f} µs"
            f"{x['calls_per_s']:>10,.0f}{x['peak_kib'] / 1024:>6.0f} MB"
        )
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
