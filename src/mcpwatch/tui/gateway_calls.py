"""What the proxy worker asks of the system. Every method blocks: they run in a thread that nobody waits for."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

import msgspec

from mcpwatch.relay import gateway_control, gateway_service, processes
from mcpwatch.relay.gateway_control import Found
from mcpwatch.store import gateways
from mcpwatch.store.config import Config, ConfigError, load
from mcpwatch.store.database import StateError
from mcpwatch.store.gateways import GatewayRow
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.paths import config_file, state_dir, state_file

TAIL_BYTES: Final = 64 << 10
T = TypeVar("T")


async def in_thread(work: Callable[[], T]) -> T:
    """Like `asyncio.to_thread`, but the end of the program does not wait for it: a start takes up to 15 s."""
    done: Future[T] = Future()
    done.set_running_or_notify_cancel()  # who waits may go; then nobody takes the result

    def run() -> None:
        try:
            done.set_result(work())
        except Exception as error:  # noqa: BLE001 - raised where it is awaited
            done.set_exception(error)

    threading.Thread(target=run, name="mcpwatch-gateway", daemon=True).start()
    return await asyncio.wrap_future(done)


class Wanted(msgspec.Struct, frozen=True):
    """What the configuration says of HTTP servers. With a `problem` the rest is what it said before."""

    servers: dict[str, str] = {}
    host: str = ""
    port: int = 0
    problem: str = ""


class Seen(msgspec.Struct, frozen=True):
    """One look. `written` stands in the state file: a word there, and no gateway, is one that did not end orderly;
    unless it is `ending` just now, and takes its row back."""

    found: Found
    written: GatewayRow = GatewayRow()
    ending: bool = False


class GatewayCalls:
    def __init__(self) -> None:
        self._ledger: Ledger | None = None
        self._wanted = Wanted()
        self._mark: object = ()

    def wanted(self) -> Wanted:
        """Read again when the file changes."""
        try:
            status = config_file().stat()
            mark: object = (status.st_mtime_ns, status.st_size, status.st_ino)
        except OSError:
            mark = None
        if mark != self._mark:
            try:
                self._wanted = _wanted(load())
            except ConfigError as error:
                self._wanted = msgspec.structs.replace(self._wanted, problem=str(error))
            self._mark = mark
        return self._wanted

    def look(self, last: Found) -> Seen:
        """The gateway of the last look, else the one written down. Raises StateError."""
        if last.state == "up":
            found = gateway_control.look(last.row)
            if found.state == "up":
                return Seen(found, found.row)
        row = gateways.read(self._opened())
        found = gateway_control.look(row)
        ending = found.state == "none" and not processes.ended(row.pid) and processes.is_gateway(row.pid)
        return Seen(found, row, ending)

    def _opened(self) -> Ledger:
        """One connection for all looks: opening one writes. A file that was taken away is not made anew."""
        if self._ledger is not None and self._ledger.replaced():
            self.close()
        if self._ledger is None:
            if not state_file().exists():
                raise StateError(f"state file {state_file()}: gone")
            self._ledger = Ledger.open()
        return self._ledger

    def close(self) -> None:
        ledger, self._ledger = self._ledger, None
        if ledger is not None:
            ledger.close()

    def start(self) -> Found:
        """Raises NotStarted, StateError, OSError."""
        return gateway_control.start()

    def log(self) -> str:
        """Where one that we start writes."""
        return str(state_dir() / gateway_control.LOG)

    def end(self, found: Found, *, force: bool) -> bool:
        """False: it is still there. By force only where it is a gateway beyond doubt."""
        silent = found.state == "silent"
        if silent and not processes.is_gateway(found.row.pid):
            return False
        if gateway_control.stop(found, 3.0 if silent else 10.0):
            return True
        return force and processes.is_gateway(found.row.pid) and processes.kill(found.row.pid)

    def note_stop(self, row: GatewayRow) -> None:
        """For the other screens: it is a person who ends it. Raises StateError."""
        gateways.stop(self._opened(), row, "screen")

    def was_stopped(self, row: GatewayRow) -> bool:
        """Whether a person ended it, on whatever screen. Raises StateError."""
        return gateways.was_stopped(self._opened(), row)

    def is_child(self, pid: int) -> bool:
        return processes.is_child(pid)

    def is_service(self) -> bool:
        """Whether systemd or launchd runs it now."""
        service = _service()
        return service is not None and service.path.exists() and gateway_service.is_running(service)

    def restart_service(self) -> list[str]:
        """What did not work."""
        service = _service()
        return gateway_service.restart(service) if service is not None else []

    def taken_by(self, wanted: Wanted) -> str:
        """Who has the port a gateway would listen on, "" when nobody has it."""
        if not wanted.port:
            return ""
        pid = processes.listener(wanted.port)
        if pid and processes.is_gateway(pid):
            return f"another mcpwatch gateway, with a state file of its own (process {pid})"
        if pid:
            program = Path((processes.command_of(pid).split() or ["a program"])[0]).name
            return f"{program} (process {pid})"
        try:
            with socket.create_connection((gateway_control.connect_host(wanted.host), wanted.port), timeout=1):
                return "another user's program"
        except OSError:
            return ""


def _wanted(config: Config) -> Wanted:
    servers = {name: origin(server.url) for name, server in config.servers.items()}
    return Wanted(servers, config.gateway.host, config.gateway.port)


def origin(url: str) -> str:
    """Scheme and host of a URL: the rest may be secret, and only the gateway knows how to mask it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else ""


def _service() -> gateway_service.Service | None:
    try:
        return gateway_service.service()
    except gateway_service.Unsupported:
        return None


def tail(path: str, lines: int = 300) -> list[str]:
    """The last lines of a log. Raises OSError; only of a regular file: a pipe would be read empty, or hang."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(0, "it is no regular file")
        start = max(0, status.st_size - TAIL_BYTES)
        file.seek(start)
        text = file.read(TAIL_BYTES).decode("utf-8", "replace")
    found = text.splitlines()
    return found[1 if start else 0 :][-lines:]
