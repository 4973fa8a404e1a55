"""A proxy worker of the tests: a system that does as the test says, and a home of its own for the real one."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import msgspec
import pytest

from mcpwatch.relay import gateway_control
from mcpwatch.relay.gateway_control import Found, Health, NotStarted
from mcpwatch.store.gateways import GatewayRow
from mcpwatch.store.ledger import Ledger
from mcpwatch.tui.gateway_calls import GatewayCalls, Seen, Wanted
from mcpwatch.tui.gateway_worker import GatewayWorker
from servers.processes import marked, wait_gone

LOG = "/home/you/.local/state/mcpwatch/gateway.log"
SERVERS = {"search": "https://example.com/mcp", "tickets": "https://tickets.example/mcp"}


def found_up(pid: int = 4242, *, log: str = "", **more: object) -> Found:
    """A gateway that answers."""
    row = GatewayRow(f"word{pid}", pid, "127.0.0.1", 7373, log)
    health = Health(version("mcpwatch"), pid, row.word, 3700.0, dict(SERVERS), 3, 2)
    return Found("up", row, msgspec.structs.replace(health, **more))


class FakeCalls(GatewayCalls):
    """`there` is what a look finds, `written` what stands in the state file, `starts` what each start comes to."""

    def __init__(self, *, servers: dict[str, str] | None = None, there: Found | None = None) -> None:
        super().__init__()
        self.now_wanted = Wanted(SERVERS if servers is None else servers, "127.0.0.1", 7373)
        self.there = there or Found("none")
        self.written = self.there.row
        self.starts: list[Found | str] = []
        self.asked: list[str] = []
        self.children: set[int] = set()
        self.stopped: set[int] = set()
        self.ending = False
        self.service = False
        self.ends = True
        self.taken = ""

    def wanted(self) -> Wanted:
        return self.now_wanted

    def look(self, last: Found) -> Seen:
        return Seen(self.there, self.written, self.ending)

    def start(self) -> Found:
        self.asked.append("start")
        outcome = self.starts.pop(0) if self.starts else found_up()
        if isinstance(outcome, str):
            raise NotStarted(f"the gateway did not come up: {outcome}")
        self.there, self.written = outcome, outcome.row
        self.children.add(outcome.row.pid)
        return outcome

    def log(self) -> str:
        return LOG

    def end(self, found: Found, *, force: bool) -> bool:
        self.asked.append("force" if force else "end")
        if self.ends:
            self.gone()
        return self.ends

    def gone(self, *, crashed: bool = False) -> None:
        self.there = Found("none")
        if not crashed:
            self.written = GatewayRow()

    def note_stop(self, row: GatewayRow) -> None:
        self.stopped.add(row.pid)

    def was_stopped(self, row: GatewayRow) -> bool:
        return row.pid in self.stopped

    def is_child(self, pid: int) -> bool:
        return pid in self.children

    def is_service(self) -> bool:
        return self.service

    def restart_service(self) -> list[str]:
        self.asked.append("restart service")
        return []

    def taken_by(self, wanted: Wanted) -> str:
        return self.taken


class Time:
    """`time.monotonic` of a test."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


class Watched:
    """A worker that looks when the test says so."""

    def __init__(self, calls: FakeCalls) -> None:
        self.time = Time()
        self.calls = calls
        self.worker = GatewayWorker(calls, now=self.time)
        self.told: list[str] = []

    async def look(self, after: float = 0.0) -> str:
        """The phase, `after` seconds later."""
        self.time.at += after
        await self.worker._look()
        self.told += [text for text, _ in self.worker.take_news()]
        return self.worker.view.phase


@contextmanager
def gateway_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """State and configuration in `folder`; whatever gateway it has in the end is ended. Gives the configuration."""
    config = folder / "config.toml"
    for name, value in {
        "MCPWATCH_STATE": folder / "state",
        "MCPWATCH_CONFIG": config,
        "XDG_CONFIG_HOME": folder,
        "HOME": folder,
    }.items():
        monkeypatch.setenv(name, str(value))
    Ledger.open().close()
    try:
        yield config
    finally:
        found = gateway_control.find(timeout_s=0.5)
        pids = {found.row.pid} if found.state != "none" else set()
        pids |= set(marked(f"MCPWATCH_STATE={folder}")) if Path("/proc/self").exists() else set()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
        wait_gone(pids)


def configure(config: Path, servers: dict[str, str], port: int = 0) -> None:
    """Write the configuration, in one piece."""
    tables = "".join(f'[servers.{name}]\nurl = "{url}"\n' for name, url in servers.items())
    new = config.with_suffix(".new")
    new.write_text(f"[gateway]\nport = {port}\n{tables}")
    new.replace(config)
